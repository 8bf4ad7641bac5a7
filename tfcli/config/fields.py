"""Types that settings are made of, with their bounds. Free of torch: settings are read without it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

__all__ = [
    "Activation",
    "Annotated",
    "Betas",
    "Bounds",
    "Count",
    "Epsilon",
    "Field",
    "Gate",
    "Literal",
    "Positive",
    "Share",
    "Slope",
]

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, le=1e30)]
Epsilon = Annotated[Positive, Field(description="added under the root")]
Activation = Annotated[
    Literal["gelu", "relu", "silu", "relu2", "gelu_tanh", "tanh"],
    Field(description="non-linearity between two linear layers"),
]
Sharpness = Annotated[float, Field(gt=0, le=1e6)]


def two_numbers(value: Any) -> Any:
    """Return a pair, as a file or a person writes it.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError("must be two numbers above 0, such as [0.1, 10]")
    return value


Bounds = Annotated[tuple[Sharpness, Sharpness], Field(strict=False), BeforeValidator(two_numbers)]
Gate = Annotated[Bounds, Field(description="how hard tokens are compared or chosen, at first and later")]
Slope = Annotated[Bounds, Field(description="how steeply scores fall with the distance, at first and later")]
Betas = Annotated[
    tuple[Share, Share],
    Field(strict=False, description="how slowly the mean gradient and the mean square move"),
]

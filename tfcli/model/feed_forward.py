"""The feed-forward network of a block: it works on each position by itself.

Axes: T position, D d_model, F d_ff.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.config.fields import Activation
from tfcli.model.linear import Linear
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Stage, multiply


def relu2(x: Tensor) -> Tensor:
    """ReLU, squared (So et al. 2021, 2109.08668)."""
    return F.relu(x).square()


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by its approximation with tanh, as GPT-2 has it (Hendrycks & Gimpel 2016, 1606.08415)."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
    "relu2": relu2,
    "gelu_tanh": gelu_tanh,
    "tanh": torch.tanh,
}


class FeedForward(nn.Module):
    """No feed-forward at all, and the base class of all others.

    A feed-forward has a `forward(x)` of vectors [..., D]. `explanation`, `formula` and `recompute` are what
    `tfcli trace` shows; a network without them is described by its docstring, and computed again by a copy of
    itself in double precision.
    """

    explanation = ""
    formula = ""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        raise ValueError(f"{type(self).__name__} needs a method forward(x)")

    def recompute(self, x: Tensor) -> Tensor:
        """Return the output for `x` [T, D] in double precision."""
        again: Tensor = deepcopy(self).double()(x)
        return again

    def stage(self, x: Tensor, out: Tensor) -> Stage:
        """Return the stage from `x` to `out`, both [T, D]."""
        name = type(self).__name__
        explanation = self.explanation or (type(self).__doc__ or f"The network {name}.").partition("\n")[0]
        formula = self.formula or f"{name}(x)"
        return Stage("feed-forward", explanation, formula, out, self.recompute(x.double()))


class MLP(FeedForward):
    """Two linear layers with an activation between them (Vaswani et al. 2017, section 3.3)."""

    def __init__(self, sizes: Sizes, *, activation: Activation = "gelu") -> None:
        super().__init__(sizes)
        self.expand = Linear(sizes.d_model, sizes.d_ff, sizes.bias)
        self.activation = ACTIVATIONS[activation]
        self.dropout = nn.Dropout(sizes.dropout)
        self.contract = Linear(sizes.d_ff, sizes.d_model, sizes.bias)
        b_1, b_2 = (" + b_1", " + b_2") if sizes.bias else ("", "")
        self.formula = f"{activation}(x W_1{b_1}) W_2{b_2}"
        self.explanation = (
            f"The same two-layer network works on each position by itself, {sizes.d_ff} channels wide."
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.expand(x))  # [..., F]
        out: Tensor = self.contract(self.dropout(hidden))
        return out

    def recompute(self, x: Tensor) -> Tensor:
        return multiply(self.activation(multiply(x, self.expand)), self.contract)


class GatedMLP(MLP):
    """As `mlp`, with a layer beside the first that gates each hidden channel (Shazeer 2020, 2002.05202).

    With `silu` this is SwiGLU, with `gelu` GEGLU.
    """

    def __init__(self, sizes: Sizes, *, activation: Activation = "silu") -> None:
        super().__init__(sizes, activation=activation)
        self.gate = Linear(sizes.d_model, sizes.d_ff, sizes.bias)
        b_1, b_2, b_g = (" + b_1", " + b_2", " + b_g") if sizes.bias else ("", "", "")
        self.formula = f"({activation}(x W_g{b_g}) * (x W_1{b_1})) W_2{b_2}"
        self.explanation = (
            f"The same network works on each position by itself, {sizes.d_ff} channels wide; "
            "one layer gates what the other says."
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.gate(x)) * self.expand(x)  # [..., F]
        out: Tensor = self.contract(self.dropout(hidden))
        return out

    def recompute(self, x: Tensor) -> Tensor:
        return multiply(self.activation(multiply(x, self.gate)) * multiply(x, self.expand), self.contract)

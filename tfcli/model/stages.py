"""What a part says of its own computation: a stage with its explanation, and the same computed again.

Axes: T position, H head, C channel, key or symbol; D d_model, K d_head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

POSITION, CHANNEL, KEY, SYMBOL = "position", "channel", "key", "symbol"


class Explanation(NamedTuple):
    """What a part does, in whole sentences, and the formula for it."""

    sentence: str
    formula: str


class Stage(NamedTuple):
    """One stage of a forward pass."""

    name: str
    explanation: str
    formula: str
    kept: Tensor  # what the model computed: [T, C], or [H, T, C] where each head has its own
    again: Tensor  # the same, computed again in double precision from the stages before
    columns: str = CHANNEL  # what C counts
    facts: Sequence[str] = ()  # what holds of the values, as measured
    is_stream: bool = False  # whether it is the residual stream, which an answer can be read off
    rows: str = POSITION  # what T counts: of a matrix that the model has learned, channels of what it reads
    scale: float | None = None  # of scores: what the products of queries and keys are multiplied by


def has_bias(linear: nn.Linear) -> bool:
    """Whether a layer adds a bias; torch's types say that it always does."""
    bias: Tensor | None = linear.bias
    return bias is not None


def matrix_stage(letter: str, matrix: Tensor) -> Stage:
    """Return the learned matrix of a projection [D, K], or that of each head [H, D, K]."""
    what = "Learned: a row for each channel of what is read, a column for each of what is made of it."
    numbers = matrix.detach()
    return Stage(f"W_{letter}", what, f"W_{letter}", numbers, numbers.double(), rows=CHANNEL)


def multiply(x: Tensor, linear: nn.Linear) -> Tensor:
    """x W^T + b in the precision of `x`, written out."""
    product = x @ linear.weight.to(x).T
    return product + linear.bias.to(x) if has_bias(linear) else product

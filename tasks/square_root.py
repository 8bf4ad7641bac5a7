"""Square root: answer the whole part of the root of a binary number."""

import math

import torch
from torch import Tensor

from .base import Task


class SquareRoot(Task):
    """1 0 0 1 0 1 -> 1 1 0. The root without its fraction, highest digit first (2207.02098)."""

    SYMBOLS = ("0", "1")

    def answer_length(self, length: int) -> int:
        return (length + 1) // 2

    def target(self, inputs: Tensor) -> Tensor:
        width = self.answer_length(inputs.shape[1])
        roots = [math.isqrt(int("".join(map(str, row)), 2)) for row in inputs.tolist()]
        return torch.tensor([[int(digit) for digit in f"{root:0{width}b}"] for root in roots]).to(inputs)

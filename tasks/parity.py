"""Parity: answer whether the number of ones is odd."""

from torch import Tensor

from .base import Task


class Parity(Task):
    """1 0 1 1 -> 1. One answer: 1 if the number of ones is odd, else 0 (2207.02098)."""

    SYMBOLS = ("0", "1")

    def answer_length(self, length: int) -> int:
        return 1

    def target(self, inputs: Tensor) -> Tensor:
        return inputs.sum(1, keepdim=True) % 2

"""Even pairs: answer whether the number of changes, from 0 to 1 and from 1 to 0, is odd."""

from torch import Tensor

from .base import Task


class EvenPairs(Task):
    """0 1 1 0 1 -> 1. One answer: 1 if neighbours differ an odd number of times, else 0 (2207.02098)."""

    SYMBOLS = ("0", "1")

    def answer_length(self, length: int) -> int:
        return 1

    def target(self, inputs: Tensor) -> Tensor:
        return (inputs[:, :1] + inputs[:, -1:]) % 2  # each change undoes the one before

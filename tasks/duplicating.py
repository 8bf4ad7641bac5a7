"""Duplicating: answer the input twice."""

from torch import Tensor

from .base import Task


class Duplicating(Task):
    """3 1 2 -> 3 1 2 3 1 2. The copy of a published benchmark (2207.02098)."""

    def answer_length(self, length: int) -> int:
        return 2 * length

    def target(self, inputs: Tensor) -> Tensor:
        return inputs.repeat(1, 2)

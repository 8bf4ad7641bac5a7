"""Cycle navigation: answer where a walk on a circle of five places ends."""

from torch import Tensor

from .base import Task


class CycleNavigation(Task):
    """+ + = - + -> 2. One answer: the place, from 0, after steps right, left and none (2207.02098)."""

    SYMBOLS = ("-", "=", "+")
    ANSWERS = ("0", "1", "2", "3", "4")

    def answer_length(self, length: int) -> int:
        return 1

    def target(self, inputs: Tensor) -> Tensor:
        return (inputs - 1).sum(1, keepdim=True) % len(self.ANSWERS)

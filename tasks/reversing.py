"""Reversing: answer the sequence backwards."""

from torch import Tensor

from .base import Task, positions


class Reversing(Task):
    """3 1 2 -> 2 1 3. Each token needs its mirror image, so a head has to look at position T - 1 - i."""

    def target(self, inputs: Tensor) -> Tensor:
        return inputs.flip(-1)

    def source(self, inputs: Tensor) -> Tensor:
        return positions(inputs).flip(-1)

"""Copying: answer each symbol with itself."""

from torch import Tensor

from .base import Task, positions


class Copying(Task):
    """3 1 2 -> 3 1 2. A token needs nobody but itself, so a head may look at its own position."""

    def target(self, inputs: Tensor) -> Tensor:
        return inputs

    def source(self, inputs: Tensor) -> Tensor:
        return positions(inputs)

"""Sorting: answer the symbols in ascending order of their ids."""

from torch import Tensor

from .base import Task


class Sorting(Task):
    """3 1 2 -> 1 2 3. Each token needs all the others, to know how many of them come first."""

    def target(self, inputs: Tensor) -> Tensor:
        return inputs.sort(dim=-1).values

    def source(self, inputs: Tensor) -> Tensor:
        """Equal symbols are told apart by their order in the input."""
        return inputs.argsort(dim=-1, stable=True)

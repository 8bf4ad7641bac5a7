"""Odds first: answer the symbols at odd positions, counted from 0, then those at even ones."""

import torch
from torch import Tensor

from .base import Task, positions


class OddsFirst(Task):
    """3 1 2 5 -> 1 5 3 2. The symbols at positions 1, 3, ... come before those at 0, 2, ... (2207.02098).

    So answers the released generator; the examples in its docstring have the halves the other way round.
    """

    def target(self, inputs: Tensor) -> Tensor:
        return torch.cat([inputs[:, 1::2], inputs[:, ::2]], dim=1)

    def source(self, inputs: Tensor) -> Tensor:
        return self.target(positions(inputs))

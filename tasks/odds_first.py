"""Odds first: answer the symbols at odd places, counted from 1, then those at even ones."""

import torch
from torch import Tensor

from .base import Task, positions


class OddsFirst(Task):
    """3 1 2 5 -> 3 2 1 5. The symbols of odd places come before those of even ones (2207.02098)."""

    def target(self, inputs: Tensor) -> Tensor:
        return torch.cat([inputs[:, ::2], inputs[:, 1::2]], dim=1)

    def source(self, inputs: Tensor) -> Tensor:
        return self.target(positions(inputs))

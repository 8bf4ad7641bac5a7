"""Inputs that are written by forms: at each position of a form stands a symbol out of a range.

Axes: B batch, T position of the input, F form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MANY = 2**62  # random numbers, of which a remainder is as good as even


@dataclass(frozen=True)
class Forms:
    """The forms of a length: the ids from `lowest` to `highest` [F, T] may stand at each position of each."""

    lowest: Tensor
    highest: Tensor

    def sizes(self) -> Tensor:
        """How many sequences each form has, float64 [F]."""
        return (self.highest - self.lowest + 1).double().prod(1)

    def fill(self, which: Tensor, generator: torch.Generator) -> Tensor:
        """Return a sequence [B, T] of each form of `which` [B], all that it has equally likely."""
        lowest, highest = self.lowest[which], self.highest[which]
        numbers = torch.randint(MANY, lowest.shape, generator=generator, device=lowest.device)
        return lowest + numbers % (highest - lowest + 1)

    def match(self, inputs: Tensor) -> Tensor:
        """Whether each row of `inputs` [B, T] is of each form, bool [B, F]."""
        rows = inputs[:, None]  # [B, 1, T]
        return ((self.lowest <= rows) & (rows <= self.highest)).all(-1)


def make_forms(rows: Sequence[Sequence[range]], device: torch.device) -> Forms:
    """Return forms of one length, each given as a range of ids a position."""
    lowest = [[ids.start for ids in row] for row in rows]
    highest = [[ids.stop - 1 for ids in row] for row in rows]
    return Forms(torch.tensor(lowest, device=device), torch.tensor(highest, device=device))

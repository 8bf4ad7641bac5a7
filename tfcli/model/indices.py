"""Indices: how positions are numbered, 0, 1, 2, ..., or by a sorted draw from a wider range.

Axes: B batch, L position of all that is read.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates


class ConsecutiveIndices(nn.Module):
    """0, 1, 2, ... as tokens stand."""

    RANGE: int | None = (
        None  # how many different indices there are; None: as many as the longest sequence has
    )

    def forward(self, at: Coordinates) -> Coordinates:
        """Return the coordinates as positional encodings read them."""
        return at


class RandomizedIndices(ConsecutiveIndices):
    """A sorted draw from `RANGE` numbers in place of 0, 1, 2, ...

    A model that was trained so has met all numbers of the range, however short its sequences were (Ruoss et
    al. 2023, 2305.16843). One draw serves the whole batch. In training it is new each time, from torch's
    global random numbers; out of it always the same.
    """

    RANGE = 2048

    def __init__(self) -> None:
        super().__init__()
        self.fixed: Tensor
        generator = torch.Generator("cpu").manual_seed(0)
        drawn = torch.randperm(self.RANGE, device="cpu", generator=generator)
        self.register_buffer("fixed", drawn, persistent=False)

    def forward(self, at: Coordinates) -> Coordinates:
        device = at.start.device
        drawn = torch.randperm(self.RANGE, device=device) if self.training else self.fixed
        drawn = drawn[: at.longest]
        if at.may_attend is None:
            indices = drawn.sort().values
            return replace(at, start=indices[at.start], from_end=indices[at.end])
        # Of each sequence as many as it has tokens, so that padding changes nothing.
        longest = at.start.amax(1, keepdim=True) + 1  # of the segments of each sequence
        beyond = torch.arange(at.longest, device=device) >= longest  # [B, longest]
        of_each = drawn.masked_fill(beyond, self.RANGE).sort(dim=1).values.clamp(max=self.RANGE - 1)
        return replace(at, start=of_each.gather(1, at.start), from_end=of_each.gather(1, at.end))


INDICES = {"consecutive": ConsecutiveIndices, "randomized": RandomizedIndices}

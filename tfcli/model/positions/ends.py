"""Positions counted from both ends.

Axes: B batch, L position of all that is read, H head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates
from tfcli.model.positions.base import Positions
from tfcli.model.positions.segments import segment_pairs
from tfcli.model.sizes import Sizes
from tfcli.model.stacking import lookup
from tfcli.model.stages import Explanation

# AdamW moves every parameter by about the learning rate a step, however steep its slope is. Tables hold a
# bias divided by GAIN, so that a head makes up its mind in tens of steps, not hundreds.
GAIN = 8.0


class EndsPositions(Positions):
    """A learned bias on how far a key stands from where the query stands, counted from both ends.

    Two tables a head. One is indexed by start(query) - start(key), the plain offset (Shaw et al. 2018,
    1803.02155); the other by start(query) - end(key), the offset from the query's mirror image. Offsets are
    clipped to ±`reach`, at most REACH and within the trained lengths, so that a longer sequence holds no
    offset that training hasn't seen.

    Where there are several segments, each pair of them has its own part of the tables, and two more tables
    count the query from its end: segments of different lengths have two ends to be matched.
    """

    REACH = 16

    in_scores = Explanation(
        "Learned numbers for the offsets from both ends.",
        "from_start[start_query - start_key] + from_end[start_query - end_key]",
    )

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.n_segments = sizes.n_segments
        self.reach = min(self.REACH, max(1, sizes.longest - 1))
        shape = (sizes.n_segments**2 * (2 * self.reach + 1), sizes.n_heads)
        self.from_start = nn.Parameter(torch.zeros(shape))
        self.from_end = nn.Parameter(torch.zeros(shape))
        if sizes.n_segments > 1:
            self.end_from_start = nn.Parameter(torch.zeros(shape))
            self.end_from_end = nn.Parameter(torch.zeros(shape))

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        lookups = [(at.start, at.start, self.from_start), (at.start, at.end, self.from_end)]
        if self.n_segments > 1:
            lookups += [(at.end, at.start, self.end_from_start), (at.end, at.end, self.end_from_end)]
        pairs = segment_pairs(at, self.n_segments) * (2 * self.reach + 1)
        found = [
            lookup(pairs + offset_bucket(query, key, self.reach), table) for query, key, table in lookups
        ]
        return GAIN * sum(found[1:], found[0]).movedim(-1, -3)  # [B, H, L, L]


def offset_bucket(query: Tensor, key: Tensor, reach: int) -> Tensor:
    """Return the clipped offsets between two coordinates [B, L], counted from 0: int64 [B, L, L]."""
    return (query[..., :, None] - key[..., None, :]).clamp(-reach, reach) + reach

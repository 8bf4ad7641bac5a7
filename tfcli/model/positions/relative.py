"""Relative positions: a learned bias on the offset, in buckets.

Axes: B batch, L position of all that is read, H head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tfcli.config.fields import Annotated, Field
from tfcli.model.coordinates import Coordinates
from tfcli.model.positions.base import Positions
from tfcli.model.positions.ends import GAIN
from tfcli.model.sizes import Sizes
from tfcli.model.stacking import lookup
from tfcli.model.stages import Explanation


class RelativePositions(Positions):
    """A learned bias on the offset, in buckets that widen (T5, Raffel et al. 2020, 1910.10683, section 2.1).

    Each direction has 16 buckets: one for each offset below 8, the others evenly spaced in its logarithm up
    to `farthest`, the last for all beyond. Each layer has a table of its own. Where training sequences are
    shorter than `farthest`, longer ones meet buckets that were never trained.
    """

    goes_by_place = True

    BUCKETS, EXACT = 16, 8

    in_scores = Explanation("A learned number for the offset of key and query.", "table[key - query]")

    def __init__(
        self,
        sizes: Sizes,
        *,
        farthest: Annotated[
            int, Field(ge=16, le=65_536, description="offset from which on all are alike")
        ] = 128,
    ) -> None:
        super().__init__(sizes)
        self.farthest = farthest
        self.table = nn.Parameter(torch.zeros(2 * self.BUCKETS, sizes.n_heads))

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        buckets = self.bucket(at.start[..., None, :] - at.queries[..., :, None])  # [B, Q, L]
        return GAIN * lookup(buckets, self.table).movedim(-1, -3)

    def bucket(self, offset: Tensor) -> Tensor:
        """Return the bucket of each offset, key minus query; keys to the right have the later buckets."""
        distance = offset.abs()
        wide = self.BUCKETS - self.EXACT
        share = (distance.clamp(min=1) / self.EXACT).log() / math.log(self.farthest / self.EXACT)
        far = (self.EXACT + (share * wide).long()).clamp(max=self.BUCKETS - 1)
        return torch.where(distance < self.EXACT, distance, far) + self.BUCKETS * (offset > 0)

"""What encodings know of segments: a number for each pair of them, and distances that computed places give.

Axes: B batch, L position of all that is read, H head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates
from tfcli.model.sizes import Sizes
from tfcli.model.stacking import broadcast, lookup

GAIN = 4.0  # of what is learned besides distances; see `ends`


def segment_pairs(at: Coordinates, n_segments: int) -> Tensor:
    """Return the pair of segments of each query and key, int64 [1, L, L]; 0 with one segment."""
    if at.segment is None:
        return at.start.new_zeros(()).view([1] * (at.start.dim() + 1))
    pairs = at.segment[:, None] * n_segments + at.segment
    return pairs.view(*[1] * (at.start.dim() - 1), *pairs.shape)


def same_segment(at: Coordinates) -> Tensor:
    """Whether two tokens stand in one segment, bool [L, L], or [1, 1] where there is but one."""
    if at.segment is None:
        return torch.ones(1, 1, dtype=torch.bool, device=at.start.device)
    return at.segment[:, None] == at.segment


class DistanceScores(nn.Module):
    """Scores that fall with a distance, and a learned bias for each pair of segments where there are several.

    The slope is saved with the run: it answers as it was trained.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.n_segments = sizes.n_segments
        if sizes.n_segments > 1:
            self.between = nn.Parameter(torch.zeros(sizes.n_segments**2, sizes.n_heads))
        self.slope: Tensor
        self.register_buffer("slope", torch.ones(()))

    def forward(self, distance: Tensor, at: Coordinates) -> Tensor:
        """Return the scores of keys at a distance [B, H, L, L]."""
        slope = broadcast(self.slope, distance, 0)
        if self.n_segments == 1:
            return -slope * distance
        between = lookup(segment_pairs(at, self.n_segments), self.between)  # [1, L, L, H]
        return GAIN * between.movedim(-1, -3) - slope * distance

"""Rotary positions.

Axes: B batch, L position of all that is read, K d_head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tfcli.model.layout import Coordinates
from tfcli.model.positions.base import Positions
from tfcli.model.positions.sinusoidal import frequencies
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation


class RotaryPositions(Positions):
    """Queries and keys turned by an angle that grows with the position (Su et al. 2021, 2104.09864, eq. 34).

    The score of a pair then depends on the offset between its two positions only.
    """

    goes_by_place = True
    in_queries = Explanation(
        "It is turned by angles that grow with the position.", ", turned by position * frequency"
    )

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        if sizes.d_head % 2:
            raise ValueError(f"rotary needs an even d_model / n_heads, not {sizes.d_head}")
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies(sizes.d_head), persistent=False)

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        angles = at.start[:, None, :, None] * self.frequencies  # [B, 1, L, K/2]
        cos, sin = angles.cos(), angles.sin()
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)

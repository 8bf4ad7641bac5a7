"""Fractional positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates
from tfcli.model.positions.base import Positions
from tfcli.model.sizes import Sizes
from tfcli.model.stacking import broadcast
from tfcli.model.stages import Explanation


class FractionalPositions(Positions):
    """How far through its segment each token stands, along learned directions.

    u = (start + 1/2) / length along one direction, and 1 - u along another. No length holds a fraction that
    is out of range, but neighbours come ever closer.
    """

    in_embedding = Explanation(
        "How far through the sequence it stands, u from 0 to 1, is added along two learned directions.",
        " + u d_1 + (1 - u) d_2",
    )

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.directions = nn.Parameter(torch.randn(2, sizes.d_model))

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        u = (at.start + 0.5).to(self.directions.dtype) / (at.start + at.end + 1)
        return x + torch.stack((u, 1 - u), dim=-1) @ broadcast(self.directions, x, 2)

"""Learned positions."""

from __future__ import annotations

from torch import Tensor

from tfcli.model.coordinates import Coordinates
from tfcli.model.embedding import Table
from tfcli.model.positions.base import Positions
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation


class LearnedPositions(Positions):
    """A learned vector for each position (Vaswani et al. 2017, section 3.5, the alternative).

    Knows the positions that training has and no others.
    """

    goes_by_place = True
    in_embedding = Explanation("A learned vector for its position is added.", " + P[position]")

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.longest = sizes.n_places
        self.table = Table(sizes.n_places, sizes.d_model)

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        rows: Tensor = self.table(at.start)  # [B, L, D]
        return x + rows

"""Rotary positions.

Axes: B batch, L position of all that is read, K d_head.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from tfcli.model.coordinates import Coordinates
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
        self.register_buffer("frequencies", signed_frequencies(sizes.d_head), persistent=False)

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        # Queries and keys of all layers turn by the same angles, if they have one tensor of frequencies.
        cos, sin = at.once(id(self.frequencies), lambda: self.turns(at))
        swapped = torch.unflatten(x, -1, (-1, 2)).flip(-1).flatten(-2)
        return torch.addcmul(x * cos, swapped, sin)  # (a, b) -> (a cos - b sin, b cos + a sin)

    def turns(self, at: Coordinates) -> tuple[Tensor, Tensor]:
        """Return what `turn` does; of a part, those of the whole are made once for all of its parts."""
        whole = at.whole
        if whole is None:
            return self.turn(at)
        cos, sin = whole.once(id(self.frequencies), lambda: self.turn(whole))
        count = at.start.shape[-1]
        return cos.narrow(-2, at.first, count), sin.narrow(-2, at.first, count)

    def turn(self, at: Coordinates) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of the angle of each channel, [B or 1, 1, L, K]; the sine has its sign."""
        angles = (at.start.unsqueeze(-1) * self.frequencies).unsqueeze(-3)
        return angles.cos(), angles.sin()


@cache
def signed_frequencies(width: int) -> Tensor:
    """Return how far each of `width` channels turns per position, below 0 for the first of each pair."""
    return torch.stack((-frequencies(width), frequencies(width)), dim=-1).flatten()

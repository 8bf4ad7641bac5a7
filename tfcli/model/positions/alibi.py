"""ALiBi: a penalty on the distance.

Axes: B batch, L position of all that is read, H head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tfcli.model.coordinates import Coordinates
from tfcli.model.positions.base import Positions
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation


class AlibiPositions(Positions):
    """A fixed penalty on the distance, less steep from head to head (Press et al. 2021, 2108.12409).

    The slopes are those of the released code; an encoder counts the distance in both directions.
    """

    goes_by_place = True
    in_scores = Explanation("A penalty that grows with the distance.", "-slope |query - key|")

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.slopes: Tensor
        self.register_buffer("slopes", torch.tensor(slopes(sizes.n_heads)), persistent=False)

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        distance = (at.queries[..., :, None] - at.start[..., None, :]).abs()  # [B, Q, L]
        return -self.slopes[:, None, None] * distance.unsqueeze(-3)


def slopes(n_heads: int) -> list[float]:
    """Return the slope of each head: 2^(-8 h / H) for h = 1 ... H, where H is a power of two.

    Where it isn't, those of the next lower power of two, then every second one of the next higher, from the
    first on.
    """
    lower = 2 ** int(math.log2(n_heads))
    found = [2 ** (-8 * h / lower) for h in range(1, lower + 1)]
    return found + [2 ** (-8 * h / (2 * lower)) for h in range(1, 2 * lower + 1, 2)][: n_heads - lower]

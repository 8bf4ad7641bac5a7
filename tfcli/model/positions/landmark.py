"""Landmark positions: tokens are numbered from one that a head picks.

Axes: B batch, Q query, L position of all that is read, H head, D d_model.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tfcli.config.fields import Gate, Slope
from tfcli.model.coordinates import Coordinates
from tfcli.model.linear import Linear
from tfcli.model.positions.base import Positions, sharpness
from tfcli.model.positions.ends import EndsPositions
from tfcli.model.positions.segments import DistanceScores, same_segment
from tfcli.model.sizes import Sizes
from tfcli.model.softmax import softmax
from tfcli.model.stacking import broadcast
from tfcli.model.stages import Explanation


class LandmarkPositions(Positions):
    """Tokens are numbered from a landmark that a head chooses; later layers look nearby.

    In the first layer, each head picks a landmark: the mean place of the tokens, weighted by a softmax over a
    learned score of each that the query may attend to. It numbers the tokens from the next one on, and a
    query that is the i-th of its segment looks for number i: content - slope |i - number_j|, and a learned
    bias for each pair of segments. With the begin token as its landmark a head counts from the start, with
    an operator from the second operand. Times `gate`, the scores make the choice ever clearer.

    The other layers have `NearbyPositions`.
    """

    kind_of_places = "numbers"
    in_scores = Explanation(
        "How far the key's number, counted from the landmark, is from the query's position.",
        "-slope |position - number|",
    )

    def __init__(self, sizes: Sizes, *, gate: Gate = (0.1, 10.0), slope: Slope = (0.1, 3.0)) -> None:
        super().__init__(sizes)
        self.bounds = {"gate": gate, "slope": slope}
        self.pick = Linear(sizes.d_model, sizes.n_heads, bias=False)
        self.scores = DistanceScores(sizes)
        self.gate: Tensor
        self.register_buffer("gate", torch.ones(()))

    @classmethod
    def for_layers(cls, n_layers: int, sizes: Sizes, **settings: Any) -> list[Positions]:
        return [cls(sizes, **settings), *(NearbyPositions(sizes) for _ in range(n_layers - 1))]

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        bias: Tensor = self.scores((at.start[..., None, :, None] - self.places(x, at)).abs(), at)
        return bias

    def places(self, x: Tensor, at: Coordinates) -> Tensor:
        """Return the number of each token in each head, [B, H, Q, L]; never in bfloat16."""
        with torch.autocast(x.device.type, enabled=False):
            picked = self.pick(x.to(self.pick.weight.dtype)).transpose(-2, -1)  # [B, H, L]
            scores = (broadcast(self.gate, picked, 0) * picked).unsqueeze(-2)
            if at.is_masked and at.allowed is not None:
                scores = scores.masked_fill(~at.allowed, -math.inf)  # [B, H, Q, L]
            elif at.may_attend is not None:
                scores = scores.masked_fill(~at.may_attend[..., None, None, :], -math.inf)
            place = at.order[..., None, None, :].to(scores.dtype)  # [B, 1, 1, L]
            landmark = (softmax(scores) * place).sum(-1, keepdim=True)  # [B, H, Q, 1]
            numbers: Tensor = place - landmark - 1
            return numbers

    def anneal(self, progress: float) -> None:
        self.gate.fill_(sharpness(progress, self.bounds["gate"]))
        self.scores.slope.fill_(sharpness(progress, self.bounds["slope"]))


class NearbyPositions(EndsPositions):
    """As `ends`, and head h loses 2^-h for each position beyond NEAR within a segment.

    After Press et al. 2021 (2108.12409), so that many keys far away don't outweigh a near one; the last head
    loses nothing.
    """

    NEAR = 8

    in_scores = Explanation(
        "Learned numbers for the offsets from both ends, less a penalty on what is far away.",
        "from_start[...] + from_end[...] - 2^-head max(0, distance - 8)",
    )

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        fading = torch.exp2(-torch.arange(sizes.n_heads))[:, None, None]
        fading[-1] = 0
        self.fading: Tensor
        self.register_buffer("fading", fading, persistent=False)

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        beyond = ((at.start[..., :, None] - at.start[..., None, :]).abs() - self.NEAR).clamp(min=0)
        return super().bias(x, at) - self.fading * (beyond * same_segment(at)).unsqueeze(-3)

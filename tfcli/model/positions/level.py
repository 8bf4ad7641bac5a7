"""Level positions: the model counts steps up and down, and finds what is on top of a stack.

Axes: B batch, Q query, L position of all that is read, H head, D d_model.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tfcli.config.fields import Annotated, Count, Field, Slope
from tfcli.model.coordinates import Coordinates
from tfcli.model.linear import Linear
from tfcli.model.positions.base import Positions, sharpness
from tfcli.model.positions.segments import DistanceScores, same_segment
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation


class LevelPositions(Positions):
    """A position that the model counts: tokens step from level to level, and a query looks for its own.

    In each head a token takes a learned step, by default one level up, one down or none, and stands half-way
    through it. So a symbol that is put on a stack and the pop that takes it off stand on one level. A query
    looks for the newest token on its level: its scores are -slope (|level_i - level_j| + newer_j), with
    newer_j the number of later tokens of the same segment on the level of j that the query may attend to, and
    no content in them.

    Levels run on from segment to segment. A level is a sum of whole numbers, so it is as exact in a long
    sequence as in a short one. How far a symbol steps is learned; that there are levels, and that the newest
    token on one counts, is built in. The slope sharpens as training goes on, as for `rank`.
    """

    uses_content = False
    kind_of_places = "levels"
    in_queries = Explanation(
        "It is multiplied by 0, for content is counted in the levels alone.", ", times 0"
    )
    in_scores = Explanation(
        "How far the key's level is from the query's, and how many later keys are on it.",
        "-slope (|level - level| + newer)",
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        slope: Slope = (0.1, 3.0),
        largest_step: Annotated[Count, Field(description="levels that a token steps up or down at most")] = 1,
    ) -> None:
        super().__init__(sizes)
        self.slope_bounds, self.largest_step = slope, largest_step
        self.step = Linear(sizes.d_model, sizes.n_heads)
        nn.init.normal_(self.step.weight, std=2.3 / math.sqrt(sizes.d_model))  # so most tokens take a step
        self.scores = DistanceScores(sizes)

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        return torch.zeros_like(x)

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        levels = self.places(x, at)[..., 0, :]  # [B, H, L]
        distance = (levels[..., :, None] - levels[..., None, :]).abs()  # [B, H, L, L]
        # How far the row's token lies on the column's, as it is on its level and comes later.
        covers = (1 - distance).clamp(min=0) * later(at)
        if at.is_masked and at.allowed is not None:
            newer = at.allowed.to(covers.dtype) @ covers  # [B, H, L, L]: as each query sees it
        else:
            newer = covers.sum(-2, keepdim=True)
        bias: Tensor = self.scores(distance + newer, at)
        return bias

    def places(self, x: Tensor, at: Coordinates) -> Tensor:
        """Return the level of each token, half-way through its step, [B, H, 1, L]; never in bfloat16."""
        with torch.autocast(x.device.type, enabled=False):
            step = self.step(x.to(self.step.weight.dtype)).transpose(-2, -1)
        whole = step.round().clamp(-self.largest_step, self.largest_step)
        step = step + (whole - step).detach()  # the gradient passes the rounding and the bound by
        if at.may_attend is not None:
            step = step * at.may_attend.unsqueeze(-2)
        levels: Tensor = step.cumsum(-1) - step / 2
        return levels.unsqueeze(-2)

    def anneal(self, progress: float) -> None:
        self.scores.slope.fill_(sharpness(progress, self.slope_bounds))


def later(at: Coordinates) -> Tensor:
    """Whether a token comes later than another of its segment, and counts: bool [B or 1, 1, L, L]."""
    L = at.start.shape[-1]
    order = torch.ones(L, L, dtype=torch.bool, device=at.start.device).tril(-1)  # row after column
    order = order & same_segment(at)
    return order[None, None] if at.may_attend is None else order & at.may_attend[..., None, :, None]

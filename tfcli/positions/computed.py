"""Encodings in which the model computes where a token stands, by comparing or by counting tokens.

Axes: B batch, T position of the input, L position of all that is read, H head, R features a comparison has.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.config import ModelConfig
from tfcli.layouts import Coordinates
from tfcli.positions.base import LATER, NoPositions, segment_pairs
from tfcli.positions.offsets import EndsPositions


class ComputedPositions(NoPositions):
    """What `rank` and `level` share: scores fall with a distance, and have no content in them.

    Where there are several segments, each pair of them has a learned bias.
    """

    GAIN = 4.0  # of what is learned besides; see EndsPositions

    in_embedding = LATER

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.n_segments = n_segments
        if n_segments > 1:
            self.between = nn.Parameter(torch.zeros(config.n_layers, n_segments**2, config.n_heads))
        self.slope: Tensor
        self.register_buffer("slope", torch.ones(()))  # saved with the run: it answers as it was trained

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        """Zero: no content in the scores."""
        return torch.zeros_like(x)

    def scores(self, layer: int, distance: Tensor, at: Coordinates) -> Tensor:
        """The scores of keys at a distance [B, H, L, L]."""
        if self.n_segments == 1:
            return -self.slope * distance
        return self.GAIN * between_segments(at, self.between[layer], self.n_segments) - self.slope * distance

    def sharpen(self, gate: float, slope: float) -> None:
        self.slope.fill_(slope)


class RankPositions(ComputedPositions):
    """A position that the model computes: each key's rank among all the tokens, by a learned comparison.

    A head compares tokens j and k by an antisymmetric score, s_jk = a_j b_k - a_k b_j + tau sign(j - k). The
    soft number of comparisons that j wins within its segment is its rank: rank_j = sum over k != j of
    sigmoid(gate s_jk). As s_jk = -s_kj, the ranks add up to T(T - 1)/2, so no token can drop out. Query i
    looks where the rank is i: its scores are -slope |i - rank_j|, with no content in them.

    Where nothing but tau speaks, the rank is the position from the start (tau > 0) or from the end (tau < 0);
    where symbols are compared, tau decides between equal ones. All this is learned; that there is an order,
    and that position i wants rank i, is built in. Gate and slope sharpen as training goes on: flat at first,
    so that every key gets a gradient.

    Where there are several segments, every second head counts the query from its end.
    """

    FEATURES = 8

    in_queries = ", times 0: content is compared in the ranks alone"
    in_scores = "How far the key's rank, by the learned comparison, is from the query's position."
    computes = "ranks"

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length, n_segments)
        self.n_heads = config.n_heads
        width = 2 * config.n_heads * self.FEATURES
        self.compare = nn.ModuleList(
            nn.Linear(config.d_model, width, bias=False) for _ in range(config.n_layers)
        )
        self.tau = nn.Parameter(torch.zeros(config.n_layers, config.n_heads))
        self.gate: Tensor
        self.register_buffer("gate", torch.ones(()))

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        ranks = self.places(layer, x, at)  # [B, H, L]
        wanted = at.start[:, None]  # [B, H or 1, L]
        if self.n_segments > 1:
            from_end = torch.arange(self.n_heads, device=x.device) % 2 == 1
            wanted = torch.where(from_end[:, None], at.end[:, None], wanted)
        return self.scores(layer, (wanted[..., None] - ranks[:, :, None, :]).abs(), at)

    def places(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        """The rank of each token among the tokens that may be attended to, [B, H, T], always in float32.

        Between whole numbers of some hundred, bfloat16 has no halves left.
        """
        with torch.autocast(x.device.type, enabled=False):
            return self._ranks(layer, x.float(), at)

    def _ranks(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        B, L, _ = x.shape
        a, b = self.compare[layer](x).view(B, L, 2, self.n_heads, -1).permute(2, 0, 3, 1, 4)  # [B, H, L, R]
        later = (at.start[:, None, :, None] - at.start[:, None, None, :]).sign()
        ties = self.gate * self.GAIN * self.tau[layer][:, None, None] * later
        scores = self.compare_pairs(a * (self.gate / math.sqrt(self.FEATURES)), b) + ties
        wins = scores.sigmoid()  # [B, H, L, L]: j against k
        if at.may_attend is not None:
            wins = wins * at.may_attend[:, None, None, :]
        if at.segment is not None:
            wins = wins * (at.segment[:, None] == at.segment)
        ranks: Tensor = wins.sum(-1) - 0.5  # a token against itself is a draw
        return ranks

    def compare_pairs(self, a: Tensor, b: Tensor) -> Tensor:
        """a_j b_k - a_k b_j for all j and k, from the features [B, H, L, R]: antisymmetric, [B, H, L, L]."""
        return torch.cat((a, b), dim=-1) @ torch.cat((b, -a), dim=-1).transpose(-2, -1)

    def sharpen(self, gate: float, slope: float) -> None:
        super().sharpen(gate, slope)
        self.gate.fill_(gate)


class LevelPositions(ComputedPositions):
    """A position that the model counts: tokens step from level to level, and a query looks for its own.

    In each head a token takes a step of a learned whole number of levels, up or down, and stands half-way
    through it. So a symbol that is put on a stack and the pop that takes it off stand on one level. A query
    looks for the newest token on its level: its scores are -slope (|level_i - level_j| + newer_j), with
    newer_j the number of later tokens of the same segment on the level of j, and no content in them.

    Levels run on from segment to segment. A level is a sum of whole numbers, so it is as exact in a long
    sequence as in a short one. How far a symbol steps is learned; that there are levels, and that the newest
    token on one counts, is built in. The slope sharpens as training goes on, as for `rank`.
    """

    in_queries = ", times 0: content is counted in the levels alone"
    in_scores = "How far the key's level is from the query's, and how many later keys are on it."
    computes = "levels"

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length, n_segments)
        self.step = nn.ModuleList(nn.Linear(config.d_model, config.n_heads) for _ in range(config.n_layers))

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        levels = self.places(layer, x, at)  # [B, H, L]
        distance = (levels[..., :, None] - levels[..., None, :]).abs()  # [B, H, L, L]
        newer = ((1 - distance).clamp(min=0) * later(at)).sum(-2)  # [B, H, L]
        return self.scores(layer, distance + newer[..., None, :], at)

    def places(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        """The level of each token, half-way through its step, [B, H, L], always in float32."""
        with torch.autocast(x.device.type, enabled=False):
            step = self.step[layer](x.float()).transpose(1, 2)
        step = step + (step.round() - step).detach()  # the gradient passes the rounding by
        if at.may_attend is not None:
            step = step * at.may_attend[:, None]
        levels: Tensor = step.cumsum(-1) - step / 2
        return levels


class LandmarkPositions(EndsPositions):
    """Tokens are numbered from a landmark that a head chooses; later layers have `ends`, and look nearby.

    In the first layer, each head picks a landmark: the mean place of the tokens, weighted by a softmax over a
    learned score of each. It numbers the tokens from the next one on, and a query that is the i-th of its
    segment looks for number i: content - slope |i - number_j|, and a learned bias for each pair of segments.
    With the begin token as its landmark a head counts from the start, with an operator from the second
    operand. Times `gate`, the scores make the choice ever clearer.

    In the others, head h loses 2^-h for each position beyond NEAR within a segment (after Press et al. 2021,
    2108.12409), so that many keys far away don't outweigh a near one; the last head loses nothing.
    """

    NEAR = 8

    in_scores = (
        "Layer 0: how far the key's number is from the query's position. Then: offsets from both ends."
    )
    computes = "numbers"

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        later_layers = config.model_copy(update={"n_layers": config.n_layers - 1})
        super().__init__(later_layers, max_length, n_segments)
        self.pick = nn.Linear(config.d_model, config.n_heads, bias=False)
        if n_segments > 1:
            self.between = nn.Parameter(torch.zeros(n_segments**2, config.n_heads))
        fading = torch.exp2(-torch.arange(config.n_heads))[:, None, None]
        fading[-1] = 0
        self.fading: Tensor
        self.register_buffer("fading", fading, persistent=False)
        self.gate: Tensor
        self.slope: Tensor
        self.register_buffer("gate", torch.ones(()))
        self.register_buffer("slope", torch.ones(()))

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        numbers = self.places(layer, x, at)  # [B, H, L]
        if numbers is None:
            beyond = ((at.start[:, :, None] - at.start[:, None, :]).abs() - self.NEAR).clamp(min=0)
            if at.segment is not None:
                beyond = beyond * (at.segment[:, None] == at.segment)
            return super().bias(layer - 1, x, at) - self.fading * beyond[:, None]
        distance = (at.start[:, None, :, None] - numbers[:, :, None, :]).abs()  # [B, H, L, L]
        if self.n_segments == 1:
            return -self.slope * distance
        return self.GAIN * between_segments(at, self.between, self.n_segments) - self.slope * distance

    def places(self, layer: int, x: Tensor, at: Coordinates) -> Tensor | None:
        """The number of each token in each head of the first layer, [B, H, L], always in float32."""
        if layer > 0:
            return None
        with torch.autocast(x.device.type, enabled=False):
            scores = self.gate * self.pick(x.float()).transpose(1, 2)  # [B, H, L]
        if at.may_attend is not None:
            scores = scores.masked_fill(~at.may_attend[:, None], -math.inf)
        place = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
        landmark = (scores.softmax(-1) * place).sum(-1)  # [B, H]
        numbers: Tensor = place - landmark[..., None] - 1
        return numbers

    def sharpen(self, gate: float, slope: float) -> None:
        self.gate.fill_(gate)
        self.slope.fill_(slope)


def between_segments(at: Coordinates, table: Tensor, n_segments: int) -> Tensor:
    """A number of `table` [n_segments^2, H] for the segments of each query and key, [1, H, L, L]."""
    return F.embedding(segment_pairs(at, n_segments), table).permute(0, 3, 1, 2)


def later(at: Coordinates) -> Tensor:
    """Whether a token comes later than another of its segment, and counts: bool [B or 1, 1, L, L]."""
    L = at.start.shape[1]
    order = torch.ones(L, L, dtype=torch.bool, device=at.start.device).tril(-1)  # row after column
    if at.segment is not None:
        order = order & (at.segment[:, None] == at.segment)
    return order[None, None] if at.may_attend is None else order & at.may_attend[:, None, :, None]

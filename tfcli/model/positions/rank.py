"""Rank positions: the model computes where a token belongs, by comparing it with all the others.

Axes: B batch, Q query, L position of all that is read, H head, D d_model, R features that a comparison has.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from tfcli.config.fields import Gate, Slope
from tfcli.model.coordinates import Coordinates
from tfcli.model.linear import Linear
from tfcli.model.positions.base import Positions, sharpness
from tfcli.model.positions.segments import GAIN, DistanceScores, same_segment
from tfcli.model.sizes import Sizes
from tfcli.model.stacking import broadcast
from tfcli.model.stages import Explanation


class Compare(torch.autograd.Function):
    """How surely a score wins: its sigmoid, with the gradient of a softer one where scores are large.

    The gradient of a sigmoid dies with its certainty. Here it is the slope at scores divided by as much as
    brings their mean size down to CERTAIN; where that is below, it is the exact one. It is largest for close
    pairs, and a pair in the wrong order still gets it. The mean is that of the first sequence; if not
    all of its pairs count, `pairs` [1, 1, L, L] says which.
    """

    CERTAIN = 4.0
    generate_vmap_rule = True  # several models may go through it together

    @staticmethod
    def forward(scores: Tensor, pairs: Tensor | None) -> Tensor:
        return scores.sigmoid()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor | None], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        scores, pairs = ctx.saved_tensors
        sizes, of_all = scores[..., :1, :, :, :].abs(), (-4, -3, -2, -1)
        if pairs is None:
            mean = sizes.mean(of_all, keepdim=True)
        else:
            count = pairs.sum(of_all, keepdim=True) * scores.shape[-3]
            mean = (sizes * pairs).sum(of_all, keepdim=True) / count
        softness = (mean / Compare.CERTAIN).clamp(min=1.0)
        wins = (scores / softness).sigmoid_()
        found: Tensor = torch.ops.aten.sigmoid_backward(gradients[0], wins)
        return found, None


def compare(scores: Tensor, pairs: Tensor | None = None) -> Tensor:
    """Return how surely scores win; see `Compare`."""
    wins: Tensor = Compare.apply(scores, pairs)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return wins


class RankPositions(Positions):
    """A position that the model computes: each key's rank among all the tokens, by a learned comparison.

    A head compares tokens j and k by an antisymmetric score, s_jk = a_j b_k - a_k b_j + tau sign(j - k). The
    soft number of comparisons that j wins within its segment is its rank: rank_j = sum over k != j of
    sigmoid(gate s_jk). As s_jk = -s_kj, the ranks add up to T(T - 1)/2, so no token can drop out. Query i
    looks where the rank is i: its scores are -slope |i - rank_j|, with no content in them. Under a mask a
    query ranks the tokens that it may attend to.

    Where nothing but tau speaks, the rank is the position from the start (tau > 0) or from the end (tau < 0);
    where symbols are compared, tau decides between equal ones. All this is learned; that there is an order,
    and that position i wants rank i, is built in. Gate and slope sharpen as training goes on: flat at first,
    so that every key gets a gradient. Comparisons sharpen themselves, too, and sooner: what is certain of a
    wrong order would get no gradient any more, so they have that of softer ones (`Compare`).

    Where there are several segments, every second head counts the query from its end.
    """

    FEATURES = 8
    uses_content = False
    kind_of_places = "ranks"
    in_queries = Explanation(
        "It is multiplied by 0, for content is compared in the ranks alone.", ", times 0"
    )
    in_scores = Explanation(
        "How far the key's rank, by the learned comparison, is from the query's position.",
        "-slope |position - rank|",
    )

    def __init__(self, sizes: Sizes, *, gate: Gate = (0.1, 10.0), slope: Slope = (0.1, 3.0)) -> None:
        super().__init__(sizes)
        self.bounds = {"gate": gate, "slope": slope}
        self.n_heads, self.n_segments = sizes.n_heads, sizes.n_segments
        self.compare = Linear(sizes.d_model, 2 * sizes.n_heads * self.FEATURES, bias=False)
        self.tau = nn.Parameter(torch.zeros(sizes.n_heads))
        self.scores = DistanceScores(sizes)
        self.gate: Tensor
        self.register_buffer("gate", torch.ones(()))

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        return torch.zeros_like(x)

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        wanted = at.start.unsqueeze(-2)  # [B, H or 1, L]
        if self.n_segments > 1:
            from_end = torch.arange(self.n_heads, device=x.device) % 2 == 1
            wanted = torch.where(from_end[:, None], at.end.unsqueeze(-2), wanted)
        bias: Tensor = self.scores((wanted[..., None] - self.places(x, at)).abs(), at)
        return bias

    def places(self, x: Tensor, at: Coordinates) -> Tensor:
        """Return the rank of each token among those that a query may attend to, [B, H, Q, L].

        Never in bfloat16, which has no halves left between whole numbers of some hundred.
        """
        with torch.autocast(x.device.type, enabled=False):
            wins = self.compare_tokens(x.to(self.tau.dtype), at)  # [B, H, L, L]: j against k
            if at.is_masked and at.allowed is not None:
                of_each_query: Tensor = at.allowed.to(wins.dtype) @ wins.transpose(-2, -1)
                return of_each_query - 0.5
            if at.may_attend is not None:
                wins = wins * at.may_attend[..., None, None, :]
            ranks: Tensor = wins.sum(-1).unsqueeze(-2) - 0.5  # a token against itself is a draw
            return ranks

    def compare_tokens(self, x: Tensor, at: Coordinates) -> Tensor:
        """How surely each token j wins against each k of its segment, [B, H, L, L]."""
        features = torch.unflatten(self.compare(x), -1, (2, self.n_heads, -1))  # [B, L, 2, H, R]
        a, b = features.transpose(-4, -2).unbind(-3)  # [B, H, L, R]
        later = (at.start[..., None, :, None] - at.start[..., None, None, :]).sign()
        gate = broadcast(self.gate, a, 0)
        ties = gate * GAIN * broadcast(self.tau[..., None, None], a, 3) * later
        scores = self.compare_pairs(a * (gate / math.sqrt(self.FEATURES)), b) + ties
        wins = compare(scores, pairs_of_all(at))
        return wins if at.segment is None else wins * same_segment(at)

    def compare_pairs(self, a: Tensor, b: Tensor) -> Tensor:
        """a_j b_k - a_k b_j for all j and k, from the features [B, H, L, R]: antisymmetric, [B, H, L, L]."""
        return torch.cat((a, b), dim=-1) @ torch.cat((b, -a), dim=-1).transpose(-2, -1)

    def anneal(self, progress: float) -> None:
        self.gate.fill_(sharpness(progress, self.bounds["gate"]))
        self.scores.slope.fill_(sharpness(progress, self.bounds["slope"]))


def pairs_of_all(at: Coordinates) -> Tensor | None:
    """Which pairs are no padding in any sequence, bool [1, 1, L, L]; None where sequences differ in that."""
    if at.may_attend is None or at.may_attend.shape[-2] > 1:
        return None
    real = at.may_attend.unsqueeze(-2)
    return real[..., None] & real[..., None, :]

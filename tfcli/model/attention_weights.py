"""How scores become weights: each row positive and together 1.

Axes: H head, T position.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tfcli.model.softmax import softmax
from tfcli.model.stages import Explanation


class Softmax(nn.Module):
    """exp(score) over the sum of them, along the last axis: every key has some weight.

    The base class of all others, which have a `forward(scores)` that returns weights of the same shape.
    """

    is_softmax = True  # whether the kernel's own softmax does the same
    explained = Explanation(
        "Softmax turns each query's scores into weights: all positive, and together 1.",
        "a = exp(scores) / sum over keys of exp(scores)",
    )

    def forward(self, scores: Tensor) -> Tensor:
        return softmax(scores)

    def recompute(self, scores: Tensor) -> Tensor:
        """Return the weights of `scores` [H, T, T] in double precision, written out apart from `forward`."""
        # Less the highest score, which changes nothing but keeps the powers finite.
        powers = (scores - scores.amax(-1, keepdim=True)).exp()
        return powers / powers.sum(-1, keepdim=True)


class Entmax15(Softmax):
    """1.5-entmax (Peters et al. 2019, 1905.05702): like softmax, but low scores get a weight of exactly 0.

    The weights are max(0, score/2 - tau)^2, with tau such that they add up to 1.
    """

    is_softmax = False
    explained = Explanation(
        "1.5-entmax turns each query's scores into weights: low ones get none, together they are 1.",
        "a = max(0, scores / 2 - tau)^2, with tau so that each row sums to 1",
    )

    def forward(self, scores: Tensor) -> Tensor:
        return entmax15(scores)

    def recompute(self, scores: Tensor) -> Tensor:
        """Halve the interval in which tau lies, sixty times."""
        halves = scores / 2
        high = halves.amax(-1, keepdim=True)
        low = high - 1
        for _ in range(60):
            middle = (low + high) / 2
            too_much = (halves - middle).clamp(min=0).square().sum(-1, keepdim=True) > 1
            low, high = torch.where(too_much, middle, low), torch.where(too_much, high, middle)
        return (halves - low).clamp(min=0).square()


class Entmax15Function(torch.autograd.Function):
    """1.5-entmax with its own gradient."""

    generate_vmap_rule = True  # several models may go through it together

    @staticmethod
    def forward(scores: Tensor) -> Tensor:
        """Return the exact solution (algorithm 2): the k highest scores have weight, for the largest k."""
        halves = scores / 2
        # tau is at least the highest half less 1: whatever is lower has no weight, and may as well be near.
        halves = (halves - halves.amax(-1, keepdim=True)).clamp(min=-2)
        ordered = halves.sort(dim=-1, descending=True).values
        k = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
        mean = ordered.cumsum(-1) / k
        spread = ordered.square().cumsum(-1) - k * mean.square()
        tau = mean - ((1 - spread) / k).clamp(min=0).sqrt()
        support = (tau <= ordered).sum(-1, keepdim=True).clamp(min=1)  # at least 1, but for scores of NaN
        return (halves - tau.gather(-1, support - 1)).clamp(min=0).square()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Keep the weights."""
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Proposition 2: the gradient through the keys that have weight, less its mean by sqrt(weight)."""
        (weights,) = ctx.saved_tensors
        roots = weights.sqrt()
        through = gradients[0] * roots
        mean = through.sum(-1, keepdim=True) / roots.sum(-1, keepdim=True)
        gradient: Tensor = through - roots * mean
        return gradient


def entmax15(scores: Tensor) -> Tensor:
    """1.5-entmax along the last axis, see `Entmax15`."""
    weights: Tensor = Entmax15Function.apply(scores)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return weights

"""How scores become weights: each row positive and together 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def softmax(scores: Tensor) -> Tensor:
    """exp(score) over the sum of them, along the last axis: every key has some weight."""
    return scores.softmax(dim=-1)


class Entmax15(torch.autograd.Function):
    """1.5-entmax (Peters et al. 2019, 1905.05702): like softmax, but low scores get a weight of exactly 0.

    The weights are max(0, score/2 - tau)^2, with tau such that they add up to 1.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        """The exact solution (algorithm 2): the k highest scores have weight, for the largest k that fits."""
        halves = scores / 2
        # tau is at least the highest half less 1: whatever is lower has no weight, and may as well be near.
        halves = (halves - halves.amax(-1, keepdim=True)).clamp(min=-2)
        ordered = halves.sort(dim=-1, descending=True).values
        k = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
        mean = ordered.cumsum(-1) / k
        spread = ordered.square().cumsum(-1) - k * mean.square()
        tau = mean - ((1 - spread) / k).clamp(min=0).sqrt()
        support = (tau <= ordered).sum(-1, keepdim=True)
        weights = (halves - tau.gather(-1, support - 1)).clamp(min=0).square()
        ctx.save_for_backward(weights)
        return weights

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
    weights: Tensor = Entmax15.apply(scores)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return weights


NORMALIZERS: dict[str, Callable[[Tensor], Tensor]] = {"softmax": softmax, "entmax15": entmax15}

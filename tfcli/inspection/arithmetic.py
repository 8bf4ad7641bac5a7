"""The arithmetic of the forward pass, written out apart from the model's own: to hold one against the other.

Axes: T position, H head, K d_head, D d_model; no batch. All in the precision of what comes in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tfcli.model import Attention, SharedAttention


def affine(x: Tensor, linear: nn.Linear) -> Tensor:
    """x W^T + b."""
    product = x @ linear.weight.to(x).T
    return product if linear.bias is None else product + linear.bias.to(x)


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Mean 0 and variance 1 at each position [T, D], then scale and shift."""
    centred = x - x.mean(-1, keepdim=True)
    deviation = (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
    return centred / deviation * norm.weight.to(x) + norm.bias.to(x)


def projections(x: Tensor, attention: Attention) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values [H, T, K] of `x` [T, D], head by head."""
    shared, K = isinstance(attention, SharedAttention), x.shape[-1] // attention.n_heads
    parts = [slice(head * K, (head + 1) * K) for head in range(attention.n_heads)]
    made = []
    for i, weight in enumerate(attention.qkv.weight.to(x).chunk(3)):
        if shared:
            made.append(torch.stack([x[:, part] @ weight.T for part in parts]))
        else:
            bias = attention.qkv.bias.to(x).chunk(3)[i]
            made.append(torch.stack([x @ weight[part].T + bias[part] for part in parts]))
    q, k, v = made
    return q, k, v


def softmax(scores: Tensor) -> Tensor:
    """exp(score) over the sum of them, in each row."""
    # Less the highest score, which changes nothing but keeps the powers finite.
    powers = (scores - scores.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def entmax15(scores: Tensor) -> Tensor:
    """max(0, score / 2 - tau)^2 in each row, halving the interval in which tau lies."""
    halves = scores / 2
    high = halves.amax(-1, keepdim=True)
    low = high - 1
    for _ in range(60):
        middle = (low + high) / 2
        too_much = (halves - middle).clamp(min=0).square().sum(-1, keepdim=True) > 1
        low, high = torch.where(too_much, middle, low), torch.where(too_much, high, middle)
    return (halves - low).clamp(min=0).square()

"""Softmax over rows that may be short, and the loss that is made of it.

A CPU takes up to 16 numbers at once, and torch goes through a row that is shorter one number at a time, which
is four times as slow. Where rows are that short, numbers of several rows are taken at once instead.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

AT_ONCE = 16  # numbers of float32, with AVX-512


def is_short(rows: Tensor) -> bool:
    """Whether the rows of a tensor are shorter than what is taken at once. An export is for all lengths."""
    return rows.device.type == "cpu" and not torch.compiler.is_exporting() and rows.shape[-1] < AT_ONCE


def softmax(scores: Tensor) -> Tensor:
    """Softmax along the last axis."""
    return scores.movedim(-1, 0).softmax(0).movedim(0, -1) if is_short(scores) else scores.softmax(-1)


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Return the cross entropy of logits [..., V] and targets [...], in nats: of each, flat, or reduced."""
    logits, targets = logits.flatten(0, -2), targets.flatten()
    if is_short(logits):
        return F.cross_entropy(logits.T[None], targets[None], reduction=reduction).squeeze(0)
    return F.cross_entropy(logits, targets, reduction=reduction)

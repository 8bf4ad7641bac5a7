"""Several models of the same parts as one: their weights lie side by side, and their products are one.

For several models, each weight and each vector has an axis S before its others: a place for each model, or 1
for what is the same for all. So the parts of a model count axes from the last, and use their weights by what
is below. Someone's own parts are written for one model: torch's `vmap` brings those through.

Axes: S model, I input and O output of a product, D d_model, N row of a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_STACKED = ContextVar("stacked", default=False)


def is_stacked() -> bool:
    """Whether several models with weights of their own go through their forward pass together."""
    return _STACKED.get()


@contextmanager
def stacking() -> Iterator[None]:
    """Within this, they do."""
    token = _STACKED.set(True)
    try:
        yield
    finally:
        _STACKED.reset(token)


def takes_several(part: object) -> bool:
    """Whether a part is written for several models, too: each of ours is, and what has no weights."""
    is_ours = type(part).__module__.partition(".")[0] == __name__.partition(".")[0]
    return is_ours or type(part) in (nn.ModuleList, nn.Dropout)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, for `x` [..., I], `weight` [O, I], `bias` [O]; or [S, B, ..., I], [S, O, I] and [S, O]."""
    if weight.dim() == 2:
        return F.linear(x, weight, bias)
    x = x.expand(len(weight), *x.shape[1:])
    rows, columns = x.flatten(1, -2), weight.transpose(1, 2)
    product = torch.bmm(rows, columns) if bias is None else torch.baddbmm(bias[:, None], rows, columns)
    return product.view(*x.shape[:-1], -1)


def lookup(indices: Tensor, table: Tensor) -> Tensor:
    """Rows [..., D] of a `table` [N, D]; or [S, ..., D] of one [S, N, D], by indices with an axis S or 1."""
    if table.dim() == 2:
        return F.embedding(indices, table)
    S, N, _ = table.shape
    first = torch.arange(0, S * N, N, device=indices.device).view(-1, *[1] * (indices.dim() - 1))
    return F.embedding(indices + first, table.flatten(0, 1))


def broadcast(weight: Tensor, x: Tensor, axes: int = 1) -> Tensor:
    """Return a weight of so many axes as it is; that [S, ...] of several models with ones, to go with `x`."""
    if weight.dim() == axes:
        return weight
    return weight.view(len(weight), *[1] * (x.dim() - axes - 1), *weight.shape[1:])

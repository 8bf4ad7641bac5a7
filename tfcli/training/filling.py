"""Batches of several models as one: shorter ones are filled up, and which go together is chosen by that.

Axes: S model, B batch, T position of the input, M position of the answer, P numbers of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tfcli.evaluation import IGNORE

if TYPE_CHECKING:
    from tasks.base import Batch


class Filled(NamedTuple):
    """The batches of all models, filled up to the longest."""

    inputs: Tensor  # [S, B, T], or [S, B, T, P]
    targets: Tensor  # [S, B, M]
    may_attend: Tensor | None  # [S, B or 1, T]; None where all have the same length


def fill_up(batches: Sequence[Batch]) -> Filled:
    """Return batches of which each may have another length, and other many sequences, as one."""
    B, T = (max(batch.inputs.shape[axis] for batch in batches) for axis in (0, 1))
    M = max(batch.targets.shape[1] for batch in batches)
    inputs = torch.stack([fill(batch.inputs, B, T, 0) for batch in batches])
    targets = torch.stack([fill(batch.targets, B, M, IGNORE) for batch in batches])
    masks = [batch.may_attend for batch in batches]
    if all(mask is None for mask in masks):
        lengths = [batch.inputs.shape[1] for batch in batches]
        if len(set(lengths)) == 1:
            return Filled(inputs, targets, None)
        up_to = torch.ones(T, T, dtype=torch.bool, device=inputs.device).tril()  # rows, not moved there
        return Filled(inputs, targets, torch.stack([up_to[length - 1] for length in lengths])[:, None])
    may_attend = torch.ones(
        inputs.shape[:3], dtype=torch.bool, device=inputs.device
    )  # so no row is all False
    for row, batch, mask in zip(may_attend, batches, masks, strict=True):
        n, t = batch.inputs.shape[:2]
        row[:n, t:] = False
        if mask is not None:
            row[:n, :t] = mask
    return Filled(inputs, targets, may_attend)


def fill(rows: Tensor, count: int, width: int, value: int) -> Tensor:
    """Return rows [b, t] or [b, t, P] with a value up to a width, and rows of it up to a count."""
    missing = [0, width - rows.shape[1], 0, count - rows.shape[0]]
    return F.pad(rows, [0, 0] * (rows.dim() - 2) + missing, value=value)


def share_out(lengths: Sequence[int], price: float) -> list[list[int]]:
    """Return groups of rows that have these lengths, such that all take the least time.

    That of a group is its longest length for each of its rows, and a price. So a group goes from one length
    to another, and the best groups of the rows up to there are those of the rows before it, and itself.
    """
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    times, firsts = [0.0], [0]  # of the first rows: what they take, and where their last group begins
    for stop, row in enumerate(order, 1):
        found = [times[first] + (stop - first) * lengths[row] for first in range(stop)]
        times.append(min(found) + price)
        firsts.append(found.index(min(found)))
    groups: list[list[int]] = []
    stop = len(order)
    while stop > 0:
        groups.insert(0, order[firsts[stop] : stop])
        stop = firsts[stop]
    return groups

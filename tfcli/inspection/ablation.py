"""What becomes of the answers when a head, an attention or a feed-forward is taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from tfcli.evaluation import score, wilson
from tfcli.inspection.attention import symbol_orders
from tfcli.inspection.roles import head_roles, traces
from tfcli.internals import HeadReport, HeadsReport, RoleReport, SublayerReport
from tfcli.model import Encoder
from tfcli.results import Score
from tfcli.traces import ForwardTrace, Intervention, LayerTrace

if TYPE_CHECKING:
    from tasks.base import Batch, Task

MATTERS = 0.05  # a smaller fall than this is no sign that something matters
SUBLAYERS = {"attention": "attended", "feed-forward": "fed"}  # name -> part of a LayerTrace


def heads_report(model: Encoder, task: Task, batches: Sequence[Batch], *, run: str, name: str) -> HeadsReport:
    """Roles and causes: where every head looks, and how `batches` are answered without it."""
    means = mean_outputs(model, batches)
    heads = [
        HeadReport(
            **vars(found),
            zeroed=score(model, batches, without_heads(model, [(found.layer, found.head)])),
            mean_ablated=score(model, batches, without_heads(model, [(found.layer, found.head)], means)),
        )
        for found in head_roles(model, task, batches)
    ]
    whole = score(model, batches)
    sublayers = [
        SublayerReport(layer, part, score(model, batches, without_sublayer(model, layer, part)))
        for layer in range(len(model.blocks))
        for part in SUBLAYERS
    ]
    lengths = [batch.inputs.shape[1] for batch in batches]
    roles = role_reports(model, batches, heads, whole)
    orders = symbol_orders(model, task)
    return HeadsReport(run, name, (min(lengths), max(lengths)), whole, heads, roles, sublayers, orders)


def role_reports(
    model: Encoder, batches: Sequence[Batch], heads: Sequence[HeadReport], whole: Score
) -> list[RoleReport]:
    """For each role that heads play: the answers without all of them."""
    names: dict[tuple[tuple[int, int], ...], list[str]] = {}
    for role in dict.fromkeys(role for head in heads for role in head.roles):
        players = tuple((head.layer, head.head) for head in heads if role in head.roles)
        names.setdefault(players, []).append(role)
    reports = []
    for players, roles in names.items():
        zeroed = score(model, batches, without_heads(model, players))
        reports.append(RoleReport(roles, list(players), zeroed, matters=falls(whole, zeroed)))
    return reports


def falls(whole: Score, without: Score) -> bool:
    """Whether the exact match or the token accuracy is lower by more than chance explains, and by MATTERS."""
    for before, after in (
        (whole.exact_match, without.exact_match),
        (whole.token_accuracy, without.token_accuracy),
    ):
        apart = wilson(before, whole.samples)[0] > wilson(after, without.samples)[1]
        if apart and before - after > MATTERS:
            return True
    return False


def without_heads(
    model: Encoder, heads: Sequence[tuple[int, int]], instead: ForwardTrace | None = None
) -> Intervention:
    """The output of some (layer, head) removed, or replaced by what `instead` holds there."""
    keep = torch.ones(len(model.blocks), model.n_heads, 1, 1, device=device_of(model))
    for layer, head in heads:
        keep[layer, head] = 0
    return Intervention({"z": keep}, instead)


def without_sublayer(model: Encoder, layer: int, part: str) -> Intervention:
    """One layer's attention or feed-forward removed; the residual stream goes past it."""
    keep = torch.ones(len(model.blocks), 1, 1, device=device_of(model))
    keep[layer] = 0
    return Intervention({SUBLAYERS[part]: keep})


def mean_outputs(model: Encoder, batches: Sequence[Batch]) -> ForwardTrace:
    """A trace whose z is each head's mean output over all tokens of `batches`, [1, H, 1, K]."""
    sums = [
        torch.stack([layer.z.sum((0, 2)) for layer in trace.layers])  # [n_layers, H, K]
        for _, trace in traces(model, batches)
    ]
    tokens = sum(len(batch.inputs) * model.layout.length(batch.inputs.shape[1]) for batch in batches)
    means = ForwardTrace()
    for z in torch.stack(sums).sum(0) / tokens:
        layer = LayerTrace()
        layer.z = z[None, :, None, :]
        means.layers.append(layer)
    return means


def device_of(model: Encoder) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device

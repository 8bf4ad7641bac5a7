"""Ablations: what becomes of the answers when a head, an attention or a feed-forward is taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from tfcli.evaluation import score
from tfcli.inspection.attention import find_symbol_orders
from tfcli.inspection.roles import find_roles, trace_batches
from tfcli.intervals import wilson
from tfcli.model.encoder import Encoder
from tfcli.model.trace import ForwardTrace, Intervention, LayerTrace
from tfcli.records.inspection import HeadReport, HeadsReport, RoleReport, SublayerReport
from tfcli.records.results import Score

if TYPE_CHECKING:
    from tasks.base import Batch, Task

MATTERS = 0.05  # a smaller fall than this is no sign that something matters


def report_heads(
    model: Encoder,
    task: Task,
    batches: Sequence[Batch],
    *,
    run: str,
    name: str,
    held_out: bool = True,
) -> HeadsReport:
    """Report roles and causes: where every head looks, and how `batches` are answered without it."""
    means = mean_outputs(model, batches)
    heads = []
    for found in find_roles(model, task, batches):
        address = frozenset({(found.loop or 0, found.layer, found.head)})
        zeroed = score(model, batches, Intervention(heads=address))
        mean_ablated = score(model, batches, Intervention(heads=address, source=means))
        heads.append(HeadReport(**vars(found), zeroed=zeroed, mean_ablated=mean_ablated))
    whole = score(model, batches)
    lengths = [batch.inputs.shape[1] for batch in batches]
    return HeadsReport(
        run=run,
        task=name,
        lengths=(min(lengths), max(lengths)),
        score=whole,
        heads=heads,
        roles=report_roles(model, batches, heads, whole),
        sublayers=report_sublayers(model, batches),
        orders=find_symbol_orders(model, task),
        held_out=held_out,
    )


def report_roles(
    model: Encoder, batches: Sequence[Batch], heads: Sequence[HeadReport], whole: Score
) -> list[RoleReport]:
    """For each role that heads play: the answers without all of them."""
    names: dict[tuple[tuple[int | None, int, int], ...], list[str]] = {}
    for role in dict.fromkeys(role for head in heads for role in head.roles):
        players = tuple((head.loop, head.layer, head.head) for head in heads if role in head.roles)
        names.setdefault(players, []).append(role)
    reports = []
    for players, roles in names.items():
        addresses = frozenset((loop or 0, layer, head) for loop, layer, head in players)
        zeroed = score(model, batches, Intervention(heads=addresses))
        reports.append(RoleReport(roles, list(players), zeroed, matters=falls(whole, zeroed)))
    return reports


def report_sublayers(model: Encoder, batches: Sequence[Batch]) -> list[SublayerReport]:
    """Return the answers without each layer's attention, and without its feed-forward if it has one."""
    reports = []
    for loop in range(model.loops):
        for layer, block in enumerate(model.layers):
            address = frozenset({(loop, layer)})
            removed = score(model, batches, Intervention(attention=address))
            reports.append(SublayerReport(model.shown_loop(loop), layer, "attention", removed))
            if block.feed_forward is not None:
                removed = score(model, batches, Intervention(feed_forward=address))
                reports.append(SublayerReport(model.shown_loop(loop), layer, "feed-forward", removed))
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


def mean_outputs(model: Encoder, batches: Sequence[Batch]) -> ForwardTrace:
    """Return a trace whose z is each head's mean output over all tokens of `batches`, [1, H, 1, K]."""
    sums = [
        torch.stack([layer.z.sum((0, 2)) for layer in trace.layers])  # [loops * n_layers, H, K]
        for _, trace in trace_batches(model, batches)
    ]
    tokens = sum(len(batch.inputs) * model.layout.sequence_length(batch.inputs.shape[1]) for batch in batches)
    means = ForwardTrace()
    for i, z in enumerate(torch.stack(sums).sum(0) / tokens):
        layer = LayerTrace(*divmod(i, model.n_layers))
        layer.z = z[None, :, None, :]
        means.layers.append(layer)
    return means

"""Activation patching: which part carries the difference between two inputs (Vig et al. 2020, 2004.12265)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.evaluation import IGNORE, make_answer
from tfcli.inspection.attention import run_with_trace
from tfcli.model.encoder import Encoder
from tfcli.model.trace import ForwardTrace, Intervention
from tfcli.records.inspection import Patched, PatchRecord

if TYPE_CHECKING:
    from tasks.base import Task


def patch_parts(model: Encoder, task: Task, clean: Tensor, corrupt: Tensor, run: str) -> PatchRecord:
    """Run `corrupt` [T] with one part at a time as it is for `clean` [T].

    What is restored is the difference between the logits of the two answers, at the positions where these
    differ: 0 as it is for `corrupt`, 1 as it is for `clean`.

    Raises:
        ValueError: the lengths differ, or both get the same answer.
    """
    if len(clean) != len(corrupt):
        raise ValueError(f"the clean sequence has {len(clean)} tokens and the corrupt one {len(corrupt)}")
    source, clean_answer = run_with_trace(model, clean)
    _, corrupt_answer = run_with_trace(model, corrupt)
    rights = [task.target(inputs[None].clone())[0] for inputs in (clean, corrupt)]
    counts = (rights[0] != IGNORE) & (rights[1] != IGNORE)  # not what comes after the end of an answer
    counts = counts if bool(counts.any()) else torch.ones_like(counts)  # where nobody knows what is right
    at = ((clean_answer != corrupt_answer) & counts).nonzero()[:, 0]
    if not len(at):
        raise ValueError("both sequences get the same answer, so there is nothing to restore")

    def difference(logits: Tensor) -> float:
        here = logits[0, at]
        of_clean, of_corrupt = (here.gather(1, said[at, None]) for said in (clean_answer, corrupt_answer))
        return float((of_clean - of_corrupt).mean())

    with torch.inference_mode():
        low, high = difference(model(corrupt[None])), difference(model(clean[None]))
        if high == low:
            raise ValueError("both runs find both answers equally good, so there is nothing to restore")
        patches = []
        for part, loop, layer, head, intervention in list_interventions(model, source):
            logits = model(corrupt[None], intervention=intervention)
            restored = (difference(logits) - low) / (high - low)
            said = make_answer(task, corrupt, logits[0].argmax(-1), rights[1]).prediction
            shown = None if loop is None else model.shown_loop(loop)
            patches.append(Patched(part, shown, layer, head, restored, said))
    of_clean = make_answer(task, clean, clean_answer, rights[0])
    of_corrupt = make_answer(task, corrupt, corrupt_answer, rights[1])
    return PatchRecord(run, of_clean, of_corrupt, at.tolist(), (low, high), patches)


def list_interventions(
    model: Encoder, source: ForwardTrace
) -> Iterator[tuple[str, int | None, int | None, int | None, Intervention]]:
    """Name, loop, layer and head of every part, and the intervention that takes it from `source`."""
    yield "embedding", None, None, None, Intervention(embedding=True, source=source)
    layers = frozenset((layer.loop, layer.layer) for layer in source.layers)
    for loop, layer in sorted(layers):
        address = frozenset({(loop, layer)})
        for head in range(model.n_heads):
            heads = frozenset({(loop, layer, head)})
            yield "head", loop, layer, head, Intervention(heads=heads, source=source)
        yield "attention", loop, layer, None, Intervention(attention=address, source=source)
        if model.layers[layer].feed_forward is not None:
            yield "feed-forward", loop, layer, None, Intervention(feed_forward=address, source=source)
    everything = Intervention(attention=layers, feed_forward=layers, embedding=True, source=source)
    yield "everything", None, None, None, everything

"""Activation patching: which part carries the difference between two inputs (Vig et al. 2020, 2004.12265)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.evaluation import IGNORE, answer
from tfcli.inspection.attention import traced
from tfcli.internals import Patched, PatchRecord
from tfcli.model import Encoder
from tfcli.traces import Intervention

if TYPE_CHECKING:
    from tasks.base import Task


def patching(model: Encoder, task: Task, clean: Tensor, corrupt: Tensor, run: str) -> PatchRecord:
    """Run `corrupt` [T] with one part at a time as it is for `clean` [T].

    What is restored is the difference between the logits of the two answers, at the positions where these
    differ: 0 as it is for `corrupt`, 1 as it is for `clean`.

    Raises:
        ValueError: the lengths differ, or both get the same answer.
    """
    if len(clean) != len(corrupt):
        raise ValueError(f"the clean sequence has {len(clean)} tokens and the corrupt one {len(corrupt)}")
    source, clean_answer = traced(model, clean)
    _, corrupt_answer = traced(model, corrupt)
    rights = [task.target(inputs[None])[0] for inputs in (clean, corrupt)]
    counts = (rights[0] != IGNORE) & (rights[1] != IGNORE)  # not what comes after the end of an answer
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
        for part, layer, head, keep in parts(model):
            logits = model(corrupt[None], intervention=Intervention(keep, source))
            restored = (difference(logits) - low) / (high - low)
            said = answer(task, corrupt, logits[0].argmax(-1), rights[1]).prediction
            patches.append(Patched(part, layer, head, restored, said))
    of_clean = answer(task, clean, clean_answer, rights[0])
    of_corrupt = answer(task, corrupt, corrupt_answer, rights[1])
    return PatchRecord(run, of_clean, of_corrupt, at.tolist(), (low, high), patches)


def parts(model: Encoder) -> Iterator[tuple[str, int | None, int | None, dict[str, Tensor]]]:
    """Name, layer and head of every part, and what is kept of the corrupt run when it is patched."""
    n_layers, n_heads, device = len(model.blocks), model.n_heads, next(model.parameters()).device
    all_heads = torch.ones(n_layers, n_heads, 1, 1, device=device)
    all_layers = torch.ones(n_layers, 1, 1, device=device)
    none = torch.zeros((), device=device)
    yield "embedding", None, None, {"embedding": none}
    for layer in range(n_layers):
        for head in range(n_heads):
            heads = all_heads.clone()
            heads[layer, head] = 0
            yield "head", layer, head, {"z": heads}
        layers = all_layers.clone()
        layers[layer] = 0
        yield "attention", layer, None, {"attended": layers}
        yield "feed-forward", layer, None, {"fed": layers}
    everything = {"embedding": none, "attended": all_layers * 0, "fed": all_layers * 0}
    yield "everything", None, None, everything

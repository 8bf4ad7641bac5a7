"""What is to be said of what a training learns from, before it begins."""

from __future__ import annotations

from tfcli.building.models import build_task
from tfcli.config.schema import RunConfig
from tfcli.data import facts


def remarks_on(config: RunConfig) -> list[str]:
    """Return what is to be said of what a training learns from, before it begins."""
    if config.task.data is not None:
        return facts.remarks_on(config.task.model_dump())
    note = note_few_sequences(config)
    return [note] if note else []


def note_few_sequences(config: RunConfig) -> str | None:
    """Note where the task has so few sequences that the held-out set is smaller than was asked for."""
    task = build_task(config.task)
    if task.n_held_out(task.max_length) is None:
        return None
    lengths = {task.nearest_length(n) for n in range(task.min_length, task.max_length + 1)}
    counted = [(task.n_sequences(n), task.n_held_out(n)) for n in lengths]
    there_are, held_out = sum(n for n, _ in counted), sum(n or 0 for _, n in counted)
    if held_out >= config.train.eval_samples:
        return None
    return f"there are only {there_are} such sequences; {held_out} of them are held out, and all are scored"

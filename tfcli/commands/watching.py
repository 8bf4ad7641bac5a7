"""What `train --watch` shows: a head's map while it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tfcli.building.trainings import Training
from tfcli.evaluation import draw_example
from tfcli.inspection.attention import record_attention
from tfcli.records.inspection import AttentionRecord, Choice
from tfcli.records.progress import Progress


def make_observer(training: Training, watch: Choice) -> Callable[[], AttentionRecord]:
    """Return a function that records the attention of the chosen heads, always on one held-out sequence."""
    model, task = training.model, training.task
    sequence = draw_example(task, training.trainer.device)
    return lambda: record_attention(model, task, sequence, "", watch)


def picture_often(records: Iterable[Progress], observe: Callable[[], AttentionRecord]) -> Iterator[Progress]:
    """Yield the records with what is observed after each of the first steps; then fewer, 30 a doubling."""
    seen: AttentionRecord | None = None
    for progress in records:
        apart = 1 << max(0, (progress.step // 30).bit_length() - 1)
        if progress.fresh:
            seen = progress.attention
        elif progress.step % apart == 0:
            seen = observe()
        yield replace(progress, attention=seen)

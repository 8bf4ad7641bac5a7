"""Watch a training: evaluate every so many steps, and decide whether the task is solved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tfcli.evaluation import Answerer, score
from tfcli.records.inspection import AttentionRecord
from tfcli.records.progress import Progress, StepRecord

if TYPE_CHECKING:
    from tasks.base import Batch

STREAK = 2  # evaluations in a row at which all held-out answers must be right


def monitor(
    records: Iterable[StepRecord],
    model: Answerer,
    held_out: Sequence[Batch],
    steps: int,
    observe: Callable[[], AttentionRecord] | None = None,
) -> Iterator[Progress]:
    """Follow a training: evaluate on the held-out set, and `observe` the heads, whenever the loss is read.

    Args:
        records: of each step of the training of `model`.
        steps: how many there are at most.
    """
    loss, found, seen, streak = None, None, None, 0
    started = time.perf_counter()
    for record in records:
        if record.loss is not None:
            loss, found = record.loss, score(model, held_out)
            streak = streak + 1 if found.exact_match == 1 else 0
            seen = None if observe is None else observe()
        yield Progress(
            step=record.step,
            steps=steps,
            seconds=time.perf_counter() - started,
            tokens=record.tokens,
            loss=loss,
            score=found,
            fresh=record.loss is not None,
            solved=streak >= STREAK,
            attention=seen,
        )

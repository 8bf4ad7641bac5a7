"""Watch a training: evaluate every so many steps, and decide whether the task is solved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tfcli.evaluation import Answerer, score
from tfcli.records.inspection import AttentionRecord
from tfcli.records.progress import STREAK, Progress
from tfcli.training.loop import Attempt

if TYPE_CHECKING:
    from tasks.base import Batch


def monitor(
    attempts: Iterable[Attempt],
    model: Answerer,
    held_out: Sequence[Batch],
    observe: Callable[[], AttentionRecord] | None = None,
    latest: Progress | None = None,
) -> Iterator[Progress]:
    """Follow a training: evaluate on the held-out set, and `observe` the heads, whenever the loss is read.

    An attempt of the training of `model` that has not solved the task at its end is followed by the next.
    Steps and tokens are counted over all of them. `latest` is the last progress of a training that goes on.
    """
    started = time.perf_counter() - (latest.seconds if latest else 0.0)
    steps, tokens = before(latest)
    for number, attempt in enumerate(attempts, start=latest.attempt if latest else 1):
        loss, found, seen, streak = None, None, None, 0
        if latest and latest.attempt == number:
            loss, found, streak = latest.loss, latest.score, latest.streak
        for record in attempt.records:
            if record.loss is not None:
                loss, found = record.loss, score(model, held_out)
                streak = streak + 1 if found.exact_match == 1 else 0
                seen = None if observe is None else observe()
            latest = Progress(
                step=steps + record.step,
                steps=steps + attempt.steps,
                attempt=number,
                seconds=time.perf_counter() - started,
                tokens=tokens + record.tokens,
                loss=loss,
                score=found,
                fresh=record.loss is not None,
                streak=streak,
                record=record,
                attention=seen,
            )
            yield latest
        if streak >= STREAK:
            return
        if latest:
            steps, tokens = latest.step, latest.tokens


def before(progress: Progress | None) -> tuple[int, int]:
    """Return the steps and the tokens of attempts before the one that `progress` is of."""
    if progress is None:
        return 0, 0
    return progress.step - progress.record.step, progress.tokens - progress.record.tokens

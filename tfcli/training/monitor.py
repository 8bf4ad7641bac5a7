"""Watch a training: evaluate every so many steps, and decide whether the task is solved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tfcli.evaluation import Answerer, score
from tfcli.records.inspection import AttentionRecord
from tfcli.records.progress import Progress
from tfcli.training.loop import Attempt

if TYPE_CHECKING:
    from tasks.base import Batch

STREAK = 2  # evaluations in a row at which all held-out answers must be right


def monitor(
    attempts: Iterable[Attempt],
    model: Answerer,
    held_out: Sequence[Batch],
    observe: Callable[[], AttentionRecord] | None = None,
) -> Iterator[Progress]:
    """Follow a training: evaluate on the held-out set, and `observe` the heads, whenever the loss is read.

    An attempt of the training of `model` that has not solved the task at its end is followed by the next.
    Steps and tokens are counted over all of them.
    """
    started = time.perf_counter()
    steps = tokens = 0  # of attempts that are over
    for number, attempt in enumerate(attempts, start=1):
        loss, found, seen, streak = None, None, None, 0
        for record in attempt.records:
            if record.loss is not None:
                loss, found = record.loss, score(model, held_out)
                streak = streak + 1 if found.exact_match == 1 else 0
                seen = None if observe is None else observe()
            yield Progress(
                step=steps + record.step,
                steps=steps + attempt.steps,
                attempt=number,
                seconds=time.perf_counter() - started,
                tokens=tokens + record.tokens,
                loss=loss,
                score=found,
                fresh=record.loss is not None,
                solved=streak >= STREAK,
                attention=seen,
            )
        if streak >= STREAK:
            return
        steps, tokens = steps + record.step, tokens + record.tokens

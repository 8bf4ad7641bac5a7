"""Watch a training: evaluate every so many steps, and decide whether the task is solved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from tfcli.devices import make_generator
from tfcli.errors import StoppedError
from tfcli.evaluation import HELD_OUT_SEED, Answerer, Tick, held_out_set, ignore, score
from tfcli.records.inspection import AttentionRecord
from tfcli.records.progress import Progress
from tfcli.training.epochs import in_order
from tfcli.training.loop import Attempt

if TYPE_CHECKING:
    from tasks.base import Batch, Task
    from tfcli.training.stack import Place

TOGETHER = 256  # held-out sequences of a file, of several lengths


def monitor(
    attempts: Iterable[Attempt],
    model: Answerer,
    held_out: Sequence[Batch],
    observe: Callable[[], AttentionRecord] | None = None,
    latest: Progress | None = None,
    tick: Tick = ignore,
    place: Place | None = None,
) -> Iterator[Progress]:
    """Follow a training: evaluate on the held-out set, and `observe` the heads, whenever the loss is read.

    An attempt of the training of `model` that has not solved the task at its end is followed by the next.
    Steps and tokens are counted over all of them. `latest` is the last progress of a training that goes on.
    An evaluation that `tick` stops is made up for when the training goes on. Where the
    training has a `place` in a stack, it is scored with the others, and seconds are its share of theirs.
    """
    clock = time.perf_counter if place is None else place.clock
    assess = partial(score, model) if place is None else place.score
    started = clock() - (latest.seconds if latest else 0.0)

    def scored(progress: Progress) -> Progress:
        try:
            found = assess(held_out, tick=tick)
        except StoppedError:
            return progress
        return replace(
            progress,
            score=found,
            fresh=True,
            streak=progress.streak + 1 if found.exact_match == 1 else 0,
            attention=None if observe is None else observe(),
            seconds=clock() - started,
        )

    if latest and latest.unscored:
        latest = scored(latest)
        yield latest
    steps, tokens = before(latest)
    for number, attempt in enumerate(attempts, start=latest.attempt if latest else 1):
        known = latest if latest and latest.attempt == number else None
        for record in attempt.records:
            known = Progress(
                step=steps + record.step,
                steps=steps + attempt.steps,
                attempt=number,
                seconds=clock() - started,
                tokens=tokens + record.tokens,
                loss=record.loss if record.loss is not None else known.loss if known else None,
                score=known.score if known else None,
                fresh=False,
                streak=known.streak if known else 0,
                record=record,
                attention=known.attention if known else None,
            )
            known = scored(known) if known.unscored else known
            yield known
        if known and known.solved:
            return
        latest = known or latest
        if latest:
            steps, tokens = latest.step, latest.tokens


def held_out_of_training(task: Task, samples: int, device: torch.device) -> list[Batch]:
    """About `samples` held-out sequences, as a training meets them: of all lengths, or as in a file."""
    found = task.held_out_set(samples, make_generator(torch.device("cpu"), HELD_OUT_SEED))
    return held_out_set(task, samples, device) if found is None else in_order(found, TOGETHER, device)


def before(progress: Progress | None) -> tuple[int, int]:
    """Return the steps and the tokens of attempts before the one that `progress` is of."""
    if progress is None:
        return 0, 0
    return progress.step - progress.record.step, progress.tokens - progress.record.tokens

"""`train` with several seeds: each becomes a run; as many as are faster so are trained together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

from tfcli.commands.ending import BrokenOffError
from tfcli.commands.together import (
    NotTogetherError,
    Outcome,
    Planned,
    Show,
    train_together,
    why_in_turn,
)
from tfcli.commands.train import SILENCE, Audience, train_run
from tfcli.config.schema import RunConfig
from tfcli.config.together import LARGE, work_of
from tfcli.devices import choose_device
from tfcli.errors import TfcliError, UsageError
from tfcli.records.progress import Progress
from tfcli.records.results import SeedRecord, SeedsReport, TrainReport

MOST = 16  # trainings at once; more save little, and no longer fit into the caches


def train_seeds(
    config: RunConfig,
    name: str,
    out: Path | None,
    audience: Audience = SILENCE,
    show: Show = lambda latest: None,
) -> SeedsReport:
    """Train as configured with each of its seeds, each into a folder of its own.

    The folders are `runs/NAME-seed-N`, or `seed-N` below `out`. A training that fails does not end the
    others. Ctrl-C does; what was learned is saved.

    Raises:
        UsageError: as `train_run`.
        BrokenOffError: Ctrl-C came again.
    """
    if out is not None and out.exists():
        raise UsageError(f"{out} exists already; choose another --out, or leave it out")
    started = time.perf_counter()
    planned = []
    for one in config.each_seed():
        label = f"seed-{one.train.seed}"
        place = None if out is None else out / label
        planned.append(Planned(one, f"{name}-{label}", place, audience))
    outcomes = train_all(planned, audience, show)
    records = [make_record(one.config.train.seed, outcome) for one, outcome in zip_longest(planned, outcomes)]
    return SeedsReport(records, time.perf_counter() - started)


def train_all(planned: Sequence[Planned], audience: Audience, show: Show) -> list[Outcome]:
    """Train all, as many at once as is faster, and return what came of those that were begun."""
    at_once = [one.config for one in planned[:MOST]]
    reason = "with --debug each is looked at by itself" if audience.debug else why_in_turn(at_once)
    low, high = (planned[i].config.train.seed for i in (0, -1))
    sweep = f"`tfcli sweep` with train.seed={low}:{high}"
    has_cores = choose_device(at_once[0].train.device).type == "cpu"
    if reason is None and has_cores and work_of(at_once[0]) > LARGE:
        audience.note(f"{sweep} takes less time for a model as large as this: it trains one on each core")

    def train_some(first: int, show: Show) -> list[Outcome]:
        nonlocal reason
        if reason is None:
            try:
                return train_together(planned[first : first + MOST], show)
            except NotTogetherError as error:
                reason = str(error)
        if first == 0:
            faster = f"; {sweep} trains one on each core" if has_cores and not audience.debug else ""
            audience.note(f"the seeds are trained one after the other: {reason}{faster}")
        one = planned[first]
        return [train_alone(partial(train_run, one.config, one.name, one.out), audience, show)]

    return in_parts(len(planned), train_some, show)


def in_parts(count: int, train_some: Callable[[int, Show], list[Outcome]], show: Show) -> list[Outcome]:
    """Train so many, some at once, until somebody wants to stop; return what came of those that were begun.

    Args:
        train_some: trains some from a number on, the next at least, and returns what came of them.
        show: is told where all of them stand.
    """
    latest: list[Progress | None] = [None] * count
    outcomes: list[Outcome] = []
    while len(outcomes) < count and not any(map(is_interrupted, outcomes)):
        first = len(outcomes)

        def show_some(found: Sequence[Progress | None], first: int = first) -> None:
            latest[first : first + len(found)] = found
            show(latest)

        outcomes += train_some(first, show_some)
    return outcomes


def train_alone(train: Callable[[Audience], TrainReport], audience: Audience, show: Show) -> Outcome:
    """Train one by itself; what it fails with is what comes of it."""
    try:
        return train(replace(audience, show=lambda progress: show([progress])))
    except (BrokenOffError, UsageError):
        raise
    except TfcliError as error:
        return error


def is_interrupted(outcome: Outcome) -> bool:
    """Whether somebody wanted to stop."""
    return isinstance(outcome, TrainReport) and outcome.interrupted


def make_record(seed: int, outcome: Outcome | None) -> SeedRecord:
    """Return what came of a training as a record; None where it wasn't begun."""
    if outcome is None or isinstance(outcome, TrainReport):
        return SeedRecord(seed, outcome)
    return SeedRecord(seed, None, str(outcome))

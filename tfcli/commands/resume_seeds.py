"""`train --resume` with several runs that differ in their seed: as many as are faster so go on together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from tfcli.commands.resume import (
    change,
    find_start,
    hold_alone,
    read_standing,
    refuse_changed_code,
    why_over,
)
from tfcli.commands.seeds import MOST, in_parts, make_record, train_alone
from tfcli.commands.together import NotTogetherError, Outcome, Planned, Show, train_together, why_in_turn
from tfcli.commands.train import SILENCE, Audience, resume_run
from tfcli.config.comparison import differences
from tfcli.config.relocation import relocate
from tfcli.config.schema import RunConfig
from tfcli.config.trust import require
from tfcli.errors import UsageError, counted
from tfcli.records.progress import Progress, Standing
from tfcli.records.results import SeedsReport


class Waiting(NamedTuple):
    """A run that is to go on."""

    path: Path
    config: RunConfig
    standing: Standing | None  # from which it goes on; None where it had saved nothing yet

    @property
    def step(self) -> int:
        """Return the step after which it goes on."""
        return self.standing.progress.step if self.standing else 0


def resume_seeds(
    paths: Sequence[Path],
    overrides: Sequence[str],
    trust: Sequence[Path] = (),
    audience: Audience = SILENCE,
    show: Show = lambda latest: None,
) -> SeedsReport:
    """Let runs that differ in their seed alone go on, as `resume_run`; those that are over stay as they are.

    Those that stand at the same step go on together, where that is faster. One that fails does not end the
    others. Ctrl-C does; what was learned is saved.

    Raises:
        UsageError: they differ in more, or all of them are over; or as `resume_run`.
        TfcliError: what one of them has saved is damaged.
        BrokenOffError: Ctrl-C came again.
    """
    started = time.perf_counter()
    waiting = find_waiting(paths, overrides, trust, audience)
    may_try = not audience.debug  # which looks at each by itself

    def resume_some(first: int, show: Show) -> list[Outcome]:
        nonlocal may_try
        here = [run for run in waiting[first : first + MOST] if run.step == waiting[first].step]
        try:
            if may_try and here[0].step and why_in_turn([run.config for run in here]) is None:
                return resume_together(here, overrides, trust, audience, show)
        except NotTogetherError as error:
            may_try = False
            audience.note(f"the runs go on one after the other: {error}")
        except UsageError as error:
            return [keep(error, first)]
        try:
            return [train_alone(partial(resume_run, here[0].path, overrides, trust), audience, show)]
        except UsageError as error:
            return [keep(error, first)]

    outcomes = in_parts(len(waiting), resume_some, show)
    records = [make_record(run.config.train.seed, found) for run, found in zip_longest(waiting, outcomes)]
    by_seed = sorted(records, key=lambda record: record.seed)
    return SeedsReport(by_seed, time.perf_counter() - started)


def keep(error: UsageError, first: int) -> UsageError:
    """Return what is wrong with a run that wasn't wrong with it before others went on.

    Raises:
        UsageError: none has yet.
    """
    if first == 0:
        raise error
    return error


def find_waiting(
    paths: Sequence[Path], overrides: Sequence[str], trust: Sequence[Path], audience: Audience
) -> list[Waiting]:
    """Return which of several runs are to go on, in the order of where they stand.

    Raises:
        UsageError: they differ in more than their seed, or none is to go on; or as `resume_run` of one.
        TfcliError: what one of them has saved is damaged.
    """
    waiting: list[Waiting] = []
    over: list[str] = []
    first: RunConfig | None = None
    for path in paths:
        with hold_alone(path):
            before, standing = read_standing(path)
        before = relocate(before, path, standing.code if standing else {})
        if standing is not None:
            refuse_changed_code(path, before, standing)
        require(before, path, trust)
        config = change(before, overrides, path)
        first = first or config
        if others := sorted({key for key, _, _ in differences(first, config)} - {"train.seed"}):
            what = f"{paths[0]} and {path} differ in {', '.join(others)}"
            raise UsageError(f"{what}; runs that are resumed at once differ in train.seed alone")
        why = standing and why_over(path, config, standing.extended(config.train.steps))
        if why:
            over.append(why)
        else:
            waiting.append(Waiting(path, with_free_threads(config, standing), standing))
    if not waiting:
        raise UsageError(f"all of these {counted(len(over), 'run')} are over; {over[0]}")
    if over:
        audience.note(
            f"{counted(len(over), 'run')} that {'is' if len(over) == 1 else 'are'} over: left alone"
        )
    return sorted(waiting, key=lambda run: (run.step, run.config.train.seed))


def with_free_threads(config: RunConfig, standing: Standing | None) -> RunConfig:
    """Return a configuration that leaves the number of threads open, if a run was trained so with others.

    The configuration of each has the number that it would have had alone, unless the user chose one.
    """
    if standing is None or standing.together == 1 or standing.threads in (None, config.train.threads):
        return config
    return config.model_copy(update={"train": config.train.model_copy(update={"threads": None})})


def resume_together(
    runs: Sequence[Waiting], overrides: Sequence[str], trust: Sequence[Path], audience: Audience, show: Show
) -> list[Outcome]:
    """Let runs that stand at the same step go on as one program.

    Raises:
        NotTogetherError: they can't.
        UsageError, TfcliError, BrokenOffError: as `resume_seeds`.
    """
    told: list[str] = []

    def show_and_tell(latest: Sequence[Progress | None]) -> None:
        if not told:
            told.append(f"{counted(len(runs), 'run')} go on after step {runs[0].step:,} as one program")
            audience.note(told[0])
        show(latest)

    with ExitStack() as locks:
        for run in runs:
            locks.enter_context(hold_alone(run.path))
        planned = []
        for run in runs:
            config, saved = find_start(run.path, overrides, audience.warn)
            require(config, run.path, trust)
            if saved is None or saved.standing.progress.step != run.step:
                raise UsageError(f"{run.path} has been trained meanwhile; ask again")
            config = with_free_threads(config, saved.standing)
            planned.append(Planned(config, run.path.name, run.path, audience, saved))
        return train_together(planned, show_and_tell)

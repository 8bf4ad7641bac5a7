"""What a worker of a sweep does: train runs, score them, and say what they came to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tfcli.building.models import build_for_training
from tfcli.checkpoints.loading import load_run
from tfcli.checkpoints.saving import count_parameters
from tfcli.commands.evaluate import exact_match_at
from tfcli.commands.outcome import is_over
from tfcli.commands.run_outcomes import failure, name_error, read_outcome
from tfcli.commands.together import Planned, train_together
from tfcli.commands.train import Audience, make_training, resume_run, train_run
from tfcli.config.schema import RunConfig
from tfcli.config.trust import files_of
from tfcli.devices import prepare
from tfcli.errors import DamagedError, TfcliError, UsageError
from tfcli.records.events import LOGGER, Event
from tfcli.records.progress import Progress
from tfcli.records.results import TrainReport
from tfcli.records.sweep import RunOutcome
from tfcli.runs import folders, headers, locks, removing
from tfcli.sweeps.identity import refuse_changed
from tfcli.sweeps.orders import Check, Checked, Line, Order, Remark, Request, Scoring, Step, Told
from tfcli.training.monitor import monitor

SAY_EVERY = 0.25  # seconds between two words on one run
WAIT = 30.0  # seconds for the worker of a parent that was killed to end its step
TRIED = 20  # steps that are timed


def do(request: Request, line: Line) -> list[RunOutcome] | list[Checked]:
    """Do what is asked of a worker."""
    with telling_events(line):
        if isinstance(request, Check):
            return [check(config, request.timed) for config in request.configs]
        orders = request.orders
        are_new = not any((order.folder / folders.CONFIG).is_file() for order in orders)
        together = train_as_one(orders, line) if len(orders) > 1 and are_new else None
        return together or [train_one(order, line) for order in orders]


def train_as_one(orders: Sequence[Order], line: Line) -> list[RunOutcome] | None:
    """Train runs that differ in their seed alone as one program; None if that can't be done.

    What goes wrong with all of them is left to each of them alone, to be told as its own.
    """
    followers = [Follower(order, line) for order in orders]
    try:
        for order in orders:
            wait_for_others(order.folder)
            refuse_changed(order.config, order.id)
            clear(order.folder)
        ends = train_together(
            [
                Planned(order.config, order.folder.name, order.folder, follower.audience())
                for order, follower in zip(orders, followers, strict=True)
            ]
        )
    except (Exception, SystemExit):
        return None
    return [
        failure(follower.order, end) if isinstance(end, TfcliError) else conclude(follower, end)
        for follower, end in zip(followers, ends, strict=True)
    ]


def train_one(order: Order, line: Line) -> RunOutcome:
    """Bring a run to its end, or as far as it is to go, and return what it came to; an error is one, too."""
    follower = Follower(order, line)
    try:
        wait_for_others(order.folder)
        refuse_changed(order.config, order.id)
        report = bring_on(follower)
    except DamagedError as error:
        fix = f"`tfcli rm {order.folder}` makes room for that, then ask for the sweep again"
        return failure(order, TfcliError(f"{error}: {fix}"))
    except (Exception, SystemExit) as error:  # own code may end its process
        return failure(order, error)
    return conclude(follower, report)


def conclude(follower: Follower, report: TrainReport | None) -> RunOutcome:
    """Return what a run has come to, scored at the lengths that are wanted if that is its end.

    Args:
        report: of its training; None if it had come to its end before.
    """
    order, line = follower.order, follower.line
    if report is not None and report.run != str(order.folder):
        return failure(order, TfcliError(follower.why_elsewhere(report.run)))
    try:
        outcome = read_outcome(order, follower.why)
        return score(order, outcome, line) if order.lengths and outcome.has_ended else outcome
    except (Exception, SystemExit) as error:
        return failure(order, error)


def wait_for_others(run: Path) -> None:
    """Wait until nobody trains a run any more: a worker that lost its parent ends within a step."""
    until = time.monotonic() + WAIT
    while locks.find_trainer(run) is not None and time.monotonic() < until:
        time.sleep(0.05)


def can_go_on(run: Path) -> bool:
    """Whether a run was begun, and not broken off by an error before it had saved its state.

    Where that is of its end, and somebody has removed the weights, there is nowhere to go.
    """
    begun, ended = (run / folders.CONFIG).is_file(), (run / folders.WEIGHTS).exists()
    if not begun or ended:
        return begun and (run / folders.STATE).exists()
    try:
        state = headers.read_state_header(run / folders.STATE)
    except FileNotFoundError:
        return True
    return not is_over(state.standing.progress, state.config.train)


def clear(run: Path) -> None:
    """Remove a run that is to be trained anew.

    Raises:
        UsageError: something else is in it, such as what was kept when a run was removed.
    """
    if run.is_dir():
        removing.remove_run(run)
    if run.exists():
        raise UsageError(f"{run} holds something that isn't a run's; put that elsewhere, and ask again")


def bring_on(follower: Follower) -> TrainReport | None:
    """Train a run, or let it go on, unless it has come to its end."""
    order, audience = follower.order, follower.audience()
    path = order.folder
    if has_come(order):
        return None
    if not can_go_on(path):
        clear(path)
        return train_run(order.config, path.name, path, audience)
    return resume_run(path, [], [file for _, file in files_of(order.config)], audience)


def has_come(order: Order) -> bool:
    """Whether a run has come to its end, or as far as it is to go."""
    run = order.folder
    if not (run / folders.CONFIG).is_file() or not folders.weights_of(run).is_file():
        return False
    summary = headers.read_header(run).summary
    return not summary.interrupted or (order.until is not None and summary.steps >= order.until)


class Follower:
    """Tells how a training goes, and when it is to stop."""

    def __init__(self, order: Order, line: Line) -> None:
        self.order, self.line = order, line
        self.said_at = 0.0
        self.why: str | None = None  # it was left before its end
        self.warned: list[str] = []

    def audience(self) -> Audience:
        """Return itself as whoever a training tells how it goes."""
        return Audience(self.show, warn=self.warn, stop=self.must_stop)

    def warn(self, what: str) -> None:
        """Tell what went wrong without ending the training."""
        self.warned.append(what)
        self.line.say(Remark(what))

    def why_elsewhere(self, folder: str) -> str:
        """Say why the model of a run lies in another folder than its own."""
        told = f"{self.order.folder} can't be written; the model is in {folder}"
        return next((said for said in reversed(self.warned) if folder in said), told)

    def show(self, progress: Progress) -> None:
        """Tell of a step, now and then."""
        now = time.monotonic()
        if now - self.said_at >= SAY_EVERY:
            self.said_at = now
            score = progress.score.exact_match if progress.score else None
            self.line.say(Step(self.order.id, progress.step, self.order.config.train.steps, score))

    def must_stop(self, progress: Progress) -> bool:
        """Whether a training is to end after that step."""
        order = self.order
        if order.until is not None and progress.step >= order.until:
            self.why = "dropped"
        elif order.time_limit is not None and progress.seconds > order.time_limit:
            self.why = f"ran into --time-limit {order.time_limit:g} at step {progress.step:,}"
        elif self.line.must_stop():
            self.why = "interrupted"
        return self.why is not None


def score(order: Order, outcome: RunOutcome, line: Line) -> RunOutcome:
    """Add the scores at the lengths that are wanted."""
    line.say(Scoring(order.id, True))
    try:
        found = score_at(order, line)
    finally:
        line.say(Scoring(order.id, False))
    return replace(outcome, lengths=found, samples=order.samples)


def score_at(order: Order, line: Line) -> dict[str, float | None]:
    """Return the exact match at each length that the model can read, until somebody wants to stop."""
    loaded = load_run(order.folder, [path for _, path in files_of(order.config)])
    found: dict[str, float | None] = {}
    for length in order.lengths:
        if line.must_stop():
            break
        found[str(length)] = exact_match_at(loaded, length, order.samples, order.config.train.device)
    return found


def check(config: RunConfig, timed: bool) -> Checked:
    """Build the model of a configuration, and perhaps time some of its steps."""
    try:
        prepare(config.train)
        _, model = build_for_training(config)
        return Checked(None, count_parameters(model), time_steps(config) if timed else None)
    except (Exception, SystemExit) as error:
        return Checked(name_error(error), 0, None)


def time_steps(config: RunConfig) -> float:
    """Return the seconds that a step takes, with its share of the evaluations."""
    training, held_out = make_training(config, None)
    records = monitor(training, training.model, held_out)
    every = config.train.eval_every
    steps = min(config.train.steps, max(TRIED, every))
    first = next(records)
    last = first
    for last in records:
        if last.step >= steps:
            break
    return (last.seconds - first.seconds) / max(1, last.step - first.step)


class Forwarder(logging.Handler):
    """Tells the events of a worker to its parent, for the log."""

    def __init__(self, say: Callable[[Told], None]) -> None:
        super().__init__()
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Tell an event."""
        if isinstance(record.msg, Event):
            self.say(Told(record.msg, record.created, record.process or 0))


@contextmanager
def telling_events(line: Line) -> Iterator[None]:
    """Tell all events down the line."""
    handler, level = Forwarder(line.say), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)

"""`sweep`: many runs of one configuration, on workers of this machine or of others. Free of torch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tfcli.commands.interrupts import defer_interrupt
from tfcli.commands.sweep_models import TICK, build
from tfcli.errors import ConfigError, StoppedError, UsageError
from tfcli.records.events import LOGGER, SweepRunEnded, SweepStarted, WorkerLost, emit
from tfcli.records.sweep import RunningRun, RunOutcome, SweepProgress
from tfcli.sweeps.bundles import Bundles, size_of
from tfcli.sweeps.identity import refuse_changed
from tfcli.sweeps.journal import Journal
from tfcli.sweeps.orders import Done, Job, Lost, Order, Remark, Step, Told, Workers
from tfcli.sweeps.planning import Planner, Trial, describe
from tfcli.sweeps.strategies import Leg, Strategy

GRACE = 30.0  # seconds beyond its limit after which a worker is ended that doesn't come to the end of a step


@dataclass(frozen=True)
class Listener:
    """Who is told how a sweep goes."""

    show: Callable[[SweepProgress], None] = lambda progress: None
    warn: Callable[[str], None] = lambda problem: None


@dataclass(frozen=True)
class Rules:
    """How runs are trained and scored, apart from their configurations."""

    lengths: tuple[int, ...] = ()  # at which those that have come to their end are scored
    samples: int = 256  # held-out sequences of each length
    time_limit: float | None = None  # seconds of training, for each run
    fail_fast: bool = False  # whether the first failure ends the sweep
    together: bool = True  # whether seeds of a setting may be trained as one program


class Sweep:
    """Gives runs to workers, and takes in what they come to, until there are no more.

    Only this process writes the journal; each run's folder is written by its worker.
    """

    def __init__(
        self, planner: Planner, strategy: Strategy, rules: Rules, workers: Workers, listener: Listener
    ) -> None:
        self.planner, self.strategy, self.rules = planner, strategy, rules
        self.workers, self.listener = workers, listener
        self.journal = Journal(planner.folder)
        size = size_of(len(strategy.trials())) if rules.together else 1
        self.bundles = Bundles(self.take, lambda trial: planner.configure(trial.point), size)
        self.legs: dict[str, Leg] = {}  # that are being trained, by their ids
        self.steps: dict[str, Step] = {}  # the last that was said of them
        self.trained: set[str] = set()  # the ids of what a worker trained, here and now
        self.scored: set[str] = set()  # the ids of what had been trained before, and lacks scores
        self.done = self.skipped = self.solved = self.failed = 0  # legs
        self.is_stopping = self.was_interrupted = False
        self.started = time.monotonic()

    def run(self) -> None:
        """Train all there is. Ctrl-C lets the workers save what they are at; a second one ends them at once.

        Raises:
            TfcliError: the journal can't be written, or no worker can start.
        """
        folder = self.planner.folder
        emit(SweepStarted(str(folder), len(self.strategy.trials()), self.workers.number))
        self.workers.start(sum(self.find(Leg(trial, None)) is None for trial in self.strategy.trials()))
        try:
            with defer_interrupt() as interrupt:
                self.check_models(lambda: interrupt.check(0))
                while True:
                    if not self.is_stopping:
                        self.give_out()
                    if self.workers.is_idle:
                        break
                    self.take_in()
                    if interrupt.caught and not self.is_stopping:
                        self.was_interrupted = True
                        self.stop()
                    self.listener.show(self.progress())
        except StoppedError:
            self.was_interrupted = True
        except KeyboardInterrupt:
            self.was_interrupted = True
            self.workers.kill()

    def check_models(self, tick: Callable[[], None]) -> None:
        """Build the model of each setting that is to be trained, before anything is.

        Raises:
            ConfigError: some can't be built, all of which are told.
        """
        settings: dict[str, Trial] = {}
        for trial in self.strategy.trials():
            if trial.id not in self.planner.known:
                settings.setdefault(describe(trial.setting), trial)
        configs = [self.planner.configure(trial.point) for trial in settings.values()]
        problems = [
            f"{label}: {found.problem}" if label else found.problem
            for label, found in zip(settings, build(configs, self.workers, tick), strict=True)
            if found.problem is not None
        ]
        if problems:
            raise ConfigError(problems)

    def give_out(self) -> None:
        """Give a job to each worker that is free."""
        while not self.is_stopping and self.workers.free > 0 and (legs := self.bundles.next()):
            self.legs.update({leg.trial.id: leg for leg in legs})
            try:
                self.workers.give(Job(tuple(map(self.order, legs))))
            except UsageError as error:
                for leg in legs:
                    self.finish(failure(leg, str(error)))

    def take(self) -> Leg | None:
        """Return what comes next; what is done already is taken from the journal."""
        while (leg := self.strategy.next()) is not None:
            found = self.find(leg)
            if found is None:
                if self.find(leg, scored=False) is not None:
                    self.scored.add(leg.trial.id)
                return leg
            self.skipped += 1
            self.count(found)
            self.strategy.tell(leg, found)
        return None

    def find(self, leg: Leg, *, scored: bool = True) -> RunOutcome | None:
        """Return what a leg came to, if it is done already, and scored as it should be if that is asked."""
        key, rules = (leg.trial.id, leg.until), self.rules
        return self.journal.find(key, leg.trial.folder, rules.lengths if scored else (), rules.samples)

    def order(self, leg: Leg) -> Order:
        """Return what a worker is to do.

        Raises:
            UsageError: a file that the run depends on isn't what it was when the sweep began.
        """
        trial, rules = leg.trial, self.rules
        config = self.planner.configure(trial.point)
        known = self.known_scores(trial.id)
        refuse_changed(config, trial.id)
        return Order(
            trial.id,
            trial.folder,
            trial.point,
            config,
            leg.until,
            tuple(length for length in rules.lengths if str(length) not in known),
            rules.samples,
            rules.time_limit,
        )

    def known_scores(self, id: str) -> dict[str, float | None]:
        """Return the scores by length of a run that had been trained before, by as many sequences."""
        found = self.journal.outcomes.get((id, None)) if id in self.scored else None
        return found.lengths if found is not None and found.samples == self.rules.samples else {}

    def take_in(self) -> None:
        """Take in what workers say."""
        for word in self.workers.wait(TICK):
            if isinstance(word, Done):
                for outcome in word.result:
                    self.finish(outcome)
            elif isinstance(word, Lost):
                self.lose(word)
            elif isinstance(word, Step):
                self.steps[word.id] = word
            else:
                self.pass_on(word)
        if self.rules.time_limit is not None:
            self.workers.end_overdue(self.rules.time_limit, GRACE)

    def pass_on(self, word: object) -> None:
        """Pass on what a worker has for the user, or for the log."""
        if isinstance(word, Remark):
            self.listener.warn(word.text)
        elif isinstance(word, Told):
            record = LOGGER.makeRecord(LOGGER.name, word.event.level, "", 0, word.event, (), None)
            record.created, record.process = word.time, word.pid
            if LOGGER.isEnabledFor(logging.INFO):
                LOGGER.handle(record)

    def lose(self, lost: Lost) -> None:
        """Take leave of a worker."""
        orders = lost.request.orders if isinstance(lost.request, Job) else ()
        emit(WorkerLost(str(lost.worker), [str(order.folder) for order in orders], lost.how))
        if self.is_stopping:
            for order in orders:
                self.legs.pop(order.id, None)
        elif lost.for_good:
            for order in orders:
                others = f", like the {lost.kills - 1} before it" if lost.kills > 1 else ""
                self.finish(failure(self.legs[order.id], f"its worker {lost.how}{others}"))
        else:
            self.listener.warn(f"worker {lost.worker} {lost.how}; what it was at is done by another one")

    def finish(self, outcome: RunOutcome) -> None:
        """Note what a run came to."""
        leg = self.legs.pop(outcome.id)
        if outcome.id not in self.scored:
            self.trained.add(outcome.id)
        self.steps.pop(outcome.id, None)
        outcome = replace(outcome, lengths={**self.known_scores(outcome.id), **outcome.lengths})
        self.journal.add(outcome)
        emit(
            SweepRunEnded(
                str(self.planner.folder),
                outcome.run,
                outcome.settings,
                outcome.state,
                outcome.steps,
                outcome.exact_match,
                outcome.error,
            )
        )
        if outcome.state == "interrupted":
            return
        self.count(outcome)
        self.strategy.tell(leg, outcome)
        if outcome.has_failed and self.rules.fail_fast and not self.is_stopping:
            self.stop()

    def count(self, outcome: RunOutcome) -> None:
        """Count a run that is through."""
        self.done += 1
        self.solved += outcome.state == "solved"
        self.failed += outcome.has_failed

    def stop(self) -> None:
        """Let everything come to its end."""
        self.is_stopping = True
        self.workers.stop()

    def progress(self) -> SweepProgress:
        """How far it is."""
        running = [
            RunningRun(leg.trial.label, said.step, leg.until or said.steps, said.exact_match)
            for leg in self.legs.values()
            if (said := self.steps.get(leg.trial.id))
        ]
        now, total = self.done - self.skipped, self.strategy.total
        eta = (time.monotonic() - self.started) / now * (total - self.done) if now else None
        return SweepProgress(total, self.done, self.solved, self.failed, len(self.legs), running, eta)

    def outcomes(self) -> dict[str, RunOutcome]:
        """Return what each run has come to so far, by its id."""
        found: dict[str, RunOutcome] = {}
        order = sorted(self.journal.outcomes.items(), key=lambda item: (item[0][1] is None, item[0][1] or 0))
        known = self.planner.known  # where they lie now: the folder may have been moved since
        for (name, _), outcome in order:  # the furthest one counts
            found[name] = replace(outcome, run=str(known[name])) if name in known else outcome
        return found


def failure(leg: Leg, error: str) -> RunOutcome:
    """Return what a run came to that no worker could train."""
    trial = leg.trial
    return RunOutcome(
        trial.id,
        str(trial.folder),
        trial.point,
        "failed",
        trial.seed,
        most_steps=trial.steps,
        until=leg.until,
        error=error,
    )

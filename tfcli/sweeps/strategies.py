"""Which run comes next: all of a grid, or, by successive halving, ever fewer for ever longer.

What comes next never depends on which worker was faster: results are taken in the order of the plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import groupby
from math import inf
from statistics import median
from typing import NamedTuple, Protocol

from tfcli.records.sweep import RunOutcome
from tfcli.sweeps.planning import Trial

FACTOR = 3  # one setting in so many goes on from a rung, and for so many times the steps (Jamieson 2016)


class Leg(NamedTuple):
    """A run that is to go on until its end, or until a step."""

    trial: Trial
    until: int | None
    since: int = 0  # the step from which it goes on

    @property
    def steps(self) -> int:
        """How many steps it takes at most."""
        return (self.trial.steps if self.until is None else self.until) - self.since


class Strategy(Protocol):
    """Says what to train next, and learns what that came to."""

    @property
    def total(self) -> int:
        """How many legs there will be."""

    def next(self) -> Leg | None:
        """Return what may be trained now; None while that depends on others, and at the end."""

    def tell(self, leg: Leg, outcome: RunOutcome) -> None:
        """Learn what a leg came to."""

    def most_steps(self) -> int:
        """How many steps all of it takes at most."""

    def trials(self) -> list[Trial]:
        """Return all runs that there are so far, the best first where there is a search."""

    def notes(self) -> list[str]:
        """Return what there is to know of the settings that were drawn so far."""


class All:
    """Each run to its end."""

    def __init__(self, trials: Sequence[Trial], notes: Sequence[str] = ()) -> None:
        self.planned, self.told = list(trials), list(notes)
        self.waiting = deque(trials)

    @property
    def total(self) -> int:
        return len(self.planned)

    def next(self) -> Leg | None:
        return Leg(self.waiting.popleft(), None) if self.waiting else None

    def tell(self, leg: Leg, outcome: RunOutcome) -> None:
        pass

    def most_steps(self) -> int:
        return sum(trial.steps for trial in self.planned)

    def trials(self) -> list[Trial]:
        return self.planned

    def notes(self) -> list[str]:
        return self.told


class Drawn(All):
    """Settings that were drawn, each run to its end; once all are, the best come first."""

    def __init__(self, trials: Sequence[Trial], notes: Sequence[str] = ()) -> None:
        super().__init__(trials, notes)
        self.results: dict[str, RunOutcome] = {}

    def tell(self, leg: Leg, outcome: RunOutcome) -> None:
        self.results[leg.trial.id] = outcome

    def trials(self) -> list[Trial]:
        if len(self.results) < len(self.planned):
            return self.planned
        settings = [list(group) for _, group in groupby(self.planned, key=lambda trial: trial.setting)]
        settings.sort(key=lambda setting: judge([self.results[trial.id] for trial in setting]))
        return [trial for setting in settings for trial in setting]


class Halving:
    """All settings for a few steps, the best third of them for three times as many, and so on to the end.

    A setting is judged by the median over its seeds. Each run goes on from where it was left, with the
    learning rates of its whole length.
    """

    def __init__(self, trials: Sequence[Trial], notes: Sequence[str] = ()) -> None:
        self.told = list(notes)
        by_setting = groupby(trials, key=lambda trial: trial.setting)
        self.settings = [list(group) for _, group in by_setting]
        self.alive = list(self.settings)  # on the current rung, in the order of the one before
        self.dropped: list[list[Trial]] = []  # the best first: those that got further come before others
        self.rungs = count_rungs(self.settings)
        self.rung = 0
        self.results: dict[str, RunOutcome] = {}
        self.waiting = deque(trials)
        self.open = len(trials)  # legs of this rung that aren't through

    @property
    def total(self) -> int:
        found, left = 0, len(self.settings)
        for _ in range(self.rungs):
            found, left = found + left * len(self.settings[0]), fewer(left)
        return found

    def next(self) -> Leg | None:
        if not self.waiting:
            return None
        return self.leg(self.waiting.popleft(), self.rung)

    def leg(self, trial: Trial, rung: int) -> Leg:
        """Return what is trained of a run on a rung; on the last it is trained to its end."""
        above = self.rungs - 1 - rung
        return Leg(trial, step_of(trial, above) if above else None, step_of(trial, above + 1) if rung else 0)

    def most_steps(self) -> int:
        found, left = 0, len(self.settings)
        for rung in range(self.rungs):
            found += sum(self.leg(trial, rung).steps for setting in self.settings[:left] for trial in setting)
            left = fewer(left)
        return found

    def tell(self, leg: Leg, outcome: RunOutcome) -> None:
        self.results[leg.trial.id] = outcome
        self.open -= 1
        if self.open:
            return
        # The sort keeps the order of equals.
        self.alive.sort(key=lambda setting: judge([self.results[trial.id] for trial in setting]))
        if self.rung < self.rungs - 1:
            kept = fewer(len(self.alive))
            self.alive, self.dropped = self.alive[:kept], self.alive[kept:] + self.dropped
            self.rung += 1
            self.waiting = deque(trial for setting in self.alive for trial in setting)
            self.open = len(self.waiting)

    def trials(self) -> list[Trial]:
        return [trial for setting in [*self.alive, *self.dropped] for trial in setting]

    def notes(self) -> list[str]:
        return self.told


def count_rungs(settings: Sequence[Sequence[Trial]]) -> int:
    """Return how many rungs there are: until one setting is left, or the lowest has no evaluation."""
    rungs, left = 1, len(settings)
    fewest = min(trial.steps / trial.eval_every for setting in settings for trial in setting)
    while left > 1 and fewest >= FACTOR:
        rungs, left, fewest = rungs + 1, fewer(left), fewest / FACTOR
    return rungs


def fewer(settings: int) -> int:
    """How many of some settings go on."""
    return -(-settings // FACTOR)


def step_of(trial: Trial, above: int) -> int:
    """Return the step at which a run is looked at, so many rungs below its end: one of its evaluations."""
    share = -(-trial.steps // int(FACTOR**above))
    return min(trial.steps, -(-share // trial.eval_every) * trial.eval_every)


def judge(outcomes: Sequence[RunOutcome]) -> tuple[float, float, float]:
    """Return how bad a setting is: its median exact match, then steps to solved, then held-out loss."""
    return (
        -median(outcome.exact_match or 0.0 for outcome in outcomes),
        median(inf if outcome.solved_step is None else outcome.solved_step for outcome in outcomes),
        median(inf if outcome.held_out_loss is None else outcome.held_out_loss for outcome in outcomes),
    )

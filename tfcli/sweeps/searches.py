"""Settings that are drawn from lists and ranges, at random or by what others came to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from statistics import fmean, median
from typing import Any, NamedTuple

from tfcli.errors import ConfigError, UsageError, counted
from tfcli.records.sweep import RunOutcome
from tfcli.sweeps.axes import SEED, Axis
from tfcli.sweeps.planning import Planner, Trial, describe, refuse_twin
from tfcli.sweeps.points import Point, draw_several
from tfcli.sweeps.strategies import Leg

KINDS = ("random", "optuna")
LAG = 8  # settings that are drawn before the first of them has told anything: so many can be trained at once
FORM = "write --search random:50, or optuna:50 for draws that learn from each other"
SEVERAL = 30  # times as many draws as are wanted, since some may be refused
MOST_REFUSED = 100  # draws of Optuna's, where none has been taken


class Search(NamedTuple):
    """How settings are drawn, and how many."""

    kind: str
    settings: int


def parse_search(text: str) -> Search:
    """Return what `random:50` means.

    Raises:
        UsageError: it can't be read.
    """
    match = re.fullmatch(r"([a-z]+):([1-9]\d{0,5})", text, re.ASCII)
    if match is None or match[1] not in KINDS:
        raise UsageError(f"can't read --search {text!r}; {FORM}")
    return Search(match[1], int(match[2]))


def instances(planner: Planner, setting: Point, seeds: Axis | None) -> list[Trial]:
    """Return the runs of a setting, one for each seed.

    Raises:
        UsageError: it is refused.
    """
    points = [setting] if seeds is None else [{**setting, SEED: seed} for seed in seeds.values()]
    trials: dict[str, Trial] = {}
    for point in points:
        trial = planner.make(point)
        refuse_twin(trials.get(trial.id), trial)
        trials[trial.id] = trial
    return list(trials.values())


def draw_trials(
    planner: Planner, axes: Sequence[Axis], wanted: int, seed: int
) -> tuple[list[Trial], list[str]]:
    """Return the runs of so many settings that are drawn at random, and notes on those that aren't there.

    A setting that is refused is drawn again.

    Raises:
        UsageError: all are refused.
    """
    seeds = next((axis for axis in axes if axis.key == SEED), None)
    varied = [axis for axis in axes if axis.key != SEED]
    found: dict[str, list[Trial]] = {}
    refused: list[str] = []
    for setting in draw_several(varied, SEVERAL * wanted, seed):
        try:
            trials = instances(planner, setting, seeds)
        except UsageError as error:
            refused.append(f"{describe(setting)}: {error}")
            continue
        found.setdefault(trials[0].id, trials)
        if len(found) == wanted:
            break
    if not found:
        raise ConfigError(list(dict.fromkeys(refused))[:1] or ["there is nothing to draw from"])
    notes = []
    if refused:
        notes.append(f"refused and drawn again: {counted(len(refused), 'setting')}, such as {refused[0]}")
    if len(found) < wanted:
        notes.append(f"only {counted(len(found), 'setting')} can be drawn, as far as was tried")
    return list(chain.from_iterable(found.values())), notes


class Sampled:
    """Settings that Optuna draws, each by what those came to that were drawn eight before it, and earlier.

    That makes the draws the same however many workers there are, and lets up to eight settings be trained at
    once.
    """

    def __init__(self, planner: Planner, axes: Sequence[Axis], wanted: int, seed: int) -> None:
        study = import_optuna().create_study(
            direction="maximize", sampler=import_optuna().samplers.TPESampler(seed=seed)
        )
        self.study = study
        self.planner, self.wanted = planner, wanted
        self.seeds = next((axis for axis in axes if axis.key == SEED), None)
        self.axes = [axis for axis in axes if axis.key != SEED]
        self.drawn: list[tuple[Any, list[Trial]]] = []
        self.told = 0  # of the settings that were drawn
        self.waiting: list[Trial] = []
        self.results: dict[str, RunOutcome] = {}
        self.planned: dict[str, Trial] = {}
        self.refused: list[str] = []
        self.again = 0  # draws that had been drawn before

    @property
    def total(self) -> int:
        settings = self.wanted + len(self.refused) - len(self.drawn) if self.is_short else 0
        left = settings * (self.seeds.count if self.seeds else 1)
        return len(self.planned) + left

    def next(self) -> Leg | None:
        while not self.waiting and self.is_short and self.may_draw():
            self.draw()
        if not self.planned:
            raise ConfigError(self.refused[:1])
        return Leg(self.waiting.pop(0), None) if self.waiting else None

    @property
    def is_short(self) -> bool:
        """Whether there are fewer settings than wanted, and not so many were refused that it is in vain."""
        most = SEVERAL * self.wanted if self.planned else min(SEVERAL * self.wanted, MOST_REFUSED)
        return len(self.drawn) - len(self.refused) < self.wanted and len(self.drawn) < most

    def may_draw(self) -> bool:
        """Whether the settings are through that the next draw depends on."""
        needed = self.drawn[self.told : max(0, len(self.drawn) + 1 - LAG)]
        return all(trial.id in self.results for _, trials in needed for trial in trials)

    def draw(self) -> None:
        """Draw a setting, after telling of those that it depends on."""
        while self.told <= len(self.drawn) - LAG:
            asked, trials = self.drawn[self.told]
            if trials:
                self.study.tell(asked, fmean(worth(self.results[trial.id]) for trial in trials))
            self.told += 1
        asked = self.study.ask()
        setting = {axis.key: suggest(asked, axis) for axis in self.axes}
        try:
            trials = instances(self.planner, setting, self.seeds)
        except UsageError as error:
            trials = []
            self.study.tell(asked, 0.0)
            self.refused.append(f"{describe(setting)}: {error}")
        self.again += any(trial.id in self.planned for trial in trials)
        self.drawn.append((asked, trials))
        self.waiting += [trial for trial in trials if trial.id not in self.planned]
        self.planned.update({trial.id: trial for trial in trials})

    def tell(self, leg: Leg, outcome: RunOutcome) -> None:
        self.results[leg.trial.id] = outcome

    def trials(self) -> list[Trial]:
        by_setting: dict[str, list[Trial]] = {}
        for trial in self.planned.values():
            by_setting.setdefault(describe(trial.setting), []).append(trial)
        return list(chain.from_iterable(sorted(by_setting.values(), key=self.rank)))

    def notes(self) -> list[str]:
        notes = []
        if self.refused:
            notes.append(
                f"refused and drawn again: {counted(len(self.refused), 'setting')}, such as {self.refused[0]}"
            )
        if self.again:
            notes.append(f"drawn once more, and not trained again: {counted(self.again, 'setting')}")
        return notes

    def rank(self, trials: Iterable[Trial]) -> float:
        """Return what a setting is sorted by, the best first."""
        found = [worth(self.results[trial.id]) for trial in trials if trial.id in self.results]
        return -median(found) if found else 1.0

    def most_steps(self) -> int:
        """How many steps all of it takes at most, if each setting has as many as the first."""
        first = self.planner.make(next(iter(self.planned.values())).point) if self.planned else None
        return self.total * (first.steps if first else self.planner.configure(self.planner.first).train.steps)


def suggest(asked: Any, axis: Axis) -> str:
    """Return a value of an axis as Optuna draws it, as it is written."""
    span = axis.span
    if span is None:
        return str(asked.suggest_categorical(axis.key, list(axis.values())))
    if span.step is None:
        return f"{asked.suggest_float(axis.key, span.first, span.last, log=span.is_wide):.4g}"
    low, high = int(span.first), int(span.last)
    return str(asked.suggest_int(axis.key, low, high, step=span.step, log=span.is_wide))


def worth(outcome: RunOutcome) -> float:
    """Return how good a run is, 0 to 2: the mean of exact match and token accuracy; more if solved soon."""
    if outcome.solved_step is not None and outcome.steps:
        return 2 - outcome.solved_step / max(outcome.most_steps, outcome.solved_step)
    return ((outcome.exact_match or 0.0) + (outcome.token_accuracy or 0.0)) / 2


def import_optuna() -> Any:
    """Return Optuna, which tells nothing by itself.

    Raises:
        UsageError: it isn't installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UsageError('--search optuna needs optuna: pip install "tfcli[optuna]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna

"""`compare`: runs held against each other, those that differ in their seeds alone taken together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean
from string import ascii_uppercase
from typing import Any, NamedTuple

from tfcli.config.comparison import flatten
from tfcli.errors import UsageError, counted
from tfcli.intervals import difference
from tfcli.records.comparison import (
    SHARED,
    Comparison,
    CurvePoint,
    Difference,
    FigureRow,
    SettingRow,
    Side,
    Spread,
)
from tfcli.records.results import RunDetails
from tfcli.runs.summaries import details, name_gap

SEED = "train.seed"
ASIDE = (SEED, "train.log")  # settings that make no other side
SHOWN = 12  # digits of a digest, as a run's name in a sweep has
CURVES = ("exact_match", "token_accuracy", "loss", "held_out_loss")
Scores = Mapping[int, float | None]  # exact match by length; None where a model can't read so long an input
FIGURES: dict[str, Callable[[RunDetails], Any]] = {  # key -> what it is of a run
    "exact_match": lambda run: run.exact_match,
    "token_accuracy": lambda run: run.token_accuracy,
    "loss": lambda run: last_of(run, "loss"),
    "held_out_loss": lambda run: last_of(run, "held_out_loss"),
    "steps": lambda run: run.steps,
    "train_seconds": lambda run: run.train_seconds,
    "tokens_per_second": lambda run: run.tokens_per_second,
    "parameters": lambda run: run.parameters,
}


class Found(NamedTuple):
    """A run that is to be compared."""

    details: RunDetails
    settings: dict[str, Any]
    scores: Scores

    @property
    def seed(self) -> int:
        """Of its weights and training sequences."""
        seed: int = self.settings[SEED]
        return seed

    @property
    def figures(self) -> dict[str, float | None]:
        """What it has come to, by the names in JSON."""
        at_lengths = {f"exact_match_at_{length}": score for length, score in self.scores.items()}
        return {**{key: read(self.details) for key, read in FIGURES.items()}, **at_lengths}


class Gap(NamedTuple):
    """Figures of two sides that can't be held against each other."""

    keys: tuple[str, ...]
    what: str
    why: str


Group = dict[int, Found]  # the runs of a side by their seeds


def compare_runs(
    paths: Sequence[Path], curve: str, score: Callable[[Path], Scores] = lambda path: {}
) -> Comparison:
    """Hold runs against each other; the sides after the first against that one.

    Args:
        score: how well a run answers at each length that is asked for.

    Raises:
        UsageError: there are fewer than two, or too many sides.
        TfcliError: one can't be read.
    """
    apart: dict[Path, Path] = {}
    for path in paths:
        apart.setdefault(path.resolve(), path)  # a link to a run is that run
    found = [details(path) for path in apart.values()]
    groups = group([Found(run, {**dict(flatten(run.config)), **code_of(run)}, {}) for run in found])
    if not 1 < len(groups) <= len(ascii_uppercase):
        many = f"{len(groups):,} sides are too many; {len(ascii_uppercase)} at most"
        raise UsageError(f"{'name two runs at least' if len(groups) < 2 else many}: tfcli compare RUN RUN...")
    groups = [
        {seed: run._replace(scores=score(Path(run.details.run))) for seed, run in runs.items()}
        for runs in groups
    ]
    values = [settings_of(runs) for runs in groups]
    differing = [
        SettingRow(key, [side.get(key) for side in values])
        for key in dict.fromkeys(chain.from_iterable(values))
        if any(side.get(key) != values[0].get(key) for side in values)
    ]
    sides = [
        Side(
            name=ascii_uppercase[number],
            runs=[found.details.run for found in runs.values()],
            seeds=list(runs),
            solved=sum(found.details.solved for found in runs.values()),
            curve=draw_curve([found.details for found in runs.values()], curve),
        )
        for number, runs in enumerate(groups)
    ]
    notes = [note for run in found if (note := name_gap(run))]
    notes += [
        f"{side.name} - {sides[0].name}: no {gap.what}: {gap.why}"
        for side, runs in zip(sides[1:], groups[1:], strict=True)
        for gap in find_gaps(groups[0], runs)
    ]
    return Comparison(sides, differing, list_figures(groups), curve, notes)


def code_of(run: RunDetails) -> dict[str, str]:
    """Return what tells the code of a run's own parts from other code of the same name, by their settings."""
    return {f"code of {setting}": digest[:SHOWN] for setting, digest in sorted(run.code.items())}


def group(runs: Sequence[Found]) -> list[Group]:
    """Return the sides: runs that differ in their seeds alone, or all by themselves if none differs else."""
    groups: list[Group] = []
    known: dict[str, list[Group]] = {}  # by their settings: several where a seed comes more than once
    for run in runs:
        alike = known.setdefault(repr(sorted(settings_of({run.seed: run}).items())), [])
        side = next((side for side in alike if run.seed not in side), None)
        if side is None:
            side = {}
            alike.append(side)
            groups.append(side)
        side[run.seed] = run
    if len(groups) == 1:
        groups = [{run.seed: run} for run in runs]
    return [dict(sorted(runs.items())) for runs in groups]


def settings_of(runs: Group) -> dict[str, Any]:
    """Return the settings of a side but for those that make none."""
    settings = next(iter(runs.values())).settings
    return {key: value for key, value in settings.items() if key not in ASIDE}


def list_figures(groups: Sequence[Group]) -> list[FigureRow]:
    """Return the figures that some run has, and the exact match at each length that was asked for."""
    rows = []
    without = [{key for gap in find_gaps(groups[0], other) for key in gap.keys} for other in groups[1:]]
    for key in dict.fromkeys(key for runs in groups for run in runs.values() for key in run.figures):
        sides = [
            {seed: float(value) for seed, run in runs.items() if (value := run.figures[key]) is not None}
            for runs in groups
        ]
        if any(sides) or key not in FIGURES:  # a length that was asked for
            apart = [
                None if key in closed else subtract(sides[0], side)
                for closed, side in zip(without, sides[1:], strict=True)
            ]
            rows.append(FigureRow(key, [spread(list(side.values())) for side in sides], apart))
    return rows


def find_gaps(one: Group, other: Group) -> list[Gap]:
    """Return what of two sides can't be held against each other."""
    runs = [*one.values(), *other.values()]
    gaps = []
    if left := [run.details.run for run in runs if run.details.interrupted]:
        why = f"{counted(len(left), 'run')} ended early, such as {left[0]}"
        gaps.append(Gap(tuple(runs[0].figures), "differences", why))
    elif len({run.details.solved and run.settings["train.stop_when_solved"] for run in runs}) > 1:
        why = "some runs ended when they were solved, others didn't"
        gaps.append(Gap(("steps", "train_seconds"), "difference in steps or seconds", why))
    if len({run.details.together for run in runs}) > 1 or any(not run.details.together for run in runs):
        gaps.append(Gap(("train_seconds", "tokens_per_second"), "difference in seconds or tokens/s", SHARED))
    return gaps


def subtract(one: Mapping[int, float], other: Mapping[int, float]) -> Difference | None:
    """Return by how much a side exceeds another, if both have the figure."""
    return difference(one, other) if one and other else None


def spread(values: Sequence[float]) -> Spread | None:
    """Return the mean and the ends of some values, if there are any."""
    return Spread(fmean(values), min(values), max(values)) if values else None


def last_of(run: RunDetails, key: str) -> float | None:
    """Return a figure by the metrics of a run at its end, if they go on to there."""
    history = [] if name_gap(run) else run.history
    return next((line[key] for line in reversed(history) if line.get(key) is not None), None)


def draw_curve(runs: Sequence[RunDetails], key: str) -> list[CurvePoint]:
    """Return a figure of some runs by step, from where all have it on."""
    lines = [
        [(int(line["step"]), float(line[key])) for line in run.history if line.get(key) is not None]
        for run in runs
    ]
    if not all(lines):
        return []
    first = max(points[0][0] for points in lines)
    steps = sorted({step for points in lines for step, _ in points if step >= first})
    return [make_point(step, [value_at(points, step) for points in lines]) for step in steps]


def value_at(points: Sequence[tuple[int, float]], step: int) -> float:
    """Return the latest value up to a step."""
    return points[bisect_right(points, step, key=lambda point: point[0]) - 1][1]


def make_point(step: int, values: Sequence[float]) -> CurvePoint:
    """Return the values of some runs at a step together."""
    return CurvePoint(step, fmean(values), min(values), max(values))

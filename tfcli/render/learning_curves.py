"""Learning curves as rows and lines: what it takes from few sequences, from scratch and from a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfcli.records.bench import LearningCurve, LearningPoint, LearningSpread, Needed
from tfcli.render.tables import count, share

OF_A_SIDE = ("exact", "worst", "steps", "seconds")
LEGEND = (
    "Medians over the seeds; worst: of the seeds. exact: match on held-out sequences, when solved or at the "
    "end. steps, seconds: until it is 1.0 twice in a row; > where it wasn't on some seed. ratio: steps from "
    "the run over those from scratch."
)


def headings_of(curve: LearningCurve, newline: str = " ") -> list[str]:
    """Return the headings of a curve's table: those of each side below its name."""
    sides = [f"{side}{newline}{heading}" for side in sides_of(curve) for heading in OF_A_SIDE]
    end = newline.strip(" ")
    return [f"examples{end}", *sides, *([f"ratio{end}"] if len(sides_of(curve)) > 1 else [])]


def sides_of(curve: LearningCurve) -> list[str]:
    """Return what the sides of a curve are called."""
    has_scratch = any(point.from_scratch for point in curve.points)
    return ["scratch"] * has_scratch + ["run"] * (curve.start is not None)


def brief_of(curve: LearningCurve) -> list[int]:
    """Return the columns for a narrow terminal: the exact match of each side, and the ratio."""
    two = len(sides_of(curve)) > 1
    return [0, 1, 1 + len(OF_A_SIDE), 1 + 2 * len(OF_A_SIDE)] if two else [0, 1, 3]


def rows_of(curve: LearningCurve) -> list[list[str]]:
    """Return a row for each number of sequences."""
    two = len(sides_of(curve)) > 1
    return [
        [
            "no limit" if point.train_samples is None else count(point.train_samples),
            *(cell for side in spreads_of(point) for cell in cells_of(side)),
            *([ratio_of(point)] if two else []),
        ]
        for point in curve.points
    ]


def spreads_of(point: LearningPoint) -> list[LearningSpread]:
    """Return what there is of both sides."""
    return [side for side in (point.from_scratch, point.from_run) if side]


def cells_of(side: LearningSpread) -> list[str]:
    """Return the cells of a side, as in OF_A_SIDE."""
    more = "" if side.solved == side.trainings else ">"
    return [
        share(side.exact_match_median),
        share(side.exact_match_worst),
        f"{more}{count(round(side.steps_median))}",
        f"{more}{side.seconds_median:.1f}",
    ]


def ratio_of(point: LearningPoint) -> str:
    """Return the ratio of the steps: at most that, where scratch isn't solved on each seed."""
    if point.ratio is None or point.from_scratch is None:
        return "-"
    less = "" if point.from_scratch.solved == point.from_scratch.trainings else "<"
    return f"{less}{point.ratio:.2f}"


def title_of(curve: LearningCurve) -> str:
    """Return what a curve is of."""
    return (
        curve.example if curve.start is None else f"{curve.example}: from scratch, and from {name_of(curve)}"
    )


def name_of(curve: LearningCurve) -> str:
    """Return the name of the run that a curve starts from."""
    return Path(curve.start or "").name


def needed_lines(curve: LearningCurve) -> list[str]:
    """Return a line for each accuracy that it is worth asking what it takes."""
    return [
        f"examples needed {aim_of(needed)}: {', '.join(fewest(curve, needed))}" for needed in curve.needed
    ]


def aim_of(needed: Needed) -> str:
    """Return what the examples are needed for."""
    exact = f"a median exact match of {share(needed.exact_match)}"
    return f"for {exact}" if needed.exact_match == 1 else f"for {exact}, the most that scratch comes to"


def fewest(curve: LearningCurve, needed: Needed) -> Sequence[str]:
    """Return how many examples each side needs."""
    most = curve.points[-1].train_samples or 0
    numbers = {"scratch": needed.from_scratch, "run": needed.from_run}
    names = {"scratch": "from scratch", "run": f"from {name_of(curve)}"}
    return [
        f"{f'more than {count(most)}' if numbers[side] is None else count(numbers[side] or 0)} {names[side]}"
        for side in sides_of(curve)
    ]

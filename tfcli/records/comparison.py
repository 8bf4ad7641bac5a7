"""Records of runs held against each other. Accuracies as fractions 0-1, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tfcli.records.results import Interval

SHARED = "some runs share theirs with other seeds, as one program with which they were trained"


@dataclass(frozen=True)
class Difference:
    """By how much a figure differs between two sides, over their seeds."""

    mean: float  # of the second side less that of the first
    interval: Interval | None  # 95 %, Student's or Welch's; null where the seeds are too few, or all alike
    paired: bool  # whether it is over the seeds that both sides have, each with itself
    seeds_before: int  # of the first side that count
    seeds_after: int  # of the second side that count

    @property
    def are_alike(self) -> bool:
        """Whether there are several seeds, and they tell of no spread."""
        return self.interval is None and min(self.seeds_before, self.seeds_after) > 1


@dataclass(frozen=True)
class Spread:
    """A figure over the runs of a side."""

    mean: float  # over the runs
    least: float  # of the runs
    most: float  # of the runs


@dataclass(frozen=True)
class CurvePoint:
    """A figure at a step of training, over the runs of a side; a run that has ended keeps its last one."""

    step: int  # trained
    mean: float  # over the runs
    least: float  # of the runs
    most: float  # of the runs


@dataclass(frozen=True)
class Side:
    """Runs that differ in their seeds alone."""

    name: str  # a letter
    runs: list[str]  # folders, in the order of their seeds
    seeds: list[int]  # of weights and training sequences
    solved: int  # runs with exact match 1.0 at two evaluations in a row
    curve: list[CurvePoint]  # of the figure that was asked for, over training


@dataclass(frozen=True)
class SettingRow:
    """A setting in which sides differ, or the code that one names."""

    key: str  # such as model.positions, or "code of model.positions", by its digest
    values: list[Any]  # of each side


@dataclass(frozen=True)
class FigureRow:
    """A figure of each side, and by how much it differs from that of the first."""

    key: str  # such as exact_match, or exact_match_at_40, which is scored now
    sides: list[Spread | None]  # null where no run of a side has it
    differences: list[Difference | None]  # of each side but the first, from the first


@dataclass(frozen=True)
class Comparison:
    """Runs held against each other."""

    sides: list[Side]  # in the order in which they were named; the others are held against the first
    settings: list[SettingRow]  # in which they differ
    figures: list[FigureRow]  # at the end of training
    curve_of: str  # the figure whose curves are drawn
    notes: list[str]  # on what a run doesn't tell any more

"""Records of runs held against each other. Accuracies as fractions 0-1, times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from tfcli.records.results import Interval


@dataclass(frozen=True)
class Difference:
    """By how much a figure differs between two sides, over their seeds."""

    mean: float  # of the second side less that of the first
    interval: Interval | None  # 95 %, Student's or Welch's; null where the seeds are too few, or all alike
    paired: bool  # whether it is over the seeds that both sides have, each with itself
    seeds_before: int  # of the first side that count
    seeds_after: int  # of the second side that count

"""Which runs a worker is given at once: seeds of a setting may be trained as one program.

That depends on the plan and on what is done already, never on how many workers there are or who is faster.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from tfcli.config.schema import RunConfig
from tfcli.config.together import may_go_together
from tfcli.errors import UsageError
from tfcli.runs import folders
from tfcli.sweeps.planning import Trial
from tfcli.sweeps.strategies import Leg

JOBS = 16  # that a sweep is to consist of at least: of fewer, some workers would have none
MOST, FEWEST = 16, 8  # runs of a job that is one program; more save little, and fewer next to nothing


def size_of(runs: int) -> int:
    """How many runs of a sweep may be one job."""
    size = min(MOST, runs // JOBS)
    return size if size >= FEWEST else 1


class Bundles:
    """Makes jobs of what comes next.

    Args:
        take: gives what comes next, None while there is nothing.
        configure: makes the configuration of a run.
        size: runs of a job, at most.
    """

    def __init__(
        self, take: Callable[[], Leg | None], configure: Callable[[Trial], RunConfig], size: int
    ) -> None:
        self.take, self.configure, self.size = take, configure, size
        self.jobs: deque[list[Leg]] = deque()
        self.held: Leg | None = None  # the first of what comes after them

    def next(self) -> list[Leg]:
        """Return the runs of a job; none while there is nothing to do."""
        if not self.jobs:
            legs = self.gather()
            is_one = len(legs) > 1 and self.may_be_one(legs)
            self.jobs.extend([legs] if is_one else [[leg] for leg in legs])
        return self.jobs.popleft() if self.jobs else []

    def may_be_one(self, legs: Sequence[Leg]) -> bool:
        """Whether runs may be trained as one program; what is wrong with one is told when it is given out."""
        try:
            return may_go_together([self.configure(leg.trial) for leg in legs]) is None
        except UsageError:
            return False

    def gather(self) -> list[Leg]:
        """Return runs that differ in their seed alone, of those that come next."""
        first = self.held or self.take()
        self.held = None
        legs = [] if first is None else [first]
        while legs and len(legs) < self.size and is_new(legs[0]) and (leg := self.take()) is not None:
            if leg.trial.setting != legs[0].trial.setting or not is_new(leg):
                self.held = leg
                break
            legs.append(leg)
        return legs


def is_new(leg: Leg) -> bool:
    """Whether a run is yet to begin, and goes on to its end."""
    return leg.until is None and not (leg.trial.folder / folders.CONFIG).is_file()

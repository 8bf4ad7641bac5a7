"""What a worker is asked to do, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tfcli.config.schema import RunConfig
from tfcli.records.events import Event


@dataclass(frozen=True)
class Order:
    """A run to be trained, or to go on, until its end or until a step."""

    id: str
    folder: Path
    settings: dict[str, str]  # those that the sweep varies
    config: RunConfig
    until: int | None = None  # a step at which it is left as it is
    lengths: tuple[int, ...] = ()  # to score it at when it has come to its end
    samples: int = 0  # held-out sequences of each length
    time_limit: float | None = None  # seconds of training


@dataclass(frozen=True)
class Job:
    """Runs that a worker trains; several may be trained as one."""

    orders: tuple[Order, ...]


@dataclass(frozen=True)
class Check:
    """Models that are to be built, to see whether that is possible, and perhaps how long a step takes."""

    configs: tuple[RunConfig, ...]
    timed: bool


class Checked(NamedTuple):
    """What came of building a model."""

    problem: str | None  # why it can't be built
    parameters: int  # numbers that it learns
    seconds_a_step: float | None  # of training, with its share of the evaluations


class Step(NamedTuple):
    """How far a run is."""

    id: str
    step: int
    steps: int
    exact_match: float | None


class Scoring(NamedTuple):
    """A run is through with its training, and is scored, which no time limit is about; or that is over."""

    id: str
    is_on: bool


class Remark(NamedTuple):
    """A word that a worker has for the user."""

    text: str


class Told(NamedTuple):
    """An event of a worker, for the log."""

    event: Event
    time: float  # seconds since 1970
    pid: int


Word = Step | Scoring | Remark | Told
Request = Job | Check


class Line(Protocol):
    """A worker's connection to whoever asked."""

    def say(self, word: Word) -> None:
        """Tell something."""

    def must_stop(self) -> bool:
        """Whether what is being done is to end soon."""


class Done(NamedTuple):
    """A request that has been met."""

    request: Request
    result: Any


class Lost(NamedTuple):
    """A worker that died at its work."""

    request: Request
    worker: str  # the number of its process, or its address
    how: str  # it ended
    for_good: bool  # whether the request isn't tried again
    kills: int = 1  # workers that it has cost


class Workers(Protocol):
    """Whoever does the work: processes of this machine, or of a cluster."""

    number: int

    @property
    def parallel(self) -> int:
        """How many of them work at full speed at the same time."""

    def start(self, requests: int) -> None:
        """Get ready for so many requests."""

    @property
    def free(self) -> int:
        """How many requests can be taken now."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done."""

    def give(self, request: Request) -> None:
        """Let something be done."""

    def wait(self, timeout: float) -> Iterator[Done | Lost | Word]:
        """Yield what there is to say, within a time in seconds."""

    def stop(self) -> None:
        """Ask for the end of all that is being done; what can be saved is."""

    def end_overdue(self, limit: float, grace: float) -> None:
        """End what has taken more seconds than `limit` a run and `grace`."""

    def kill(self) -> None:
        """End all that is being done, at once."""

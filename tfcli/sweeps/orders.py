"""What a worker is asked to do, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

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


class Remark(NamedTuple):
    """A word that a worker has for the user."""

    text: str


class Told(NamedTuple):
    """An event of a worker, for the log."""

    event: Event
    time: float  # seconds since 1970
    pid: int


Word = Step | Remark | Told
Request = Job | Check


class Line(Protocol):
    """A worker's connection to whoever asked."""

    def say(self, word: Word) -> None:
        """Tell something."""

    def must_stop(self) -> bool:
        """Whether what is being done is to end soon."""


Doer = Callable[[Request, Line], object]

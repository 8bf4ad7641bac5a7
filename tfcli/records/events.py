"""What happens in the course of a command, for a log: each event is a record, told to the logger `tfcli`.

`tfcli --log FILE` lets that logger write them as JSON; where nobody listens, nothing comes of them.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from tfcli.records.results import LengthScore

LOGGER = logging.getLogger("tfcli")
LOGGER.addHandler(logging.NullHandler())  # else logging would print warnings on stderr


def emit(event: Event) -> None:
    """Tell an event to whoever listens; as the message of a log record it stays as it is."""
    LOGGER.log(event.level, event)


class Event:
    """The base class of all events, which are named as their classes: `TrainingEnded` is `training_ended`."""

    level: ClassVar[int] = logging.INFO

    @classmethod
    def name(cls) -> str:
        """Return what it is called in JSON."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


@dataclass(frozen=True)
class CommandStarted(Event):
    """A command was started."""

    words: list[str]  # as they were given
    folder: str  # that it was started in
    versions: dict[str, str]  # of tfcli, torch and python


@dataclass(frozen=True)
class TrainingStarted(Event):
    """A training began, or goes on."""

    run: str  # its folder
    step: int  # after which it goes on; 0 if it is new
    config: dict[str, Any]  # all of its settings
    device: str  # that it is trained on
    threads: int  # of the CPU


@dataclass(frozen=True)
class Evaluated(Event):
    """A model in training was scored on the held-out set."""

    run: str  # its folder
    step: int  # trained
    attempt: int  # from 1 on; each has new weights
    loss: float | None  # the mean since the last evaluation
    held_out_loss: float | None  # of the held-out set, nats per token
    exact_match: float | None  # share of the held-out sequences in which every token is right
    token_accuracy: float | None  # share of their tokens that are right
    train_seconds: float  # evaluations included
    tokens_per_second: float  # trained on


@dataclass(frozen=True)
class Saved(Event):
    """The weights of a training were saved, and the state from which it can go on."""

    run: str  # its folder
    step: int  # that they are of
    folder: str  # that they are in: a temporary one where the run's can't be written
    seconds: float  # it took


@dataclass(frozen=True)
class SnapshotSaved(Event):
    """A snapshot was saved."""

    run: str  # its folder
    step: int  # that it is of
    file: str  # that it is in


@dataclass(frozen=True)
class SignalNoted(Event):
    """A training was asked to stop, and will after the step that is on."""

    signal: str  # SIGINT for Ctrl-C, SIGTERM, or SIGHUP for a terminal that closed


@dataclass(frozen=True)
class TrainingEnded(Event):
    """A training ended."""

    run: str  # its folder
    step: int  # the last one
    how: str  # solved, over, interrupted, diverged or error


@dataclass(frozen=True)
class SweepStarted(Event):
    """A sweep began, or goes on."""

    sweep: str  # its folder
    runs: int  # that it has
    workers: int  # processes that train at once


@dataclass(frozen=True)
class SweepRunEnded(Event):
    """A run of a sweep came to its end, or was left by a search."""

    sweep: str  # its folder
    run: str  # its folder
    settings: dict[str, str]  # those that the sweep varies
    state: str  # solved, not solved, diverged, dropped, interrupted or failed
    steps: int  # trained
    exact_match: float | None  # share of the held-out sequences in which every token is right
    error: str | None  # why it failed


@dataclass(frozen=True)
class WorkerLost(Event):
    """A process that trained a run of a sweep died."""

    level = logging.WARNING
    worker: str  # the number of its process, or its address
    runs: list[str]  # folders of what it was at
    how: str  # it ended


@dataclass(frozen=True)
class LengthScored(Event):
    """An evaluation came to the end of a length."""

    run: str  # its folder
    device: str  # that it was scored on
    score: LengthScore  # as in the report of eval


@dataclass(frozen=True)
class Warned(Event):
    """Something isn't as it should be, and the work goes on."""

    level = logging.WARNING
    message: str  # as on stderr


@dataclass(frozen=True)
class Failed(Event):
    """A command failed."""

    level = logging.ERROR
    message: str  # as on stderr; of a bug the class of the error and its words
    code: int  # with which the command will exit


@dataclass(frozen=True)
class CommandEnded(Event):
    """A command ended."""

    code: int  # with which it exits
    seconds: float  # since it was started


EVENTS: tuple[type[Event], ...] = (
    CommandStarted,
    TrainingStarted,
    Evaluated,
    Saved,
    SnapshotSaved,
    SignalNoted,
    TrainingEnded,
    SweepStarted,
    SweepRunEnded,
    WorkerLost,
    LengthScored,
    Warned,
    Failed,
    CommandEnded,
)

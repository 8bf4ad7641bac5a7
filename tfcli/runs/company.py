"""Whether this process is one of several, as the environment says, and what it then leaves to others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tfcli.errors import UsageError

MEETING = "TFCLI_MEETING"  # the file at which processes meet that were started by one of them
OF_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

# What asks for an end, as far as this system has it: Ctrl-C, the end of a batch job, a terminal that closes.
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def leave_signals_to_parent() -> None:
    """Take no notice of signals to all of a group of processes: the one that started this says what to do."""
    for number in STOP_SIGNALS:
        signal.signal(number, take_no_notice)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Within this, signals wait; in a process that is started here until that says what it does with them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def take_no_notice(number: int, frame: object) -> None:
    """Take a signal. Where it were ignored, so would it be by programs that this process starts."""


def size_of() -> int:
    """Return how many processes there are."""
    return number("WORLD_SIZE") if is_told() else 1


def rank_of() -> int:
    """Return the number of this process; 0 is the one that writes and prints."""
    return number("RANK") if size_of() > 1 else 0


def is_helper() -> bool:
    """Whether this process has another one to speak for it."""
    return 0 < rank_of() < size_of()


def is_told() -> bool:
    """Whether the environment says which of several processes this one is."""
    return MEETING in os.environ or all(name in os.environ for name in OF_TORCHRUN)


def number(name: str) -> int:
    """Return a number that a variable of the environment holds."""
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else 0


def refuse_company(command: str | None) -> None:
    """See to it that a command isn't called as several processes that it can't share its work out to.

    Raises:
        UsageError: it is, or the environment has no such process.
    """
    rank = os.environ.get("RANK", "")
    if size_of() > 1 and rank not in map(str, range(size_of())):
        raise UsageError(
            f"RANK={rank} is none of the {size_of()} processes of WORLD_SIZE, which count from 0; "
            "unset both to train with one"
        )
    if size_of() > 1 and command != "train":
        raise UsageError(
            f"torchrun has started {size_of()} processes, and only `tfcli train` is shared out to several; "
            f"call `tfcli {command}` without it"
        )

"""Ctrl-C and the like, in a training: noted, so that it ends between two steps and saves."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tfcli.errors import StoppedError
from tfcli.records.events import SignalNoted, emit
from tfcli.runs.company import STOP_SIGNALS, take_no_notice

GRACE = 1.0  # seconds in which a signal that comes again is taken for the same one


class Interrupt:
    """Whether somebody wants to stop."""

    def __init__(self) -> None:
        self.caught_at: float | None = None

    @property
    def caught(self) -> bool:
        """Whether a signal has come."""
        return self.caught_at is not None

    def check(self, answered: int) -> None:
        """Stop an evaluation, if somebody wants to stop."""
        if self.caught:
            raise StoppedError

    def note(self, number: int, frame: object) -> None:
        """Take a signal: the first is noted, one that comes a second later or more breaks off."""
        now = time.monotonic()
        if self.caught_at is None:
            self.caught_at = now
            emit(SignalNoted(signal.Signals(number).name))
        elif now - self.caught_at > GRACE:
            raise KeyboardInterrupt


class RoundInterrupt(Interrupt):
    """The same for several trainings that take turns: none hears of it in the middle of a round.

    So all of them end after the same step.
    """

    def __init__(self, whole: Interrupt) -> None:
        super().__init__()
        self.whole = whole

    def look(self) -> None:
        """Look whether a signal has come, before a round or in the evaluation that all share."""
        self.caught_at = self.whole.caught_at

    def check(self, answered: int) -> None:
        self.look()
        super().check(answered)


@contextmanager
def defer_interrupt() -> Iterator[Interrupt]:
    """Note Ctrl-C, SIGTERM or a terminal that closes, instead of breaking off; what is ignored stays so."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():  # which alone can take signals
        yield interrupt
        return
    left = (signal.SIG_IGN, take_no_notice)
    noted = [number for number in STOP_SIGNALS if signal.getsignal(number) not in left]
    before = {number: signal.signal(number, interrupt.note) for number in noted}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

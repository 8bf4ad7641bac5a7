"""What every command promises, whatever it is given: to come back soon, with an exit code and a line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil

from hypothesis import settings

from tests.conftest import call

SOON, WAITING = 5, 60  # seconds: at work, and in all
EXAMPLES = int(os.environ.get("TFCLI_EXAMPLES", "0"))  # of each subject, in place of a few


def examples(few: int, share: float = 1.0) -> settings:
    """Return how many examples of a property are tried: a few, or its share of as many as were asked for."""
    return settings(max_examples=ceil(EXAMPLES * share) or few)


@contextmanager
def comes_back() -> Iterator[None]:
    """Interrupt whatever works longer than is bearable; a busy machine only makes it wait."""

    def give_up(number: int, frame: object) -> None:
        raise AssertionError(f"nothing came for {SOON} s")

    if not hasattr(signal, "SIGPROF"):
        yield
        return
    before = [signal.signal(number, give_up) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, SOON)
    signal.setitimer(signal.ITIMER_REAL, WAITING)  # what waits takes no time of its own
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGALRM, before[1])


def look(words: Sequence[str], input: str | None = None, codes: Sequence[int] = (0, 1, 2)) -> None:
    """Call a command, which may fail, with a line on stderr that says why."""
    with comes_back():
        result = call(words, input)
    assert result.exit_code in codes, result.output
    assert "Traceback" not in result.output
    if result.exit_code in (1, 2):
        lines = result.stderr.rstrip("\n").split("\n")
        assert lines[0].startswith("Usage: ") or lines[-1].startswith("error: "), result.output

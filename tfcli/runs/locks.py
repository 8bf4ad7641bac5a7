"""Which process trains a run: it holds a lock on a file in the run's folder, which ends with the process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

LOCK = "training.lock"


@contextmanager
def hold(run: Path) -> Iterator[None]:
    """Hold the lock of a run, where that is possible: for others to know, not to keep anybody out."""
    file = None
    with suppress(OSError):
        file = (run / LOCK).open("w", encoding="ascii")
        take(file, exclusive=True)
        print(os.getpid(), file=file, flush=True)
    try:
        yield
    finally:
        if file is not None:
            with suppress(OSError):
                (run / LOCK).unlink()
            with suppress(OSError):
                file.close()


def find_trainer(run: Path) -> int | None:
    """Return the number of the process that trains a run now, if one does."""
    path = run / LOCK
    try:
        if not path.is_file():
            return None
        with path.open(encoding="ascii", errors="replace") as file:
            if take(file, exclusive=False):
                return None
            text = file.read(20).strip()
    except OSError:
        return None
    return int(text) if text.isascii() and text.isdecimal() else None


def take(file: IO[str], *, exclusive: bool) -> bool:
    """Lock a file until it is closed; whether that was possible. Where there are no locks, it always is."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Which process trains a run: it holds a lock on a file in the run's folder, which ends with the process."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tfcli.config.reading import check_file

LOCK = "training.lock"
LOOKING = 0.1  # seconds that it takes to look, at most
# A link may lead to somebody's letters, and a pipe keep us waiting.
FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@contextmanager
def hold(run: Path) -> Iterator[bool]:
    """Hold the lock of a run, and tell whether nobody else does. Where there can't be a lock, nobody does."""
    file, alone = None, True
    with suppress(OSError):
        file, alone = take_soon(run / LOCK)
        if alone:
            file.truncate(0)
            print(os.getpid(), file=file, flush=True)
    try:
        yield alone
    finally:
        if file is not None:
            if alone:
                with suppress(OSError):
                    (run / LOCK).unlink()
            with suppress(OSError):
                file.close()


def take_soon(path: Path) -> tuple[IO[str], bool]:
    """Open a file and lock it, as `take_file`; whoever only looks whether somebody has it is waited for.

    Raises:
        OSError: it can't be opened.
    """
    until = time.monotonic() + LOOKING
    while True:
        file, alone = take_file(path)
        if alone or time.monotonic() > until:
            return file, alone
        file.close()
        time.sleep(LOOKING / 20)


def take_file(path: Path) -> tuple[IO[str], bool]:
    """Open a file and lock it; whether that was possible.

    Raises:
        OSError: it can't be opened.
    """
    while True:
        file = os.fdopen(os.open(path, FLAGS, 0o666), "a", encoding="ascii")
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:  # it isn't ours to write into
            file.close()
            raise OSError(0, "not a file of its own", str(path))
        try:
            is_taken = take(file, exclusive=True)
        except OSError:  # there can't be a lock
            file.close()
            raise
        if not is_taken:
            return file, False
        if is_still(path, file):
            return file, True
        file.close()  # whoever held the lock has just deleted it: another may lock a new one


def is_still(path: Path, file: IO[str]) -> bool:
    """Whether a path leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def find_trainer(run: Path) -> int | None:
    """Return the number of the process that trains a run now, if one does."""
    path = run / LOCK
    try:
        check_file(path)
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

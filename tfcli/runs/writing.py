"""Files that are whole, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Iterable
from pathlib import Path


def write_atomically(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file, maybe in pieces, so that a crash leaves the old one or the new one, never half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    remove_orphans(path)
    try:
        temporary.unlink(missing_ok=True)  # left by a process that had our number, or laid there as a trap
        with temporary.open("xb") as file:  # which follows no link
            for piece in [data] if isinstance(data, bytes) else data:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_orphans(path: Path) -> None:
    """Remove what processes that have ended left of their tries to write a file."""
    for orphan in path.parent.glob(f".{glob.escape(path.name)}.*"):
        number = orphan.name.rpartition(".")[2]
        if number.isdecimal() and not is_alive(int(number)):
            with contextlib.suppress(OSError):
                orphan.unlink()


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number; where that can't be told, there is."""
    if sys.platform == "win32":  # to ask would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def sync_folder(path: Path) -> None:
    """Bring a new name in a folder onto the disk, where folders can be synced."""
    with contextlib.suppress(OSError):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)

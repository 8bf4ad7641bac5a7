"""Files are read with a bound: somebody else's may be endless, or wait for somebody to write into them."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

TEXT = 4_000_000  # bytes, at most, of a file that people write
CHUNK = 2**20


def check_file(path: Path, most: int | None = None) -> int:
    """See to it that a path is that of a regular file, of at most so many bytes; how many it has.

    Raises:
        OSError: it isn't.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for somebody to write into it
        raise OSError(0, "not a regular file", str(path))
    if most is not None and status.st_size > most:
        raise OSError(0, f"{status.st_size:,} bytes are too many; {most:,} are read at most", str(path))
    return status.st_size


def read_bytes(path: Path, most: int = TEXT) -> bytes:
    """Return what a regular file holds, if that isn't too much.

    Raises:
        OSError: it can't be read, is no regular file, or holds more than `most` bytes.
    """
    size = check_file(path, most)
    with path.open("rb") as file:
        return file.read(size)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a regular file of any size.

    Raises:
        OSError: it can't be read, or is no regular file.
    """
    check_file(path)
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()

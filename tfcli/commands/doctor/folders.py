"""Where tfcli writes: whether it can, and how much space is left."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tfcli.commands.doctor.problems import hide_home, make_problem
from tfcli.config import trust
from tfcli.records.doctor import Folder
from tfcli.runs.folders import RUNS

LEAST_FREE = 100 * 2**20  # bytes; a run takes less than one million, and so does each snapshot
TRIED = 4096  # bytes that are written to try a folder


class Purpose(NamedTuple):
    """What a folder is for: where it is, what to do if it can't be written, and if that stops work."""

    find: Callable[[], Path]
    fix: str
    stops_work: bool


PURPOSES = {
    "runs": Purpose(
        lambda: RUNS if os.path.lexists(RUNS) else Path.cwd(),
        "change to another folder, or train with --out PATH",
        True,
    ),
    "state": Purpose(
        lambda: trust.list_file().parent,
        "set XDG_STATE_HOME, or a run with files of its own will want --trust each time",
        False,
    ),
    "temporary": Purpose(
        lambda: Path(tempfile.gettempdir()),
        "set TMPDIR, so that weights have a place to go when that of their run is full",
        False,
    ),
}


def examine_folder(purpose: str) -> Folder:
    """Try to write into the folder for something; one that is to be made, into what is there above it."""
    find, fix, stops_work = PURPOSES[purpose]
    try:
        path = find().absolute()
    except (OSError, RuntimeError) as error:  # the current folder is gone, no home, no place to write
        line = f"there is no folder for {purpose} files ({getattr(error, 'strerror', error)}): {fix}"
        return Folder(purpose, None, False, None, [make_problem(line, stops_work=stops_work)])
    existing = next((folder for folder in (path, *path.parents) if os.path.lexists(folder)), path)
    failure, free = try_to_write(existing), find_free_space(existing)
    problems = []
    if failure is not None:
        line = f"the {purpose} folder {path} can't be written ({failure.strerror}): {fix}"
        problems.append(make_problem(line, stops_work=stops_work))
    elif free is not None and free < LEAST_FREE:
        problems.append(make_problem(f"only {free // 2**20} MiB are free in {path}: make room"))
    return Folder(purpose, hide_home(str(path)), failure is None, free, problems)


def try_to_write(folder: Path) -> OSError | None:
    """Write a file that has no name, so that nothing is left of it; return why that isn't possible."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(TRIED))
            file.flush()
    except OSError as error:
        return error
    return None


def find_free_space(folder: Path) -> int | None:
    """Return the space that is left to this user on a folder's disk, in bytes."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None

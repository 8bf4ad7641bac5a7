"""Renaming a run."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path

from tfcli.config.reading import read_bytes
from tfcli.errors import TfcliError, UsageError
from tfcli.records.keeping import MoveReport
from tfcli.runs import folders, locks
from tfcli.runs.start import tell_started

LARGEST = 2**30  # bytes of a sweep's journal


def move_run(old: str, new: str) -> MoveReport:
    """Give a run another name below `runs/`, or another folder, if there is a slash in it.

    What begins with a folder of runs, as in `sweep/best`, is a name, as the run of that name is called so.

    Raises:
        UsageError: there is no such run, it is in training, or the new name is taken.
        TfcliError: it can't be moved there.
    """
    run = folders.find(old)
    there = os.path.dirname(new)
    is_name = not there or ((folders.RUNS / there).is_dir() and not Path(there).is_dir())
    target = folders.RUNS / new if is_name else Path(new)
    if not new or os.path.lexists(target):
        raise UsageError(f"{target} exists already; choose another name" if new else "the new name is empty")
    if not target.name.isprintable():
        raise UsageError(f"{new!r} holds what can't be printed; choose another name")
    inside = [parent for parent in target.parents if (parent / folders.CONFIG).is_file() and parent != run]
    if inside:
        raise UsageError(
            f"{target} would lie within the run {inside[0]}, where it isn't found; choose another place"
        )
    notes = [*tell_started([run]), *tell_swept(run)]
    with locks.hold(run) as is_alone:
        if not is_alone:
            raise UsageError(f"{run} is in training (pid {locks.find_trainer(run)}); rename it afterwards")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            run.rename(target)
        except OSError as error:
            meant = {
                errno.EXDEV: "that is on another disk; copy it there, then `tfcli rm` it here",
                errno.EINVAL: f"{error.strerror}; a run can't lie within itself",
            }
            why = meant.get(error.errno or 0, error.strerror)
            raise TfcliError(f"{run} can't become {target}: {why}") from error
        (target / locks.LOCK).unlink(missing_ok=True)
    return MoveReport(str(target), str(run), notes)


def tell_swept(run: Path) -> list[str]:
    """Return a note where a run is one of a sweep, which knows it by its place."""
    folder, known = run.parent, ""
    with suppress(OSError, ValueError):
        known = read_bytes(folder / folders.JOURNAL, LARGEST).decode()
    name = json.dumps(run.name)[1:]
    if f'{name}, "settings"' not in known:  # as its lines begin
        return []
    return [f"the sweep in {folder} no longer has it, and trains it again when it is asked for again"]

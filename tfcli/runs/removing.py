"""Removing runs: what tfcli has written into their folders, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tfcli.config import yaml_reader
from tfcli.config.reading import read_bytes
from tfcli.config.schema import SECTIONS
from tfcli.config.upgrades import UPGRADES
from tfcli.errors import TfcliError, UsageError
from tfcli.records.keeping import RemovalReport
from tfcli.runs import folders, headers, locks
from tfcli.runs.start import name_some, tell_started

FILES = re.compile(  # that tfcli writes into a run, beside temporary ones of these names
    r"\.?(config\.yaml|metrics\.jsonl|(model|training)\.safetensors|tokenizer\.json|training\.lock)(\.\d+)?"
    r"|events\.out\.tfevents\..*"
)
OF_SNAPSHOTS = re.compile(r"\.?step-\d+\.safetensors(\.\d+)?")


def find_removable(names: Sequence[str]) -> list[Path]:
    """Return the runs that are named, each once: by name or path, or by the folder of runs that they are in.

    Raises:
        UsageError: one of them is no run, or is in training.
    """
    for name in names:
        if Path(name).resolve() == folders.RUNS.resolve():
            raise UsageError(f"{name} holds all runs; name them, as {name}/*. Nothing was removed")
    try:
        found = folders.find_all(names)
    except UsageError as error:
        raise UsageError(f"{error}; nothing was removed") from error
    named = set(map(folders.as_run, names))
    for run in found:
        if run not in named and not is_of_a_collection(run):
            there = run.parent
            raise UsageError(f"{there} isn't a run; name those in it, as {there}/*. Nothing was removed")
    for folder in dict.fromkeys(run.parent for run in found):
        if (pid := locks.find_trainer(folder)) is not None:
            raise UsageError(
                f"{folder} is in use by a sweep (pid {pid}); end that first. Nothing was removed"
            )
    for run in found:
        if not is_ours(run):
            raise UsageError(f"{run} isn't a run of tfcli's; nothing was removed")
        if (pid := locks.find_trainer(run)) is not None:
            raise UsageError(f"{run} is in training (pid {pid}); end that first. Nothing was removed")
    return found


def is_of_a_collection(run: Path) -> bool:
    """Whether a run lies in a folder below `runs/`, or in a sweep's; others may hold runs by chance."""
    return folders.RUNS.resolve() in run.parent.resolve().parents or is_of_a_sweep(run.parent)


def is_of_a_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep, one that was broken off before its first run was through, too."""
    return any((folder / name).is_file() for name in folders.OF_A_SWEEP)


def is_ours(run: Path) -> bool:
    """Whether a folder is a run, and not something else that has a file of such a name."""
    with suppress(OSError, ValueError, TfcliError):
        config = yaml_reader.read(read_bytes(run / folders.CONFIG).decode(), "").value
        if isinstance(config, dict) and "task" in config and config.keys() <= SECTIONS.keys():
            return True
    with suppress(OSError, TfcliError):
        headers.read_texts(folders.weights_of(run), UPGRADES)
        return True
    return False


def remove_runs(runs: Sequence[Path]) -> RemovalReport:
    """Remove runs, each from its weights to its configuration, so that one that is half gone is still one.

    Raises:
        UsageError: one is in training by now.
        TfcliError: a file can't be removed; those before it are gone.
    """
    notes = tell_started(runs)
    freed, kept = 0, []
    for number, run in enumerate(runs):
        try:
            freed += remove_run(run)
        except OSError as error:
            before = [str(run) for run in runs[:number]]
            gone = f"removed before: {name_some(before)}" if before else "no run was removed"
            what = error.filename or run
            raise TfcliError(f"{what} can't be removed ({error.strerror}); {gone}") from error
        if os.path.lexists(run):
            kept.append(str(run))
    for folder in dict.fromkeys(run.parent for run in runs):
        remove_if_empty(folder)
    return RemovalReport([str(run) for run in runs], freed, kept, notes)


def remove_run(run: Path) -> int:
    """Remove a run, and its folder if nothing else is in it; how many bytes its files took.

    Raises:
        UsageError: it is in training.
        OSError: a file can't be removed.
    """
    if run.is_symlink():
        run.unlink()  # what it leads to is somewhere else
        return 0
    freed = 0
    with locks.hold(run) as is_alone:
        if not is_alone:
            raise UsageError(f"{run} is in training (pid {locks.find_trainer(run)}); end that first")
        for file in files_of(run):
            freed += file.lstat().st_size
            file.unlink()
    for folder in (run / folders.SNAPSHOTS, run):
        with suppress(OSError):  # something else is in it
            folder.rmdir()
    return freed


def files_of(run: Path) -> Iterator[Path]:
    """Yield the files of a run, its configuration last, without the lock."""
    snapshots = run / folders.SNAPSHOTS
    if snapshots.is_symlink():
        yield snapshots
    else:
        yield from (file for file in snapshots.glob("*") if OF_SNAPSHOTS.fullmatch(file.name))
    own = [file for file in run.iterdir() if FILES.fullmatch(file.name) and file.name != locks.LOCK]
    yield from sorted(own, key=lambda file: file.name == folders.CONFIG)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder of runs that holds none any more, with what was written down of their sweep."""
    if folder.resolve() == folders.RUNS.resolve() or not is_of_a_sweep(folder):
        return
    left = list(folder.iterdir())
    if all(path.name in folders.OF_A_SWEEP for path in left):
        for path in left:
            path.unlink()
        folder.rmdir()


def size_of(runs: Sequence[Path]) -> int:
    """Return how many bytes the files of some runs take."""
    return sum(file.lstat().st_size for run in runs if not run.is_symlink() for file in files_of(run))

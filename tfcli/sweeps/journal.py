"""The folder of a sweep: who has it, and what its runs came to, a line each in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from tfcli.config.reading import check_file
from tfcli.errors import TfcliError, UsageError
from tfcli.records.sweep import RunOutcome
from tfcli.runs import folders, locks

MOST = 2**30  # bytes that are read
AGAIN = ("failed", "interrupted")  # states in which a run isn't done
Key = tuple[str, int | None]  # the id of a run, and the step at which a search looked at it


@cache
def adapter() -> TypeAdapter[RunOutcome]:
    """Return how pydantic reads a line, made when the first one is read."""
    return TypeAdapter(RunOutcome)


class Journal:
    """The outcomes in a sweep's folder; the last one of a run counts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / folders.JOURNAL
        self.outcomes: dict[Key, RunOutcome] = {
            (outcome.id, outcome.until): outcome for outcome in read_lines(self.path)
        }

    def find(self, key: Key, folder: Path, lengths: Sequence[int], samples: int) -> RunOutcome | None:
        """Return what a run came to, if it is done, scored at all of these lengths, and still there."""
        found = self.outcomes.get(key)
        if found is None or found.state in AGAIN:
            return None
        is_scored = all(str(n) in found.lengths for n in lengths) and found.samples == samples
        if lengths and not is_scored and found.has_ended and not found.came_to_nothing:
            return None
        is_there = found.state == "diverged" and (folder / folders.CONFIG).is_file()
        return found if is_there or folders.weights_of(folder).is_file() else None

    def add(self, outcome: RunOutcome) -> None:
        """Note what a run came to.

        Raises:
            TfcliError: it can't be written.
        """
        self.outcomes[outcome.id, outcome.until] = outcome
        try:
            with self.path.open("ab+") as file:
                text = json.dumps(asdict(outcome)) + "\n"
                file.write(("\n" * ends_within_a_line(file) + text).encode())
        except OSError as error:
            raise TfcliError(f"{self.path} can't be written: {error.strerror}") from error


def ends_within_a_line(file: BinaryIO) -> bool:
    """Whether a file ends in the middle of a line, as where a kill fell into its writing."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def read_lines(path: Path) -> Iterator[RunOutcome]:
    """Yield the outcomes in a file, but for lines that can't be read."""
    try:
        check_file(path, MOST)
        file = path.open("rb")
    except FileNotFoundError:
        return
    except OSError as error:
        raise TfcliError(f"can't read {path}: {error.strerror}") from error
    with file:
        for line in file:
            with suppress(ValidationError):
                yield adapter().validate_json(line)


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Have a sweep's folder, made if need be, for oneself.

    Raises:
        UsageError: another sweep has it, or it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"can't make the folder {folder}: {error.strerror}; --out PATH puts it elsewhere"
        ) from error
    try:
        with locks.hold(folder) as is_alone:
            if not is_alone:
                pid = locks.find_trainer(folder)
                raise UsageError(
                    f"{folder} is in use by another sweep (pid {pid}); wait for it, or choose an --out"
                )
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing has come into it

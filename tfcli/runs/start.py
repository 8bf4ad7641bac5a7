"""A training that starts from a run: it has the model settings of that run, and keeps its path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tfcli.config.files import Entry
from tfcli.errors import TfcliError
from tfcli.runs import folders, headers


def start_from(entry: Entry, run: str) -> Entry:
    """Return an entry with the model settings of a run, and its weights to start from.

    Raises:
        UsageError: there is no such run.
        TfcliError: it can't be read.
    """
    path = folders.find(run)
    config = headers.read_header(path, folders.weights_of(path)).config
    values: Any = entry.values
    if not isinstance(values, dict):
        return entry
    train = values.get("train")
    train = {**(train if isinstance(train, dict) else {}), "start": str(path.resolve())}
    return entry._replace(values={**values, "model": config.model.model_dump(mode="json"), "train": train})


def without_start(entry: Entry) -> Entry:
    """Return an entry that starts from new weights."""
    values: Any = entry.values
    train = {key: value for key, value in values["train"].items() if key != "start"}
    return entry._replace(values={**values, "train": train})


def find_started(runs: Sequence[Path]) -> dict[Path, list[str]]:
    """Return the names of the other runs below `runs/` whose attempts start from some runs, by these."""
    origins = {os.path.realpath(run): run for run in runs}
    found: dict[Path, list[str]] = {}
    for other in folders.all_runs():
        with suppress(TfcliError):  # what can't be read starts nowhere
            train = headers.read_header(other).config.train
            origin = origins.get(os.path.realpath(train.start)) if train.start else None
            if origin is not None and train.attempts > 1 and os.path.realpath(other) not in origins:
                found.setdefault(origin, []).append(folders.name_of(other))
    return found


def tell_started(runs: Sequence[Path]) -> list[str]:
    """Return a note for each run without which others can't go on: their next attempts start from it."""
    return [
        f"each attempt of {name_some(names)} starts from {run}; without it none that is left can be resumed"
        for run, names in find_started(runs).items()
    ]


def name_some(names: Sequence[str], most: int = 3) -> str:
    """Return some names, in words."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

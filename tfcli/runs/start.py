"""A training that starts from a run: it has the model settings of that run."""

from __future__ import annotations

from typing import Any

from tfcli.config.files import Entry
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

"""What the file of a task settles in a configuration, beside what is written there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tfcli.data import facts
from tfcli.data.lines import STDIN

TEXTS = Path(__file__).parent.parent / "data" / "texts"  # that ship with the tool


def fill_in_data(values: Any) -> Any:
    """Return the values of a configuration with what follows from the file of its task.

    Raises:
        ConfigError: that can't be read as it is meant.
    """
    task = values.get("task") if isinstance(values, dict) else None
    if not isinstance(task, dict) or not isinstance(task.get("data"), str) or task.get("digest") is not None:
        return values
    files = {
        key: find_data(task[key])
        for key in ("data", "test")
        if isinstance(task.get(key), str) and task[key] != STDIN
    }
    told = {key: value for key, value in task.items() if can_tell(key, value)}
    filled = {**facts.fill_in({**told, **files}), **{key: task[key] for key in task if key not in told}}
    model = values.get("model")
    if filled["name"] == facts.TEXT and filled.get("objective") == "next" and isinstance(model, dict | None):
        model = {"mask": "causal", "positions": "rotary", **(model or {})}
    return {**values, "task": filled, **({} if model is None else {"model": model})}


def can_tell(key: str, value: Any) -> bool:
    """Whether a setting of a task is of a kind that tells how its file is read; others are refused later."""
    if key in ("symbols", "answers"):
        return value is None or (
            isinstance(value, list) and not any(isinstance(one, list | dict) for one in value)
        )
    return not isinstance(value, list | dict)


def find_data(name: str) -> str:
    """Return the path of a file of data; one that isn't here may ship with the tool."""
    path = Path(os.path.expanduser(name))
    shipped = TEXTS / name
    return str((shipped if not path.exists() and shipped.is_file() else path).resolve())

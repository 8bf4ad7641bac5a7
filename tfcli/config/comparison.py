"""In which settings two configurations differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tfcli.config.schema import RunConfig

MAY_CHANGE = ("train.steps", "train.stop_when_solved", "train.log", "train.device")  # in one and the same run


def is_same_run(one: RunConfig, other: RunConfig) -> bool:
    """Whether two configurations may be of one run, which was made to go on."""
    return all(key in MAY_CHANGE for key, _, _ in differences(one, other))


def differences(one: RunConfig, other: RunConfig) -> Iterator[tuple[str, Any, Any]]:
    """Return the settings in which two configurations differ, with their values."""
    before, after = dict(flat_settings(one)), dict(flat_settings(other))
    for key in {**before, **after}:
        if before.get(key) != after.get(key):
            yield key, before.get(key), after.get(key)


def flat_settings(config: RunConfig) -> Iterator[tuple[str, Any]]:
    """Return all settings with their values; those of a part after its name."""
    return flatten(config.model_dump(mode="json"))


def flatten(settings: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Return the settings of each section with their values; those of a part after its name."""
    for name, section in settings.items():
        for key, value in section.items():
            if isinstance(value, dict) and "name" not in value:  # heads that are shared out, in that order
                value = json.dumps(value)
            part = value if isinstance(value, dict) else {"name": value}
            for inner, chosen in part.items():
                yield f"{name}.{key}" if inner == "name" else f"{name}.{key}.{inner}", chosen

"""What can't be exported, in the words of the configuration."""

from __future__ import annotations

from typing import Any

from tfcli.config.parts import Part


def describe(value: Any, *, settings: bool = False) -> str:
    """Return the value of a setting as an override has it; of a part its name, or its settings, too."""
    if isinstance(value, Part):
        value = value.as_written() if settings or value.shares else value.name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {describe(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)

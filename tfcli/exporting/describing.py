"""What can't be exported, in the words of the configuration."""

from __future__ import annotations

from typing import Any

from tfcli.config.parts import Part


def describe(value: Any) -> str:
    """Return the value of a setting as an override has it."""
    written = value.as_written() if isinstance(value, Part) else value
    if isinstance(written, dict):
        return "{" + ", ".join(f"{key}: {describe(item)}" for key, item in written.items()) + "}"
    return str(written).lower() if isinstance(written, bool) else str(written)

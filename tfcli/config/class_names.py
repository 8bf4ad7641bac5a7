"""The names of classes in a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tfcli.config.parts import Part
from tfcli.config.schema import RunConfig
from tfcli.config.section import Section


def rename_classes(config: RunConfig, rename: Callable[[str], str]) -> RunConfig:
    """Return a configuration with the names of its task and of all its parts as `rename` gives them."""
    sections: dict[str, Section] = {"task": config.task.model_copy(update={"name": rename(config.task.name)})}
    for name, section in (("model", config.model), ("train", config.train)):
        changed: dict[str, Any] = {}
        for key, value in section:
            if isinstance(value, Part):
                shares = tuple(replace(part, name=rename(part.name)) for part in value.shares)
                changed[key] = replace(value, name=rename(value.name), shares=shares)
        sections[name] = section.model_copy(update=changed)
    return config.model_copy(update=sections)

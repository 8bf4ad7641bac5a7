"""A configuration as a file that reads back the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from tfcli.config import yaml_reader
from tfcli.config.schema import SECTIONS, RunConfig, part_of
from tfcli.config.section import Section


def to_yaml(config: RunConfig, *, described: bool = False) -> str:
    """Return the configuration as a file that reads back the same; `described` adds what each key is."""
    lines = []
    for name, section in SECTIONS.items():
        lines.append(f"{name}:")
        for key, value in getattr(config, name).model_dump(mode="json").items():
            if described:
                lines += list(described_lines(section, key, value))
            else:
                lines.append(f"  {yaml_reader.dump(key, value)}")
    return "\n".join(lines) + "\n"


def described_lines(section: type[Section], key: str, value: Any) -> Iterator[str]:
    """Return a setting with what it is; the settings of a part below its name."""
    is_part = isinstance(value, dict) and "name" in value
    first = f"  {key}:" if is_part else f"  {yaml_reader.dump(key, value)}"
    yield f"{first:<30}  # {describe_setting(section, key)}"
    if not is_part:
        return
    part = part_of(next(name for name in SECTIONS if SECTIONS[name] is section), key)
    known = part.registry.settings_of(value["name"]) if part else None
    for inner, setting in value.items():
        line = f"    {yaml_reader.dump(inner, setting)}"
        field = known.model_fields.get(inner) if known else None
        yield f"{line:<30}  # {field.description}" if field and field.description else line


def describe_setting(section: type[Section], key: str) -> str:
    """Describe a setting, with its choices if it has some."""
    field = section.model_fields[key]
    part = part_of(next(name for name in SECTIONS if SECTIONS[name] is section), key)
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    choices = tuple(part.registry.names()) if part else choices
    return f"{field.description}: {', '.join(choices)}" if choices else str(field.description)

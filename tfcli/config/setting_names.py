"""The names of all settings, those of the parts that are built in among them."""

from __future__ import annotations

from pydantic import BaseModel

from tfcli.config.schema import SECTIONS
from tfcli.registry import PARTS


def is_setting(key: str) -> bool:
    """Whether there is a setting of that key, or one whose part may have it: `model.positions.gate`."""
    section, _, name = key.partition(".")
    return section in SECTIONS and name.partition(".")[0] in SECTIONS[section].model_fields


def takes_fractions(key: str) -> bool:
    """Whether there is a setting of that key, and it is a number that needn't be a whole one."""
    setting, _, name = key.rpartition(".")
    known: list[type[BaseModel] | None] = [SECTIONS.get(setting)]
    if registry := PARTS.get(setting):
        known += map(registry.settings_of, registry.built_in)
    fields = [model.model_fields[name] for model in known if model and name in model.model_fields]
    return any(field.annotation is float for field in fields)


def list_settings() -> list[str]:
    """Return the keys of all settings: `model.positions`, and `model.positions.gate` of some of them."""
    names = [f"{name}.{key}" for name, section in SECTIONS.items() for key in section.model_fields]
    for setting, registry in PARTS.items():
        found = [registry.settings_of(name) for name in registry.built_in]
        keys = {key for known in found if known for key in known.model_fields}
        names += [f"{setting}.{key}" for key in sorted(keys)]
    return names

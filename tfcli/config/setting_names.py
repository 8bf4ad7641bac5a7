"""The names of all settings, those of the parts that are built in among them."""

from __future__ import annotations

from tfcli.config.schema import SECTIONS
from tfcli.registry import PARTS


def is_setting(key: str) -> bool:
    """Whether there is a setting of that key, or one whose part may have it: `model.positions.gate`."""
    section, _, name = key.partition(".")
    return section in SECTIONS and name.partition(".")[0] in SECTIONS[section].model_fields


def takes_fractions(key: str) -> bool:
    """Whether there is a setting of that key, and it is a number that needn't be a whole one."""
    section, _, name = key.partition(".")
    fields = SECTIONS[section].model_fields if section in SECTIONS else {}
    return name in fields and fields[name].annotation is float


def list_settings() -> list[str]:
    """Return the keys of all settings: `model.positions`, and `model.positions.gate` of some of them."""
    names = [f"{name}.{key}" for name, section in SECTIONS.items() for key in section.model_fields]
    for setting, registry in PARTS.items():
        found = [registry.settings_of(name) for name in registry.built_in]
        keys = {key for known in found if known for key in known.model_fields}
        names += [f"{setting}.{key}" for key in sorted(keys)]
    return names

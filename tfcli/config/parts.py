"""Parts of a model or of its training, as configurations choose them: `rank`, or with settings of their own.

positions: rank
positions: {name: rank, gate: [0.1, 10], slope: [0.1, 3]}
mask: window:4                                # short for {name: window, size: 4}
positions: {ends: 4, rank: 2, level: 2}       # each has so many of the heads
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from tfcli.config import yaml_reader
from tfcli.config.class_files import is_file
from tfcli.errors import did_you_mean
from tfcli.registry import Registry

SAVED: dict[str, Any] = {}  # the context in which the configuration of a saved run is read
UNKNOWN = "unknown_setting"  # the kind of the error; its message says what is known


@dataclass(frozen=True)
class Part:
    """A choice from a registry, with the settings of that part.

    Where heads are shared out, `shares` has a part for each group of them, with its number of `heads`.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    heads: int | None = None
    shares: tuple[Part, ...] = ()

    def as_written(self) -> Any:
        """Return the part as a file has it."""
        if self.shares:
            return {part.name: part._as_share() for part in self.shares}
        settings = {key: plain(value) for key, value in self.settings.items()}
        return {"name": self.name, **settings} if settings else self.name

    def _as_share(self) -> Any:
        settings = {key: plain(value) for key, value in self.settings.items()}
        return {"heads": self.heads, **settings} if settings else self.heads

    def named(self) -> Iterator[Part]:
        """Itself, or the parts that share the heads."""
        yield from self.shares or (self,)


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


@dataclass(frozen=True)
class PartOf:
    """How pydantic reads a part: from its name, or from a mapping with its name and settings."""

    registry: Registry
    has_shares: bool = False  # whether heads may be shared out among several

    def read(self, value: Any, info: core_schema.ValidationInfo) -> Part:
        """Return the part that was written.

        In the configuration of a saved run it need not be there: that is seen when the run is loaded.

        Raises:
            ValueError: there is none of this name.
            ValidationError: a setting that it doesn't have, or a wrong value of one.
        """
        if isinstance(value, Part):
            return value
        saved = info.context is SAVED
        if isinstance(value, str):
            return self.make(*self.split_short_form(value), saved=saved)
        if isinstance(value, dict) and "name" in value:
            if not isinstance(value["name"], str):
                raise ValueError(self.form())
            settings = {key: value[key] for key in value if key != "name"}
            return self.make(value["name"], settings, saved=saved)
        if self.has_shares and isinstance(value, dict) and value:
            return self.make_shares(value, saved)
        raise ValueError(self.form())

    def form(self) -> str:
        """How one is written."""
        name = next(iter(self.registry.built_in))
        shares = ", or {NAME: number of heads, ...}" if self.has_shares else ""
        return f"must be a name, such as {name}, or {{name: {name}, SETTING: VALUE}}{shares}"

    def split_short_form(self, text: str) -> tuple[str, dict[str, Any]]:
        """`window:4` -> window, {size: 4}: the first setting of what is built in."""
        name, colon, value = text.partition(":")
        if not colon or is_file(text) or name not in self.registry.built_in:
            return text, {}
        known = self.registry.settings_of(name)
        settings = list(known.model_fields) if known else []
        if not settings:
            raise ValueError(f"{name} has no settings; leave :{value} out")
        return name, {settings[0]: yaml_reader.read(value, self.registry.setting).value}

    def make(
        self, name: str, settings: dict[str, Any], heads: int | None = None, *, saved: bool = False
    ) -> Part:
        """Return the part of that name with checked settings; those of a file are checked when it runs."""
        if saved and name not in self.registry.built_in:
            return Part(name, settings, heads)
        if problem := self.registry.find_problem(name):
            raise ValueError(problem)
        known = self.registry.settings_of(name)
        if known is None:
            return Part(name, settings, heads)
        unknown = [key for key in settings if key not in known.model_fields]
        if unknown:
            raise ValidationError.from_exception_data(
                self.registry.setting,
                [
                    InitErrorDetails(
                        type=PydanticCustomError(UNKNOWN, "{why}", {"why": self.explain_unknown(name, key)}),
                        loc=(key,),
                        input=settings[key],
                    )
                    for key in unknown
                ],
            )
        needed = any(field.is_required() for field in known.model_fields.values())
        checked = known.model_validate(settings) if settings or needed else known.model_construct()
        return Part(name, {key: getattr(checked, key) for key in known.model_fields}, heads)

    def explain_unknown(self, name: str, key: str) -> str:
        """Why a part has no such setting, and which has."""
        own = self.registry.settings_of(name)
        known = list(own.model_fields) if own else []
        has = f"{name} has {', '.join(known)}" if known else f"{name} has no settings"
        others = [other for other in self.registry.built_in if key in self._settings(other)]
        if others:
            return f"it is a setting of {' and '.join(others)}; {has}"
        return f"{has}{did_you_mean(key, known)}"

    def _settings(self, name: str) -> list[str]:
        found = self.registry.settings_of(name)
        return list(found.model_fields) if found else []

    def make_shares(self, value: dict[str, Any], saved: bool) -> Part:
        """Several parts, each with some of the heads."""
        made = []
        for name, share in value.items():
            heads, settings = (share, {}) if not isinstance(share, dict) else (share.get("heads"), share)
            if not isinstance(heads, int) or isinstance(heads, bool) or heads < 1:
                raise ValueError(f"{name} needs a number of heads from 1 on, as in {{{name}: 2, ...}}")
            own = {key: settings[key] for key in settings if key != "heads"}
            made.append(self.make(name, own, heads, saved=saved))
        return Part("shares", shares=tuple(made))

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(Part.as_written)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> JsonSchemaValue:
        names = list(self.registry.built_in)
        forms: list[JsonSchemaValue] = [
            {"enum": names},
            {"type": "string", "pattern": ":", "description": "FILE.py:CLASS, or NAME:VALUE"},
            {
                "type": "object",
                "properties": {"name": {"type": "string", "pattern": r"\.py:"}},
                "required": ["name"],
                "title": "a class in a file",
            },
        ]
        for name in names:
            known = self.registry.settings_of(name)
            own = known.model_json_schema() if known else {"properties": {}}
            own["properties"] = {"name": {"const": name}, **own.get("properties", {})}
            forms.append({**own, "required": ["name"], "additionalProperties": False, "title": name})
        if self.has_shares:
            forms.append({"type": "object", "propertyNames": {"enum": names}, "title": "heads of each"})
        return {"anyOf": forms}

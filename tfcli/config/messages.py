"""What is wrong with a configuration, in the words of this tool: key, value, rule, nearest valid name."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic_core import ErrorDetails

from tfcli.config.meanings import find_meant
from tfcli.config.parts import UNKNOWN
from tfcli.config.schema import RENAMED, SECTIONS, RunConfig
from tfcli.errors import did_you_mean

Location = tuple[str | int, ...]


def explain(error: ErrorDetails) -> str:
    """One problem that pydantic found, in the words of this tool: key, value, rule."""
    location, value, kind = error["loc"], error["input"], error["type"]
    key = ".".join(cut(str(word)) for word in location) or "the configuration"
    if kind == UNKNOWN:
        return f"unknown key {key}: {error['msg']}"
    if kind == "extra_forbidden" and key in RENAMED:
        return f"unknown key {key}: it is called {RENAMED[key]} now"
    if kind == "extra_forbidden" and (meant := find_meant(key)):
        return f"unknown key {key}; did you mean {meant!r}?{where_it_stands(location, meant)}"
    if kind == "extra_forbidden":
        known = known_keys(location[:-1])
        listed = f" (known: {', '.join(known)})" if known else ""
        return f"unknown key {key}{did_you_mean(str(location[-1]), known)}{listed}"
    if kind == "missing":
        return f"{key} is missing"
    if key == "model.norm" and value in ("pre", "post", "sandwich", "parallel"):
        return f"{key} = {shown(value)}: where norms stand is model.norm_placement"
    if kind == "value_error" and len(location) == 1:  # of two sections together: the rule names both
        return _rule(error)
    return f"{key} = {shown(value)}: {_rule(error)}"


def where_it_stands(location: Location, meant: str) -> str:
    """Return how a setting is written that stands beside the sections; nothing for one within a section."""
    section, _, key = meant.rpartition(".")
    return f" In a file: {section}: {{{key}: ...}}" if len(location) == 1 and section else ""


def explain_lone_settings(values: dict[Any, Any]) -> dict[Any, str]:
    """Return what is wrong with a file that holds settings outside of sections and nothing else, by key."""
    meant = {key: find_meant(str(key)) or "" for key in values}
    if any("." not in name or isinstance(values[key], dict) for key, name in meant.items()):
        return {}
    return {
        key: f"unknown key {key}; did you mean {name!r}?{where_it_stands((key,), name)}"
        for key, name in meant.items()
    }


RULES = {
    "model_type": "must hold keys and values",
    "tuple_type": "must be a list, such as [a, b, c]",
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
}


def _rule(error: ErrorDetails) -> str:
    kind, value = error["type"], error["input"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "model_type" and error["loc"] == ("task",) and isinstance(value, str):
        return f"must hold keys and values, as in {{name: {value or 'reverse'}}}"
    if kind == "string_type" and isinstance(value, list | dict | None):
        return "must be text"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"must be a whole number; write {int(value)}"
    if kind == "float_type" and isinstance(value, str) and re.fullmatch(r"\d+,\d+", value):
        return f"must be a number; write {value.replace(',', '.')}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return f"must be one of {', '.join(choices)}{did_you_mean(str(value), choices)}"
    return RULES.get(kind) or error["msg"].replace("Input should be", "must be").replace("a valid ", "a ")


def shown(value: Any) -> str:
    """`value` as YAML would write it, cut to what fits an error message."""
    return cut(json.dumps(value, ensure_ascii=False))


def cut(text: str) -> str:
    """`text`, cut to what fits an error message."""
    return text if len(text) <= 60 else text[:57] + "..."


def known_keys(location: Location) -> list[str]:
    """Return the keys that may stand in this place of a configuration; none where it is none."""
    section = SECTIONS.get(str(location[0])) if location else RunConfig
    return list(section.model_fields) if section else []

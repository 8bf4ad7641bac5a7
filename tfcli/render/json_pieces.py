"""JSON in pieces, so that a large text is never in memory as a whole.

It stands as `json.dumps` has it, but for matrices: a row of these is a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from itertools import chain
from math import isfinite
from typing import Any

from tfcli.records.matrix import Matrix


def json_pieces(record: Any, *, indent: bool = True, ascii_only: bool = False) -> Iterator[str]:
    """Return the JSON of a record and a newline, on one line without `indent`.

    Raises:
        ValueError: a number isn't finite. Nothing has been handed out by then.
    """
    if not is_finite(record):
        raise ValueError("a number that isn't finite has no place in JSON")
    encode = json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False).encode
    return chain(walk(record, encode, "\n" if indent else ""), ["\n"])


def is_finite(value: Any) -> bool:
    """Whether all numbers in a value are finite."""
    if isinstance(value, Matrix):
        return value.is_finite()
    value = open_record(value)
    if isinstance(value, dict | list | tuple):
        return all(map(is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or isfinite(value)


def open_record(value: Any) -> Any:
    """Return the fields of a record by name, as they are; any other value itself."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value


def walk(value: Any, encode: Callable[[Any], str], line: str) -> Iterator[str]:
    """Yield the JSON of a value; `line` begins the lines that it stands on, and is empty if all are one."""
    value = open_record(value)
    if not isinstance(value, dict | list | tuple | Matrix):
        yield encode(value)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if not value:
        yield opening + closing
        return
    inner = line and f"{line}  "
    for i, item in enumerate(value.items() if isinstance(value, dict) else value):
        yield f"{',' if i else opening}{inner or (' ' if i else '')}"
        if isinstance(value, Matrix):
            yield encode(item)
        elif isinstance(value, dict):
            yield f"{encode(str(item[0]))}: "
            yield from walk(item[1], encode, inner)
        else:
            yield from walk(item, encode, inner)
    yield f"{line}{closing}"

"""The `sweep:` block of a file, which holds what is varied beside the settings that are fixed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from tfcli.config import files, yaml_reader
from tfcli.config.files import Entry
from tfcli.config.schema import SECTIONS, SWEEP
from tfcli.errors import UsageError
from tfcli.sweeps.axes import Axis, read_axis, split_values


def axes_of_block(entry: Entry) -> list[Axis]:
    """Return what the `sweep:` block of an entry varies: a list, or the same text as on a command line.

    Raises:
        UsageError: it can't be read.
    """
    block = entry.values.get(SWEEP) if isinstance(entry.values, dict) else None
    if block is None:
        return []
    if not isinstance(block, dict):
        raise UsageError(
            f"{entry.name}: sweep must hold settings and their values, as in {{train.seed: 0:4}}"
        )
    return [read_item(entry, str(key), value) for key, value in block.items()]


def read_item(entry: Entry, key: str, value: Any) -> Axis:
    """Return what a line of the `sweep:` block of an entry varies.

    Raises:
        UsageError: it can't be read.
    """
    where = mark_of(entry, key)
    if isinstance(value, dict) and key in SECTIONS:
        raise UsageError(f"{where}: sweep.{key}: write the keys in full, as in {key}.KEY: [A, B]")
    if value == []:
        raise UsageError(f"{where}: sweep.{key}: the list is empty")
    try:
        if isinstance(value, list):
            values, text = list(map(as_text, value)), f"[{', '.join(map(as_text, value))}]"
        else:
            text = value if isinstance(value, str) else as_text(value)
            values = split_values(key, text)
        return read_axis(key, text, values) or Axis(key, (values[0],))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def mark_of(entry: Entry, key: str) -> str:
    """Where a line of the `sweep:` block of an entry stands: file, line and column."""
    return entry.document.key_marks.get((*entry.location, SWEEP, key), entry.name)


def check_block(entry: Entry) -> Iterator[str]:
    """Yield what is wrong with the `sweep:` block of an entry: with how it is written, and with each value.

    Of a range these are its ends. How values go together isn't looked at.
    """
    try:
        axes = axes_of_block(entry)
    except UsageError as error:
        yield str(error)
        return
    for axis in axes:
        ends = [[str(p[0]), str(p[-1])] if isinstance(p, range) else [p] for p in axis.pieces]
        drawn = [] if axis.span is None else [axis.span.at(0.0), axis.span.at(1.0)]
        for value in dict.fromkeys([*chain.from_iterable(ends), *drawn]):
            if problem := find_problem(entry, f"{axis.key}={value}"):
                yield f"{mark_of(entry, axis.key)}: sweep: {problem}"


def find_problem(entry: Entry, setting: str) -> str | None:
    """Return what is wrong with a setting on top of an entry, if something is."""
    try:
        files.check(entry, [setting])
    except UsageError as error:
        return str(error).removeprefix("override ")
    return None


def as_text(value: Any) -> str:
    """Return a value as it is written on a command line: in quotes only where it needs them."""
    if isinstance(value, str) and re.fullmatch(r"[\w.:/+-]+", value):
        return value
    return yaml_reader.dump("value", value).removeprefix("value: ")

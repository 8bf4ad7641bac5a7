"""The `sweep:` block of a file, which holds what is varied beside the settings that are fixed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile
from typing import Any

from tfcli.config import files, yaml_reader
from tfcli.config.files import Entry
from tfcli.config.meanings import find_meant
from tfcli.config.schema import SECTIONS, SWEEP
from tfcli.config.setting_names import is_setting
from tfcli.errors import ConfigError, UsageError
from tfcli.sweeps import points
from tfcli.sweeps.axes import Axis, read_axis, split_values
from tfcli.sweeps.planning import refuse_seeds

MOST_VALUES = 50  # of a setting that are validated
FEW = 4  # values of each other setting that they may go with
MOST_TRIED = 16  # combinations of these


def axes_of_block(entry: Entry) -> list[Axis]:
    """Return what the `sweep:` block of an entry varies: a list, or the same text as on a command line.

    Raises:
        UsageError: it can't be read.
    """
    block = entry.values.get(SWEEP) if isinstance(entry.values, dict) else None
    if block is None:
        return []
    if not isinstance(block, dict):
        where = entry.document.marks.get((*entry.location, SWEEP), entry.name)
        raise UsageError(f"{where}: sweep must hold settings and their values, as in {{train.seed: 0:4}}")
    return [read_item(entry, str(key), value) for key, value in block.items()]


def read_item(entry: Entry, key: str, value: Any) -> Axis:
    """Return what a line of the `sweep:` block of an entry varies.

    Raises:
        UsageError: it can't be read.
    """
    where = mark_of(entry, key)
    if isinstance(value, dict) and key in SECTIONS:
        raise UsageError(f"{where}: sweep.{key}: write the keys in full, as in {key}.KEY: [A, B]")
    if "." not in key and find_meant(key) is None:
        what = "this holds settings and their values, as in model.positions: [rotary, ends]"
        raise UsageError(f"{where}: sweep.{key}: {what}; a search is asked for by --search random:50")
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


def locate(entry: Entry, keys: Iterable[str], problem: str) -> str:
    """Return a problem with the place in the file of what the `sweep:` block of an entry varies."""
    for key in keys:
        problem = problem.replace(f"override {key}=", f"{mark_of(entry, key)}: sweep: {key}=")
    return problem


def check_block(entry: Entry) -> list[str]:
    """Return what is wrong with the `sweep:` block of an entry: with how it is written, its keys, its values.

    A value is wrong that goes with no combination of others, as far as these are tried. Of a long list or
    range the first values are looked at.
    """
    try:
        axes = axes_of_block(entry)
    except UsageError as error:
        return [str(error)]
    if unknown := [axis for axis in axes if not is_setting(axis.key)]:
        return list(chain.from_iterable(refuse(entry, axis) for axis in unknown))
    found = chain.from_iterable(refuse_values(entry, axes, axis) for axis in axes)
    return [locate(entry, [axis.key for axis in axes], problem) for problem in dict.fromkeys(found)]


def refuse_values(entry: Entry, axes: Sequence[Axis], axis: Axis) -> Iterator[str]:
    """Yield what is said to the values of an axis that go with no combination of others that is tried."""
    others = [first_of(other, FEW) for other in axes if other is not axis]
    for value in first_of(axis, MOST_VALUES).values():
        tried = islice(points.grid(others), MOST_TRIED)
        refusals = [*takewhile(bool, (find_refusal(entry, {axis.key: value, **point}) for point in tried))]
        if len(refusals) == min(MOST_TRIED, points.count(others)):
            yield from refusals[0]


def first_of(axis: Axis, number: int) -> Axis:
    """Return an axis with its first values."""
    return Axis(axis.key, tuple(islice(axis.values(), number)) or (axis.first,))


def find_refusal(entry: Entry, point: points.Point) -> list[str]:
    """Return what is said to a combination of values, if it is refused."""
    try:
        refuse_seeds(files.check(entry, [f"{key}={value}" for key, value in point.items()]))
    except UsageError as error:
        return error.problems if isinstance(error, ConfigError) else [str(error)]
    return []


def refuse(entry: Entry, axis: Axis) -> Iterator[str]:
    """Yield what is said to a setting that there isn't."""
    try:
        files.check(entry, [f"{axis.key}={axis.first}"])
    except UsageError as error:
        yield f"{mark_of(entry, axis.key)}: sweep: {str(error).removeprefix('override ')}"


def as_text(value: Any) -> str:
    """Return a value as it is written on a command line: in quotes only where it needs them."""
    if isinstance(value, str) and re.fullmatch(r"[\w.:/+-]+", value):
        return value
    return yaml_reader.dump("value", value).removeprefix("value: ")

"""Which of many runs are meant: conditions on their settings and results, and an order."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from tfcli.config import yaml_reader
from tfcli.config.class_files import absolute
from tfcli.config.meanings import find_meant
from tfcli.config.setting_names import list_settings
from tfcli.errors import UsageError, counted, did_you_mean
from tfcli.records.results import RunSummary, TrainSummary
from tfcli.runs.folders import all_runs, find_all, find_problem, runs_below
from tfcli.runs.summaries import METRIC_KEYS, summarize

ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
CONDITION = re.compile(r"\s*([^\s!<>=]+)\s*(!=|<=|>=|==?|<|>)\s*(.*?)\s*", re.DOTALL)
FORM = 'write KEY=VALUE with one of = != < <= > >=, in quotes, such as "exact_match>=0.9"'
OWN_KEYS = (  # of each run, beside its settings
    *("run", "task"),
    *(field.name for field in fields(TrainSummary) if field.name not in ("code", "versions")),
    *sorted(METRIC_KEYS),
)
WORDS = {True: "yes", False: "no"}  # as the list shows them
MOST_VALUES = 5  # that are named where none is as it should be


class Condition(NamedTuple):
    """What a run must be like."""

    key: str
    operator: str
    value: Any
    text: str  # the value as it was written

    def __str__(self) -> str:
        return f"{self.key}{self.operator}{self.text}"

    def holds(self, run: RunSummary) -> bool:
        """Whether a run is like that. What it has no value for is null, and neither more nor less."""
        found = run.values.get(self.key)
        if self.operator in ORDERINGS:
            return is_number(found) and bool(ORDERINGS[self.operator](found, self.value))
        same = is_number(found) == is_number(self.value) and found == self.value
        is_named = self.text == (WORDS[found] if isinstance(found, bool) else str(found))
        return (same or is_named) == (self.operator == "=")


def ignore(remark: str) -> None:
    """Leave a remark unheard."""


def select_runs(
    named: Sequence[str] = (),
    where: Sequence[str] = (),
    sort: Sequence[str] = (),
    note: Callable[[str], None] = ignore,
) -> list[RunSummary]:
    """Return the runs that are as `where` says, the newest last, or the largest by the keys of `sort`.

    Where some are `named`, or folders of them, it is one of these, and they stand in that order.

    By -KEY it is the smallest. What has no such value comes first. Those that have the same of the first key
    go by the next. Each has the values of the keys named.

    Args:
        note: is told where runs can't be read or judged, and where none is so.

    Raises:
        UsageError: a condition can't be read, or there is no such key, or no run of a name.
    """
    conditions = [parse_condition(text) for text in where]
    orders = [text.removeprefix("-") for text in sort]
    keys = list(dict.fromkeys([*(condition.key for condition in conditions), *orders]))
    if not named and (problem := find_problem()):
        note(problem)
    found = [summarize(path, keys) for path in (find_all(named, runs_below) if named else all_runs())]
    known = {name for run in found for name in run.values}
    for name in keys:
        if name not in known:
            check_key(name)
    if conditions:
        found = choose(found, conditions, note)
    for text, key in reversed(list(zip(sort, orders, strict=True))):
        found = order(found, key, falling=text != key)
    return found


def order(runs: Sequence[RunSummary], key: str, *, falling: bool) -> list[RunSummary]:
    """Return runs in the order of their values of a key, those without one first, equal ones as they were."""
    without = [run for run in runs if run.values.get(key) is None]
    having = [run for run in runs if run.values.get(key) is not None]
    return without + sorted(having, key=lambda run: rank(run.values[key]), reverse=falling)


def choose(
    runs: Sequence[RunSummary], conditions: Sequence[Condition], note: Callable[[str], None]
) -> list[RunSummary]:
    """Return the runs of which all conditions hold."""
    found = [run for run in runs if run.problem is None]
    if unread := len(runs) - len(found):
        note(f"left out, as it can't be read: {unread:,} of {counted(len(runs), 'run')}; `tfcli ls` says why")
    for condition in conditions:
        before, found = found, [run for run in found if condition.holds(run)]
        if before and not found:
            note(explain_nothing(condition, before))
    return found


def parse_condition(text: str) -> Condition:
    """Return a condition that is written `KEY=VALUE`, or with another operator.

    Raises:
        UsageError: it can't be read.
    """
    match = CONDITION.fullmatch(text)
    if match is None or not match[3] or match[3][0] in "<>=":
        raise UsageError(f"can't read --where {text!r}; {FORM}")
    key, sign, said = match[1], match[2].replace("==", "="), match[3]
    read = yaml_reader.read(said, f"--where {key}").value
    value = absolute(read) if isinstance(read, str) else read
    if sign in ORDERINGS and not is_number(value):
        raise UsageError(f"--where {text!r}: {sign} compares numbers, and {said!r} is none")
    return Condition(key, sign, value, said)


def check_key(key: str) -> None:
    """See to it that runs may have a value of that key.

    Raises:
        UsageError: none can.
    """
    keys = [*OWN_KEYS, *list_settings()]
    if key in keys:
        return
    part, dots = key.removesuffix(".name"), key.count(".")
    meant = part if part in keys else find_meant(key) if dots < 2 else None
    alike = did_you_mean(key, [known for known in keys if known.count(".") == dots])
    near = f"; did you mean {meant!r}?" if meant and "." in meant else alike or did_you_mean(key, keys)
    raise UsageError(
        f"no run has a key {key!r}{near} (known: {', '.join(OWN_KEYS)}, and settings such as train.seed)"
    )


def explain_nothing(condition: Condition, runs: Sequence[RunSummary]) -> str:
    """Say that no run is so, and what they are."""
    values = Counter(shown(run.values.get(condition.key)) for run in runs)
    there_are = ", ".join(f"{value} ({number})" for value, number in values.most_common(MOST_VALUES))
    more = ", ..." if len(values) > MOST_VALUES else ""
    return f"no run has {condition}; {condition.key} of {counted(len(runs), 'run')} is: {there_are}{more}"


def shown(value: Any) -> str:
    """Return a value as it can be written in a condition."""
    return WORDS[value] if isinstance(value, bool) else "null" if value is None else str(value)


def is_number(value: object) -> bool:
    """Whether a value is a number, which true and false aren't."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def rank(value: Any) -> tuple[bool, Any]:
    """Return where a value stands in an order: numbers come before texts."""
    return (False, value) if isinstance(value, int | float) else (True, str(value))

"""From `reverse`, `FILE.yaml` or `FILE.yaml:NAME` plus overrides to a checked RunConfig.

Every problem is reported with its origin, key, value and rule, all of a file at once.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from tfcli import registry
from tfcli.config import yaml_reader
from tfcli.config.class_files import absolute
from tfcli.config.class_names import rename_classes
from tfcli.config.labels import find_ambiguity
from tfcli.config.messages import Location, explain, explain_lone_settings, shown
from tfcli.config.misread import explain_override, explain_several
from tfcli.config.own_data import fill_in_data
from tfcli.config.parts import UNKNOWN
from tfcli.config.reading import read_bytes
from tfcli.config.schema import SECTIONS, SWEEP, RunConfig, part_of
from tfcli.config.writing import to_yaml
from tfcli.data.lines import PAIRS, STDIN, TEXT
from tfcli.errors import ConfigError, UsageError, did_you_mean, find_near

WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HERE = Path(__file__).parent.parent
# A wheel holds the examples inside the package, a checkout beside it.
EXAMPLES = next(p for p in (HERE / "examples.yaml", HERE.parent / "examples.yaml") if p.exists())


class Entry(NamedTuple):
    """One configuration in a file: its values as written, unchecked, and the comment above it."""

    name: str
    values: dict[str, Any]
    location: Location  # of the values in the document; () if the file is one configuration
    document: yaml_reader.Document

    @property
    def comment(self) -> list[str]:
        """The lines of comment directly above the entry."""
        if not self.location:
            return []
        line = int(self.document.key_marks[self.location].rsplit(":", 2)[1]) - 1
        above: list[str] = []
        while line > 0 and self.document.lines[line - 1].startswith("#"):
            line -= 1
            above.insert(0, self.document.lines[line].lstrip("# "))
        return above


def load_config(source: str, overrides: list[str] | None = None) -> RunConfig:
    """Return the configuration that `source` names, with `key.sub=value` overrides on top, checked.

    Raises:
        UsageError: there is no such example, file or entry.
        ConfigError: something in the file or the overrides is wrong.
    """
    return check(find_entry(source), overrides or [])


def example_names() -> list[str]:
    """Return the names of the shipped examples."""
    return list(read_file(EXAMPLES))


def find_entry(source: str) -> Entry:
    """Return the entry that `reverse`, `FILE.yaml` or `FILE.yaml:NAME` names."""
    if source == STDIN or source.lower().endswith((*PAIRS, TEXT)):
        return entry_of_data(source)
    match = re.fullmatch(r"(.+\.ya?ml)(?::([^:/\\]+))?", source, re.DOTALL)
    if match is None:
        entries = read_file(EXAMPLES)
        if source not in entries:
            near = did_you_mean(source, entries)
            if source in registry.TASKS.names():
                near = f", but a task is: train copy task.name={source}, perhaps with task.layout=appended"
            known = f"examples: {', '.join(entries)}, or a FILE.yaml, .tsv, .csv, .jsonl or .txt"
            raise UsageError(f"no example is called {source!r}{near} ({known})")
        return entries[source]
    path, name = match.groups()
    entries = read_file(Path(path))
    if name is None and len(entries) == 1:
        return next(iter(entries.values()))
    if name is None:
        raise UsageError(
            f"{path} holds several configurations, write {path}:NAME (names: {', '.join(entries)})"
        )
    if name not in entries:
        raise UsageError(
            f"{path} has no entry {name!r}{did_you_mean(name, entries)} (names: {', '.join(entries)})"
        )
    return entries[name]


def entry_of_data(path: str) -> Entry:
    """Return the configuration that trains on a file of one's own, with all else as it is."""
    name = "stdin" if path == STDIN else Path(path).stem
    document = yaml_reader.read(yaml_reader.dump("task", {"data": path}), path)
    return Entry(name, document.value, (), document)


def read_file(path: Path) -> dict[str, Entry]:
    """Return the configurations of a file: itself, if it has the keys of one, or its entries by name."""
    try:
        data = read_bytes(path)
        encoding = "utf-16" if data.startswith(WIDE) else "utf-8-sig"  # as some shells write what > sends
        text = data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        how = "save it as UTF-8; `tfcli show EXAMPLE --out FILE` writes that"
        raise ConfigError([f"{path}: not UTF-8 text (byte {error.start}): {how}"]) from error
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}{meant_example(path)}") from error
    document = yaml_reader.read(text, str(path))
    values = document.value
    if not isinstance(values, dict) or not values:
        raise ConfigError(
            [f"{path}: holds no configuration; it needs `task: {{name: reverse}}` or named entries"]
        )
    if problems := explain_lone_settings(values):
        raise ConfigError([f"{document.key_marks[key,]}: {problem}" for key, problem in problems.items()])
    if values.keys() & SECTIONS.keys():
        return {path.stem: Entry(path.stem, keep_spelling(values, (), document), (), document)}
    return {
        name: Entry(name, keep_spelling(entry, (name,), document), (name,), document)
        for name, entry in values.items()
    }


def meant_example(path: Path) -> str:
    """`; did you mean the example ...?` of a file that isn't there, if an example is called so, or nearly."""
    if path.exists() or path == EXAMPLES:
        return ""
    near = find_near(path.stem, example_names())
    return f"; did you mean the example {near!r}: `tfcli train {near}`?" if near else ""


def keep_spelling(values: Any, location: Location, document: yaml_reader.Document) -> Any:
    """Return the values of an entry with its symbols as they are written: 0x1F is a name, not 31."""
    task = values.get("task") if isinstance(values, dict) else None
    if not isinstance(task, dict) or "symbols" not in task:
        return values
    symbols = document.with_numerals((*location, "task", "symbols"), task["symbols"])
    return {**values, "task": {**task, "symbols": symbols}}


def check(entry: Entry, overrides: list[str]) -> RunConfig:
    """Return the checked configuration of an entry with overrides on top of it.

    What follows from a file of one's own is filled in, unless it has been before.

    Raises:
        UsageError: an override can't be read.
        ConfigError: something is wrong with the rest.
    """
    values, origins = _with_overrides(entry, overrides)
    values = fill_in_data(without_sweep(values))

    def origin(location: Location, unknown: bool, problem: str = "") -> str:
        if location in origins:
            return origins[location]
        for key, override in origins.items():  # one that the problem names is what it came with
            if re.search(rf"\b{re.escape('.'.join(map(str, key)))}\b", problem):
                return override
        said = [key for key in origins if key[0] == location[0]]
        if said and (len(location) == 1 or (*entry.location, *location) not in entry.document.marks):
            return origins[said[-1]]  # something else doesn't go with what an override of its section says
        whole = (*entry.location, *location)
        if unknown and whole in entry.document.key_marks:
            return entry.document.key_marks[whole]
        while whole and whole not in entry.document.marks:
            whole = whole[:-1]
        return entry.document.marks[whole]

    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        details = [d for d in error.errors() if d["type"] != "default_factory_not_called"]
        explained = [(d, explain(d)) for d in details]
        problems = [
            f"{(said := origin(d['loc'], d['type'] in ('extra_forbidden', UNKNOWN), problem))}: {problem}"
            f"{explain_several(said, problem)}"
            for d, problem in explained
        ]
        raise ConfigError(_task_problems(values, origin) + problems) from error
    if problems := _task_problems(values, origin):
        raise ConfigError(problems)
    if ambiguity := find_ambiguity(config):
        raise ConfigError([f"{origin(('task', 'symbols'), False)}: {ambiguity}"])
    return rename_classes(config, absolute)  # so that files are found from any folder


def without_sweep(values: Any) -> Any:
    """Return the values of a configuration alone, without what `tfcli sweep` varies in it."""
    return {key: values[key] for key in values if key != SWEEP} if isinstance(values, dict) else values


def override(config: RunConfig, overrides: list[str], origin: str) -> RunConfig:
    """Return a configuration that is from `origin` with overrides on top of it, checked.

    Raises:
        UsageError, ConfigError: an override can't be read, or doesn't go with the rest.
    """
    document = yaml_reader.read(to_yaml(config), origin)
    return check(Entry("", document.value, (), document), overrides)


def _task_problems(values: Any, origin: Callable[[Location, bool], str]) -> list[str]:
    """Return what is wrong with the name of the task; other rules see to it that there is one."""
    task = values.get("task") if isinstance(values, dict) else None
    if not isinstance(task, dict):
        return []
    name = task.get("name")
    if task.get("data") is not None and isinstance(name, str):
        if name in registry.OF_A_FILE:
            return []
        what = "its sequences stand in task.data; leave the name out"
        return [f"{origin(('task', 'name'), False)}: task.name = {shown(name)}: {what}"]
    for key in ("tokenizer", "labels"):
        if task.get(key) is not None:
            brought = f"task.{key} is of models that `tfcli import` brings; leave it out"
            return [f"{origin(('task', key), False)}: {brought}"]
    problem = registry.TASKS.find_problem(name) if isinstance(name, str) else None
    return [f"{origin(('task', 'name'), False)}: task.name = {shown(name)}: {problem}"] if problem else []


def _with_overrides(entry: Entry, overrides: list[str]) -> tuple[Any, dict[Location, str]]:
    """Return the entry's values with each override put in, and where the overridden ones were said."""
    if not overrides or not isinstance(entry.values, dict):
        return entry.values, {}
    values = {key: dict(v) if isinstance(v, dict) else v for key, v in entry.values.items()}
    origins: dict[Location, str] = {}
    for number, override in enumerate(overrides):
        key, equals, text = override.partition("=")
        path = key.split(".")
        part = part_of(path[0], path[1]) if len(path) > 1 else None
        if not equals or path[0] not in SECTIONS or len(path) != 2 + (len(path) == 3 and part is not None):
            raise UsageError(explain_override(overrides, number, example_names()))
        section = values.setdefault(path[0], {})
        if not isinstance(section, dict):
            continue  # the file's own error is reported by the check
        document = yaml_reader.read('"-"' if text == "-" else text, f"override {key}")  # stdin, no list
        value = document.with_numerals((), document.value) if key == "task.symbols" else document.value
        if len(path) == 3:
            chosen = section.get(path[1], SECTIONS[path[0]].model_fields[path[1]].default)
            whole = {"name": chosen} if isinstance(chosen, str) else chosen
            value = {**whole, path[2]: value} if isinstance(whole, dict) else whole
        section[path[1]] = value
        origins[tuple(path)] = f"override {' '.join(override.split())}"
    return values, origins

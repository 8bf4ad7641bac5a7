"""The commands that need no torch: ls, show, validate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfcli import registry
from tfcli.config import files
from tfcli.config.schema import SWEEP, RunConfig
from tfcli.config.writing import to_yaml
from tfcli.errors import ConfigError
from tfcli.records.results import Catalog, Example, Validation
from tfcli.runs.selection import ignore, select_runs


def list_catalog(
    named: Sequence[str] = (),
    where: Sequence[str] = (),
    sort: Sequence[str] = (),
    note: Callable[[str], None] = ignore,
) -> Catalog:
    """Return the tasks and examples there are, and the runs, chosen and ordered as by `select_runs`.

    Raises:
        UsageError: as `select_runs`.
    """
    tasks = {name: registry.TASKS.describe(name) for name in registry.TASKS.names()}
    entries = files.read_file(files.EXAMPLES)
    examples = {name: (entry.comment or [""])[0] for name, entry in entries.items()}
    return Catalog(tasks, examples, select_runs(named, where, sort, note))


def find_example(source: str) -> Example:
    """Return the configuration that `source` names, as `load_config` understands it."""
    entry = files.find_entry(source)
    config = files.check(entry, [])
    text = "".join(f"# {line}\n" for line in entry.comment) + to_yaml(config, described=True)
    return Example(entry.name, entry.comment, config.model_dump(mode="json"), text)


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file: one configuration, or several by name."""
    one = RunConfig.model_json_schema(ref_template="#/$defs/{model}")
    definitions = {**one.pop("$defs"), "RunConfig": one}
    reference = {"$ref": "#/$defs/RunConfig"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tfcli configuration",
        "anyOf": [reference, {"type": "object", "additionalProperties": reference}],
        "$defs": definitions,
    }


def validate_source(source: str) -> Validation:
    """Check a file, or the one configuration that `source` names.

    Raises:
        UsageError: there is no such file or entry.
    """
    errors: list[str] = []
    names: list[str] = []
    try:
        if source.endswith((".yaml", ".yml")):
            entries = list(files.read_file(Path(source)).values())
        else:
            entries = [files.find_entry(source)]
    except ConfigError as error:
        return Validation(source, False, names, error.problems)
    for entry in entries:
        names.append(entry.name)
        try:
            files.check(entry, [])
        except ConfigError as error:
            errors += error.problems
            continue
        if SWEEP in entry.values:
            from tfcli.sweeps.blocks import check_block  # which most files have no need of

            errors += check_block(entry)
    return Validation(source, not errors, names, ConfigError(errors).problems)

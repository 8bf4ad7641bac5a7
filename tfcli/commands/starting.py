"""The model of a run, for another task: what that task has nothing of is left out, and told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcli.building.models import build_task, input_of
from tfcli.config.files import Entry, check
from tfcli.config.schema import RunConfig
from tfcli.runs import folders, headers

if TYPE_CHECKING:
    from tasks.base import Task


def suit_model(entry: Entry, overrides: list[str]) -> tuple[Entry, list[str]]:
    """Return an entry that starts from a run with a model that suits its task, and a note of each change.

    Settings that an override has stay as they are, to be refused where they can't be.

    Raises:
        UsageError, ConfigError: something else of the configuration is wrong.
    """
    config = check(entry, overrides)
    said = {override.partition("=")[0] for override in overrides}
    task = build_task(config.task)
    changes: dict[str, Any] = {}
    notes = []
    if config.model.input != (reads := input_of(task)) and "model.input" not in said:
        changes["input"] = reads
        notes.append(f"model.input={reads}: {config.task.name} is made of them")
    own_answers = task.answer_symbols != task.symbols[: len(task.answer_symbols)]
    if config.model.tie_embeddings and own_answers and "model.tie_embeddings" not in said:
        changes |= {"tie_embeddings": False, "logit_bias": False}
        notes.append(
            f"model.tie_embeddings=false: the answers of {config.task.name} have symbols of their own"
        )
    if config.model.token_types.name == "separated" and "model.token_types" not in said:
        types, symbol = move_separator(config, task)
        changes["token_types"] = types
        if types == "none":
            notes.append(f"model.token_types=none: {config.task.name} has no {symbol} between segments")
    values: Any = entry.values
    return entry._replace(values={**values, "model": {**values["model"], **changes}}), notes


def move_separator(config: RunConfig, task: Task) -> tuple[Any, str]:
    """Return the token types of a run for a task that may have its separator, and the name of that."""
    types = config.model.token_types
    run = Path(config.train.start or "")
    origin = headers.read_header(run, folders.weights_of(run)).config
    symbol = build_task(origin.task, run).symbols[types.settings["separator"]]
    if symbol not in task.symbols:
        return "none", symbol
    return {"name": types.name, **types.settings, "separator": task.symbols.index(symbol)}, symbol

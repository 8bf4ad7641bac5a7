"""From the settings of a task to one whose sequences stand in a file."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tfcli import registry
from tfcli.config.schema import TaskConfig
from tfcli.data.facts import read_test, wanted_by
from tfcli.data.lines import STDIN, is_stdin_read
from tfcli.data.reading import Pairs, Text, name_of, read
from tfcli.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from tasks.base import Task


def build_own(config: TaskConfig) -> Task:
    """Return the task of a file, which is read when its sequences are first needed.

    Raises:
        UsageError: its options don't go together.
    """
    lengths = config.min_length, config.max_length
    symbols = config.symbols or ()
    try:
        if config.answers is None:
            module = registry.import_task_module("own_text")
            text: Task = module.OwnText(
                symbols, config.tokens == "characters", *lengths, lambda required: load_text(config, required)
            )
            return text
        module = registry.import_task_module("own_pairs")
        form = module.Form(symbols, config.answers, config.end_symbol, config.answer_lengths)

        def load(required: bool) -> Any:
            found = load_pairs(config, required)
            if found is None:
                return None
            rows, test = (part and module.Rows(part.inputs, part.answers) for part in found)
            return rows, test

        pairs: Task = module.OwnPairs(form, *lengths, load)
    except ValueError as error:
        raise UsageError(f"task.data: {error}") from error
    return pairs


def load_pairs(config: TaskConfig, required: bool) -> tuple[Pairs, Pairs | None] | None:
    """Return the pairs of a file, and of the one that is held out if there is one.

    Raises:
        UsageError: they are `required`, and can't be read.
    """
    found = load_file(config, required)
    if found is None:
        return None
    rows, test = found
    if isinstance(rows, Text) or isinstance(test, Text):
        raise UsageError(f"{name_of(str(config.data))} no longer holds pairs")
    return rows, test


def load_text(config: TaskConfig, required: bool) -> tuple[Tensor, Tensor | None] | None:
    """Return a text as ids, and the one that is held out if there is one.

    Raises:
        UsageError: they are `required`, and can't be read.
    """
    found = load_file(config, required)
    if found is None:
        return None
    text, test = found
    if isinstance(text, Pairs) or isinstance(test, Pairs):
        raise UsageError(f"{name_of(str(config.data))} no longer holds a text")
    return to_tensor(text.ids), None if test is None else to_tensor(test.ids)


def to_tensor(ids: array[int]) -> Tensor:
    """Return ids as int64 [N]."""
    return torch.frombuffer(ids, dtype=torch.int32).to(torch.int64)


def load_file(config: TaskConfig, required: bool) -> tuple[Pairs | Text, Pairs | Text | None] | None:
    """Return what the files of a task hold, None where it isn't `required` and can't be read.

    Raises:
        UsageError: it is required, and can't be read.
    """
    settings = config.model_dump()
    try:
        if config.data == STDIN and not is_stdin_read():
            if not required:
                return None
            raise UsageError(
                "task.data: it came from stdin, which isn't kept; train from a file to score a run"
            )
        if config.data != STDIN and not required and not Path(str(config.data)).exists():
            return None
        return read(wanted_by(settings)), read_test(settings)
    except ConfigError as error:
        if not required:
            return None
        raise UsageError(f"task.data: {error}") from error

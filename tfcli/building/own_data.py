"""From the settings of a task to one whose sequences stand in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tfcli import registry
from tfcli.config.task_section import TaskConfig
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
    lengths, symbols = (config.min_length, config.max_length), config.symbols or ()
    try:
        if config.answers is None:
            texts = registry.import_task_module("own_text")
            are_characters = config.tokens == "characters"
            text: Task = texts.OwnText(symbols, are_characters, *lengths, loader(config, Text, to_tensor))
            return text
        module = registry.import_task_module("own_pairs")
        form = module.Form(symbols, config.answers, config.end_symbol, config.answer_lengths)

        def to_rows(found: Pairs) -> Any:
            return module.Rows(found.inputs, found.answers)

        pairs: Task = module.OwnPairs(form, *lengths, loader(config, Pairs, to_rows))
    except ValueError as error:
        raise UsageError(f"task.data: {error}") from error
    return pairs


def loader(
    config: TaskConfig, kind: type[Pairs] | type[Text], convert: Callable[[Any], Any]
) -> Callable[[bool], tuple[Any, Any] | None]:
    """Return what loads the file of a task, and the one that is held out, when they are needed."""

    def load(required: bool) -> tuple[Any, Any] | None:
        found = load_file(config, required)
        if found is None:
            return None
        if not all(part is None or isinstance(part, kind) for part in found):
            raise UsageError(f"task.data: {name_of(str(config.data))} no longer holds {config.name}")
        data, test = found
        return convert(data), None if test is None else convert(test)

    return load


def to_tensor(text: Text) -> Tensor:
    """Return the ids of a text, int64 [N]."""
    return torch.frombuffer(text.ids, dtype=torch.int32).to(torch.int64)


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

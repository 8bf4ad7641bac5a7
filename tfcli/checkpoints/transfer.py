"""Start from the weights of another run: what fits is taken, symbols by their names.

Axes: V tokens, D d_model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.checkpoints.loading import load_run
from tfcli.config.schema import RunConfig
from tfcli.errors import UsageError
from tfcli.model import BEGIN, BLANK
from tfcli.model.encoder import Encoder
from tfcli.records.results import Fate, TransferRow

if TYPE_CHECKING:
    from tasks.base import Task

BY_TOKEN = ("embedding.weight", "counters.step.weight")
BY_ANSWER = ("unembedding.weight", "unembedding.bias", "logit_bias")


def starter_of(config: RunConfig) -> Callable[[Encoder, Task], list[TransferRow]] | None:
    """Return what gives a model the weights that a configuration starts from; None if it starts anew.

    Raises:
        UsageError: there is no such run, or it can't be loaded.
    """
    if config.train.start is None:
        return None
    path = Path(config.train.start)
    if not path.is_dir():
        raise UsageError(f"train.start: there is no run {path}")
    source = load_run(path)

    def start(model: Encoder, task: Task) -> list[TransferRow]:
        return transfer(model, task, source.model, source.task, str(source.path))

    return start


def transfer(model: Encoder, task: Task, source: Encoder, its_task: Task, name: str) -> list[TransferRow]:
    """Give `model` the weights of `source` that fit, and return what became of each.

    Raises:
        UsageError: none of the layers' do.
    """
    own, found = model.state_dict(), source.state_dict()
    names = {
        **dict.fromkeys(BY_TOKEN, (tokens_of(task, model), tokens_of(its_task, source))),
        **dict.fromkeys(BY_ANSWER, (list(task.answer_symbols), list(its_task.answer_symbols))),
    }
    rows: list[TransferRow] = []
    for key, tensor in own.items():
        count = tensor.numel()
        if key not in found:
            rows.append(TransferRow(key, "new", count, f"{name} has none"))
        elif key in names and tensor.shape[1:] == found[key].shape[1:]:
            taken, there_are = copy_rows(tensor, found[key], *names[key])
            fate: Fate = "taken" if taken else "new"
            rows.append(TransferRow(key, fate, count, f"{taken} of {there_are} symbols are known"))
        elif tensor.shape == found[key].shape:
            tensor.copy_(found[key])
            rows.append(TransferRow(key, "taken", count, ""))
        else:
            shapes = f"{list(tensor.shape)} here, {list(found[key].shape)} there"
            rows.append(TransferRow(key, "new", count, shapes))
    left = [TransferRow(key, "left", tensor.numel(), "") for key, tensor in found.items() if key not in own]
    matrices = [row for row in rows if row.part.startswith("blocks.") and own[row.part].dim() == 2]
    if not any(row.fate == "taken" for row in matrices if row.part.endswith("weight")):
        problem = matrices[0].detail if matrices else "it has no layers"
        raise UsageError(f"--from: no layer of {name} fits this model ({problem})")
    return [*rows, *left]


def tokens_of(task: Task, model: Encoder) -> list[str]:
    """Return the names of all tokens that a model reads: its symbols, then the others."""
    layout = model.layout
    return [*task.symbols, *[f"{BLANK} "] * layout.appended, *[f"{BEGIN} "] * layout.begin]


def copy_rows(
    tensor: Tensor, source: Tensor, names: Sequence[str], its_names: Sequence[str]
) -> tuple[int, int]:
    """Copy the rows of what has the same name; how many these are, and of how many."""
    rows = {name: row for row, name in enumerate(its_names)}
    pairs = [(row, rows[name]) for row, name in enumerate(names) if name in rows]
    if pairs:
        to, of = (torch.tensor(column, device=tensor.device) for column in zip(*pairs, strict=True))
        tensor[to] = source.to(tensor.device)[of]
    return len(pairs), len(names)


def summarize(rows: Sequence[TransferRow]) -> list[TransferRow]:
    """Return what became of each part in the order of the model, with the weights of a part together."""
    found: dict[tuple[str, Fate, str], int] = {}
    for row in rows:
        words = row.part.split(".")
        part = ".".join(words[: 3 if words[0] == "blocks" else 1])
        key = part, row.fate, row.detail
        found[key] = found.get(key, 0) + row.parameters
    return [TransferRow(part, fate, count, detail) for (part, fate, detail), count in found.items()]

"""Start from the weights of another run: what fits is taken, symbols by their names.

Axes: V tokens, D d_model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tfcli.building.texts import SHOWN
from tfcli.checkpoints.loading import load_run
from tfcli.config.schema import RunConfig
from tfcli.errors import UsageError
from tfcli.model import BEGIN, BLANK
from tfcli.model.encoder import Encoder
from tfcli.model.positions.learned import LearnedPositions
from tfcli.model.token_types import SeparatedTypes
from tfcli.records.results import Fate, TransferRow

if TYPE_CHECKING:
    from tasks.base import Task

BY_TOKEN = ("embedding.weight", "counters.step.weight")
BY_ANSWER = ("unembedding.weight", "unembedding.bias", "logit_bias")
POSITIONS, TYPES = "positions.table.weight", "token_types.table.weight"
# Symbols of others that are read where these are, for what they are: where an answer stands, and a beginning.
STAND_INS = {f"{BLANK} ": ("[MASK]", "<mask>"), f"{BEGIN} ": ("[CLS]", "<s>")}


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


class Rows(NamedTuple):
    """What the rows of a tensor are of, here and there: rows of the same name are taken."""

    names: Sequence[str]
    its_names: Sequence[str]
    what: str  # they are, in the plural


def transfer(model: Encoder, task: Task, source: Encoder, its_task: Task, name: str) -> list[TransferRow]:
    """Give `model` the weights of `source` that fit, and return what became of each.

    Raises:
        UsageError: none of the layers' do.
    """
    own, found = model.state_dict(), lend(source, model)
    by_row = rows_by_name(model, task, source, its_task)
    rows = [take(key, tensor, found.get(key), by_row.get(key), name) for key, tensor in own.items()]
    known = source.state_dict()
    left = [
        TransferRow(key, "left", tensor.numel(), "all but its first" if key == TYPES else "")
        for key, tensor in known.items()
        if key not in own
    ]
    matrices = [row for row in rows if row.part.startswith("blocks.") and own[row.part].dim() == 2]
    if not any(row.fate == "taken" for row in matrices if row.part.endswith("weight")):
        problem = matrices[0].detail if matrices else "it has no layers"
        raise UsageError(f"--from: no layer of {name} fits this model ({problem})")
    return [*rows, *left]


def lend(source: Encoder, model: Encoder) -> dict[str, Tensor]:
    """Return the weights of `source` by the names that they have in `model`, whose parts may be others.

    Embeddings that are tied are what answers are read off with, too. The type that all tokens of a single
    segment have is part of each position, or else of each embedding.
    """
    found = source.state_dict()
    if source.unembedding is None and model.unembedding is not None:
        found["unembedding.weight"] = source.embedding.weight.detach()[: source.layout.n_answers]
        if source.logit_bias is not None:
            found["unembedding.bias"] = source.logit_bias.detach()
    types = source.token_types
    if isinstance(types, SeparatedTypes) and not isinstance(model.token_types, SeparatedTypes):
        both = (source.positions, model.positions)
        learned = all(isinstance(positions, LearnedPositions) for positions in both)
        bearer = POSITIONS if learned else "embedding.weight"
        found[bearer] = found[bearer] + types.table.weight.detach()[0]
    return found


def rows_by_name(model: Encoder, task: Task, source: Encoder, its_task: Task) -> dict[str, Rows]:
    """Return what the rows of those tensors are of that have a row for each symbol, or for each position."""
    tokens = Rows(tokens_of(task, model), tokens_of(its_task, source), "symbols")
    answers = Rows(task.answer_symbols, its_task.answer_symbols, "symbols")
    found = {**dict.fromkeys(BY_TOKEN, tokens), **dict.fromkeys(BY_ANSWER, answers)}
    ours, theirs = model.positions, source.positions
    if isinstance(ours, LearnedPositions) and isinstance(theirs, LearnedPositions):
        here, there = (list(map(str, range(side.table.num_embeddings))) for side in (ours, theirs))
        found[POSITIONS] = Rows(here, there, "positions")
    return found


def take(key: str, tensor: Tensor, source: Tensor | None, rows: Rows | None, name: str) -> TransferRow:
    """Give a tensor what it can have of the other one, and return what became of it."""
    count = tensor.numel()
    if source is None:
        return TransferRow(key, "new", count, f"{name} has none")
    if rows is not None and tensor.shape[1:] == source.shape[1:]:
        taken = copy_rows(tensor, source, rows)
        fate: Fate = "taken" if taken else "new"
        return TransferRow(key, fate, count, f"{taken} of {len(rows.names)} {rows.what} are known")
    if tensor.shape == source.shape:
        tensor.copy_(source)
        return TransferRow(key, "taken", count, "")
    return TransferRow(key, "new", count, f"{list(tensor.shape)} here, {list(source.shape)} there")


def tokens_of(task: Task, model: Encoder) -> list[str]:
    """Return the names of all tokens that a model reads: its symbols, then the others."""
    layout = model.layout
    return [*task.symbols, *[f"{BLANK} "] * layout.appended, *[f"{BEGIN} "] * layout.begin]


def aliases(name: str) -> tuple[str, ...]:
    """Return by what names a symbol may be known: as itself, as what it is for, or behind a space."""
    return name, *STAND_INS.get(name, ()), f"{SHOWN[' ']}{name}"


def copy_rows(tensor: Tensor, source: Tensor, rows: Rows) -> int:
    """Copy the rows of what has the same name, or another that it may be known by; how many these are.

    The others start as large as those: what others have trained has another scale than new weights.
    """
    known = {name: row for row, name in enumerate(rows.its_names)}
    pairs = [
        (row, known[found])
        for row, name in enumerate(rows.names)
        if (found := next((alias for alias in aliases(name) if alias in known), None)) is not None
    ]
    if pairs:
        to, of = (torch.tensor(column, device=tensor.device) for column in zip(*pairs, strict=True))
        taken = source.to(tensor.device)[of]
        if tensor.dim() == 2:
            tensor.mul_(taken.square().mean().sqrt() / tensor.square().mean().sqrt())
        tensor[to] = taken
    return len(pairs)


def summarize(rows: Sequence[TransferRow]) -> list[TransferRow]:
    """Return what became of each part in the order of the model, with the weights of a part together."""
    found: dict[tuple[str, Fate, str], int] = {}
    for row in rows:
        words = row.part.split(".")
        part = ".".join(words[: 3 if words[0] == "blocks" else 1])
        key = part, row.fate, row.detail
        found[key] = found.get(key, 0) + row.parameters
    return [TransferRow(part, fate, count, detail) for (part, fate, detail), count in found.items()]

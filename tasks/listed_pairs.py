"""Pairs that are listed: rows in place of a rule.

Axes: B batch, T position of the input, M position of the answer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from .base import IGNORE, Batch, Task
from .copies import on_device
from .splitting import HELD_OUT_SHARE, PRIME, sequence_hash


class Column(Protocol):
    """Sequences of ids: sequence i has those from `ends[i - 1]` to `ends[i]`."""

    @property
    def ids(self) -> Sequence[int]:
        """Return those of all sequences, one after the other, as a buffer of int32."""

    @property
    def ends(self) -> Sequence[int]:
        """Return where each sequence ends, as a buffer of int64."""


class Rows(NamedTuple):
    """Inputs and their answers."""

    inputs: Column
    answers: Column


class Shares(NamedTuple):
    """What is trained on and what is held out, by length; `limit` is the lowest hash of the former."""

    train: dict[int, Batch]
    held_out: dict[int, Batch]
    limit: int


class ListedPairs(Task):
    """Inputs with answers that are listed. A hash holds a tenth of the inputs out, or other rows are."""

    _shares: Shares | None = None

    @abstractmethod
    def load(self, required: bool) -> tuple[Rows, Rows | None] | None:
        """Return the rows, and those that are held out if these are others, when they are first needed.

        None where they aren't `required` and can't be had.
        """

    def has_length(self, length: int) -> bool:
        return True

    def sides(self, length: int) -> None:
        """No length lists its sequences but in `shares`."""

    def shares(self, *, required: bool = True) -> Shares | None:
        """Return both sides of the rows, which are loaded for it; None where they needn't be had and can't.

        Raises:
            ValueError: there are fewer than two different inputs of the lengths to train on.
        """
        if self._shares is None and (rows := self.load(required)):
            found, test = rows
            self._shares = self._share_out(self._by_length(found), test and self._by_length(test))
        return self._shares

    @property
    def train(self) -> dict[int, Batch]:
        """What is trained on, by length."""
        return self._known.train

    @property
    def held_out(self) -> dict[int, Batch]:
        """What is held out, by length."""
        return self._known.held_out

    @property
    def _known(self) -> Shares:
        found = self.shares()
        if found is None:
            raise RuntimeError("rows that are required are there")
        return found

    def target(self, inputs: Tensor) -> Tensor:
        """Return the answers that are listed; `IGNORE` for inputs that aren't."""
        T = inputs.shape[1]
        found = inputs.new_full((len(inputs), self.answer_length(T)), IGNORE)
        shares = self.shares(required=False)
        for side in () if shares is None else (shares.train, shares.held_out):
            if T in side:
                for i, row in enumerate(inputs):
                    same = (on_device(side[T].inputs, row.device) == row).all(1).nonzero()[:, 0]
                    if len(same):
                        found[i] = side[T].targets[same[0]]
        return found

    def is_held_out(self, inputs: Tensor) -> Tensor:
        return sequence_hash(inputs) < self._known.limit

    def n_sequences(self, length: int) -> int:
        there = self.nearest_length(length)
        return sum(len(side[there].inputs) for side in (self.train, self.held_out) if there in side)

    def n_held_out(self, length: int) -> int | None:
        there = self.nearest_length(length)
        return len(self.held_out[there].inputs) if there in self.held_out else 0

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        nearest = min(self.train, key=lambda there: (abs(there - length), there))
        return choose(self.train[nearest], batch_size, generator, again=True)

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        return choose(self.held_out[self.nearest_length(length)], count, generator, again=False)

    def training_set(self, count: int | None, generator: torch.Generator) -> list[Batch]:
        everything = list(self.train.values())
        return everything if count is None else some_of(everything, count, generator)

    def held_out_set(self, count: int, generator: torch.Generator) -> list[Batch]:
        trained = [
            batch for length, batch in self.held_out.items() if self.min_length <= length <= self.max_length
        ]
        return some_of(trained or list(self.held_out.values()), count, generator)

    def blind_targets(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """Answers to learn a best guess from: those to inputs of that length, or to all if there are none."""
        if length in self.train:
            return on_device(self.train[length].targets, generator.device)
        M = self.answer_length(length)
        return torch.cat([fit(batch.targets, M) for batch in self.train.values()]).to(generator.device)

    def _by_length(self, rows: Rows) -> dict[int, Batch]:
        inputs, answers = Ragged(rows.inputs), Ragged(rows.answers)
        found = {}
        for length in torch.unique(inputs.lengths).tolist():
            which = (inputs.lengths == length).nonzero()[:, 0]
            targets = answers.rows(which, self.answer_length(length), self.END)
            found[length] = Batch(inputs.rows(which, length, None), targets)
        return found

    def _share_out(self, rows: dict[int, Batch], test: dict[int, Batch] | None) -> Shares:
        trained = {n: batch for n, batch in rows.items() if self.min_length <= n <= self.max_length}
        if not trained:
            raise ValueError(
                f"no input has {self.min_length} to {self.max_length} symbols, the lengths to train on"
            )
        if test is not None:
            return Shares(trained, test, 0)
        limit = limit_of(torch.cat([sequence_hash(batch.inputs) for batch in trained.values()]))
        train: dict[int, Batch] = {}
        held_out = {n: batch for n, batch in rows.items() if n not in trained}  # nobody learns from these
        for length, batch in trained.items():
            is_held_out = sequence_hash(batch.inputs) < limit
            for side, which in ((train, ~is_held_out), (held_out, is_held_out)):
                if bool(which.any()):
                    side[length] = Batch(batch.inputs[which], batch.targets[which])
        return Shares(train, held_out, limit)


class Ragged:
    """A column, with rows of a length cut out of it."""

    def __init__(self, column: Column) -> None:
        self.ids = torch.frombuffer(column.ids, dtype=torch.int32)
        ends = torch.frombuffer(column.ends, dtype=torch.int64)
        self.starts = torch.cat([ends.new_zeros(1), ends[:-1]])
        self.lengths = ends - self.starts

    def rows(self, which: Tensor, width: int, end: int | None) -> Tensor:
        """Return some rows, int64 [B, width]; after a shorter one comes its `end`, then `IGNORE`."""
        at = torch.arange(width)
        places = (self.starts[which, None] + at).clamp(max=len(self.ids) - 1)
        lengths = self.lengths[which, None]
        found = self.ids[places].to(torch.int64).where(at < lengths, IGNORE)
        return found if end is None else torch.where(at == lengths, end, found)


def limit_of(hashes: Tensor) -> int:
    """Return the lowest hash of what is trained on: a tenth is held out, one at least and not all.

    Raises:
        ValueError: there are fewer than two different ones.
    """
    different = torch.unique(hashes)
    if len(different) < 2:
        raise ValueError("it takes two different inputs, one to train on and one to hold out")
    share = PRIME // HELD_OUT_SHARE
    count = int((different < share).sum())
    if 0 < count < len(different):
        return share
    return int(different[max(1, len(different) // HELD_OUT_SHARE)])


def choose(batch: Batch, count: int, generator: torch.Generator, *, again: bool) -> Batch:
    """Return some rows of a batch on the generator's device, some of them `again` or each once."""
    size, device = len(batch.inputs), generator.device
    if again:
        chosen = torch.randint(size, (count,), generator=generator, device=device)
    else:
        chosen = torch.randperm(size, generator=generator, device=device)[:count]
    return Batch(on_device(batch.inputs, device)[chosen], on_device(batch.targets, device)[chosen])


def some_of(batches: list[Batch], count: int, generator: torch.Generator) -> list[Batch]:
    """Return up to `count` rows of some batches, all as likely, by their batches."""
    sizes = [len(batch.inputs) for batch in batches]
    order = torch.randperm(sum(sizes), generator=generator, device=generator.device).cpu()
    chosen = torch.zeros(sum(sizes), dtype=torch.bool).scatter(0, order[:count], True)
    parts = zip(batches, torch.split(chosen, sizes), strict=True)
    return [Batch(b.inputs[which], b.targets[which]) for b, which in parts if bool(which.any())]


def fit(targets: Tensor, width: int) -> Tensor:
    """Return targets [B, M] cut or filled up to a width."""
    missing = targets.new_full((len(targets), max(0, width - targets.shape[1])), IGNORE)
    return torch.cat([targets[:, :width], missing], dim=1)

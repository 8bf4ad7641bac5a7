"""What every task shares: sampling, the held-out split, and symbols <-> ids.

A task is its target function; see `reversing.py` for how little one needs.

Axes: B batch, T position, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

IGNORE = -100  # a target that the loss doesn't count; the default of F.cross_entropy

# The hash of a sequence is a polynomial in a primitive root of a Mersenne prime. Every product of two
# residues stays below 2**62, so it is exact in int64 on every device and the same in every process.
PRIME = 2**31 - 1
ROOT = 16807
HELD_OUT_SHARE = 10  # one sequence in ten is held out
FEW = 10_000  # lengths with at most this many sequences are enumerated instead of sampled


class Batch(NamedTuple):
    """Sequences of one length with what a model should answer.

    `inputs` and `targets` are int64 [B, T]. Nothing is learned from a target of `IGNORE`.
    """

    inputs: Tensor
    targets: Tensor


class Task(ABC):
    """A sequence task over `vocab_size` symbols: for each position of the input, the symbol to answer.

    The held-out side is disjoint from the training side by construction: a hash of the whole sequence decides
    where it belongs, in every process alike.

    Raises:
        ValueError: the lengths or the symbols don't fit together.
    """

    def __init__(
        self,
        vocab_size: int = 10,
        min_length: int = 1,
        max_length: int = 20,
        symbols: Sequence[str] | None = None,
    ) -> None:
        self.symbols = tuple(symbols) if symbols is not None else tuple(map(str, range(vocab_size)))
        if len(self.symbols) != vocab_size or len(set(self.symbols)) != vocab_size:
            raise ValueError(f"{vocab_size} different symbols are needed, got {len(set(self.symbols))}")
        if not 1 <= min_length <= max_length:
            raise ValueError(f"lengths must satisfy 1 <= {min_length} <= {max_length}")
        self.vocab_size = vocab_size
        self.min_length = min_length
        self.max_length = max_length
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}

    @abstractmethod
    def target(self, inputs: Tensor) -> Tensor:
        """The right answer to `inputs` [B, T], as ids [B, T]."""

    def source(self, inputs: Tensor) -> Tensor | None:
        """The position in `inputs` [B, T] that each answer is read from, int64 [B, T], if there is one.

        Where a task can say, heads that look there can be told apart from those that don't.
        """
        return None

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        """A training batch on the generator's device, without waiting for it.

        More rows are drawn than needed and the held-out ones sorted away. Should too few be left, the
        held-out rows that remain carry `IGNORE` as their targets, so nothing is ever learned from them.
        """
        if self._has_few(length):
            candidates = self._training_side(length).to(generator.device)
            chosen = torch.randint(
                len(candidates), (batch_size,), generator=generator, device=generator.device
            )
            inputs = candidates[chosen]
            return Batch(inputs, self.target(inputs))
        candidates = self.draw(batch_size + batch_size // 4 + 8, length, generator)
        held_out = self.is_held_out(candidates)
        order = held_out.to(torch.uint8).argsort(stable=True)[:batch_size]
        inputs = candidates[order]
        targets = self.target(inputs).masked_fill(held_out[order, None], IGNORE)
        return Batch(inputs, targets)

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        """`count` held-out sequences; fewer, each once, where the task has no more of this length."""
        if self._has_few(length):
            kept = self._held_out_of(length).to(generator.device)
            shuffled = torch.randperm(len(kept), generator=generator, device=generator.device)
            inputs = kept[shuffled[:count]]
        else:
            found: list[Tensor] = []
            while sum(map(len, found)) < count:
                candidates = self.draw(count * HELD_OUT_SHARE, length, generator)
                found.append(candidates[self.is_held_out(candidates)])
            inputs = torch.cat(found)[:count]
        return Batch(inputs, self.target(inputs))

    def is_held_out(self, inputs: Tensor) -> Tensor:
        """Which rows of `inputs` [B, T] belong to the held-out side, as bool [B]."""
        return sequence_hash(inputs) < self._hash_limit(inputs.shape[1])

    def problem(self) -> str | None:
        """What is wrong with `target` and `source`, tried on a few sequences; None if nothing is."""
        inputs = torch.randint(
            self.vocab_size, (64, self.max_length), generator=torch.Generator().manual_seed(0)
        )
        inputs[0], inputs[1] = 0, self.vocab_size - 1
        answered: object = self.target(inputs.clone())
        if not isinstance(answered, Tensor):
            return f"target() must return a tensor, not {type(answered).__name__}"
        targets = answered
        if targets.shape != inputs.shape or targets.dtype != inputs.dtype:
            got = f"{targets.dtype} {list(targets.shape)}"
            return f"target() must return int64 {list(inputs.shape)}, not {got}"
        if not bool(((targets >= 0) & (targets < self.vocab_size)).all()):
            lowest, highest = int(targets.min()), int(targets.max())
            return f"target() must return ids from 0 to {self.vocab_size - 1}, not {lowest} to {highest}"
        source: object = self.source(inputs.clone())
        if source is None:
            return None
        if not isinstance(source, Tensor) or source.shape != inputs.shape or source.dtype != inputs.dtype:
            return f"source() must return int64 {list(inputs.shape)}, or None where there is no source"
        if not bool(((source >= 0) & (source < self.max_length)).all()):
            return f"source() must return positions from 0 to {self.max_length - 1}"
        return None

    def n_sequences(self, length: int) -> int:
        """How many sequences of this length exist."""
        count: int = self.vocab_size**length
        return count

    def n_held_out(self, length: int) -> int | None:
        """How many sequences of this length are held out; None where they are too many to count."""
        return len(self._held_out_of(length)) if self._has_few(length) else None

    def encode(self, text: str) -> list[int]:
        """Ids of symbols written with spaces between them; one-character symbols may also stand together.

        Raises:
            ValueError: no symbol, or one that the task doesn't have.
        """
        words = text.split()
        if len(words) == 1 and words[0] not in self._ids and all(c in self._ids for c in words[0]):
            words = list(words[0])
        if not words:
            raise ValueError("the sequence is empty")
        for word in words:
            if word not in self._ids:
                shown = " ".join(self.symbols[:20]) + (" ..." if self.vocab_size > 20 else "")
                raise ValueError(f"{word!r} is none of the symbols {shown}")
        return [self._ids[word] for word in words]

    def decode(self, ids: Sequence[int]) -> list[str]:
        """The symbols of `ids`."""
        return [self.symbols[i] for i in ids]

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """`count` sequences [B, T] of either side, every symbol equally likely."""
        return torch.randint(self.vocab_size, (count, length), generator=generator, device=generator.device)

    def _held_out_of(self, length: int) -> Tensor:
        return _both_sides(self.vocab_size, length)[1]

    def _training_side(self, length: int) -> Tensor:
        return _both_sides(self.vocab_size, length)[0]

    def _hash_limit(self, length: int) -> int:
        few = self._has_few(length)
        return _limit_of_few(self.vocab_size, length) if few else PRIME // HELD_OUT_SHARE

    def _has_few(self, length: int) -> bool:
        # Two symbols make more than FEW sequences from length 14 on; no need to count what is astronomical.
        return length < 14 and self.n_sequences(length) <= FEW


def positions(inputs: Tensor) -> Tensor:
    """0, 1, ..., T - 1 for each row of `inputs` [B, T], int64 [B, T]."""
    return torch.arange(inputs.shape[1], device=inputs.device).expand_as(inputs)


def sequence_hash(inputs: Tensor) -> Tensor:
    """A hash in [0, PRIME) of each row of `inputs` [B, T], the same on every device and in every process."""
    powers = _powers(inputs.shape[1], inputs.device)
    h = ((inputs + 1) * powers % PRIME).sum(dim=1) % PRIME
    # Squaring breaks the linearity of the polynomial: neighbours don't land on the same side together.
    return (h * h % PRIME) * ROOT % PRIME


@lru_cache(maxsize=1024)  # to move them to a GPU at each step would make the step wait
def _powers(length: int, device: torch.device) -> Tensor:
    return torch.tensor([pow(ROOT, i + 1, PRIME) for i in range(length)], device=device)


def all_sequences(vocab_size: int, length: int) -> Tensor:
    """Every sequence of this length, int64 [V**T, T]."""
    index = torch.arange(vocab_size**length)[:, None]
    return index // vocab_size ** torch.arange(length - 1, -1, -1) % vocab_size


@cache
def _both_sides(vocab_size: int, length: int) -> tuple[Tensor, Tensor]:
    """All sequences of a length that has few: those to train on, those held out."""
    everything = all_sequences(vocab_size, length)
    held_out = sequence_hash(everything) < _limit_of_few(vocab_size, length)
    return everything[~held_out], everything[held_out]


@cache
def _limit_of_few(vocab_size: int, length: int) -> int:
    """The limit that holds out the tenth of all sequences with the lowest hashes, and at least one."""
    hashes = sequence_hash(all_sequences(vocab_size, length)).sort().values
    return int(hashes[max(1, len(hashes) // HELD_OUT_SHARE)])

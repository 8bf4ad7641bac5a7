"""What every task shares: sampling, the held-out split, and symbols <-> ids.

A task is its target function; see `reversing.py` for how little one needs.

Axes: B batch, T position of the input, M position of the answer, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
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
MANY = 1_000  # lengths up to here are each tried for an answer
MAX_DRAWS = 20  # of ten times the held-out sequences that are asked for
PROBE = 2_000  # draws that tell whether a task with a form of its own has few


class Batch(NamedTuple):
    """Sequences of one length with what a model should answer.

    `inputs` [B, T] and `targets` [B, M] are int64. A target of `IGNORE` is neither learned from nor scored.
    """

    inputs: Tensor
    targets: Tensor


class Task(ABC):
    """A sequence task over `vocab_size` symbols: to each input an answer, by default as long as the input.

    A task with symbols of its own names them in `SYMBOLS`, and those of its answers in `ANSWERS` if they are
    others.

    The held-out side is disjoint from the training side by construction: a hash of the whole sequence decides
    where it belongs, in every process alike.

    Raises:
        ValueError: the lengths or the symbols don't fit together.
    """

    SYMBOLS: tuple[str, ...] | None = None  # None: as many as the user likes
    ANSWERS: tuple[str, ...] | None = None  # None: the symbols of the input
    END: int | None = None  # the id of the answer's last symbol, where answers may end early
    SHORTEST = 1  # input that makes sense

    def __init__(
        self,
        vocab_size: int | None = None,
        min_length: int = 1,
        max_length: int = 20,
        symbols: Sequence[str] | None = None,
    ) -> None:
        own = self.SYMBOLS
        if own is not None and (symbols is not None or vocab_size not in (None, len(own))):
            raise ValueError(f"its symbols are {' '.join(own)}; leave vocab_size and symbols out")
        symbols = symbols or own or [str(i) for i in range(vocab_size or 10)]
        self.symbols = tuple(symbols)
        self.answer_symbols = self.ANSWERS or self.symbols
        vocab_size = vocab_size or len(self.symbols)
        if len(self.symbols) != vocab_size or len(set(self.symbols)) != vocab_size:
            raise ValueError(f"{vocab_size} different symbols are needed, got {len(set(self.symbols))}")
        if not 1 <= min_length <= max_length:
            raise ValueError(f"lengths must satisfy 1 <= {min_length} <= {max_length}")
        if max_length < self.SHORTEST:
            raise ValueError(f"its inputs have at least {self.SHORTEST} symbols; max_length is {max_length}")
        self.vocab_size = vocab_size
        self.min_length = min_length
        self.max_length = max_length
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        self._few: dict[int, tuple[Tensor, Tensor] | None] = {}

    @abstractmethod
    def target(self, inputs: Tensor) -> Tensor:
        """Return the right answer to `inputs` [B, T], as ids [B, M] of `answer_symbols`.

        What comes after the end of a shorter answer is `IGNORE`.
        """

    def answer_length(self, length: int) -> int:
        """M, how many symbols the answer to an input of that length has."""
        return length

    def nearest_length(self, length: int) -> int:
        """Return the length that exists nearest to `length`, of those that inputs of the task have."""
        return max(length, self.SHORTEST)

    def valid(self, inputs: Tensor) -> Tensor:
        """Which rows of `inputs` [B, T] are inputs of this task, as bool [B]."""
        return torch.ones(len(inputs), dtype=torch.bool, device=inputs.device)

    def source(self, inputs: Tensor) -> Tensor | None:
        """Return the position in `inputs` [B, T] that each answer is read from, int64 [B, M], or None.

        Where a task can say, heads that look there can be told apart from those that don't.
        """
        return None

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        """Return a training batch on the generator's device.

        Nothing here waits for that device, though tasks may that compute in Python. More rows are drawn than
        needed and the held-out ones sorted away. Should too few be left, the held-out rows that remain carry
        `IGNORE` as their targets, so nothing is ever learned from them.
        """
        length = self.nearest_length(length)
        if sides := self._sides(length):
            inputs = self._choose(sides[0].to(generator.device), batch_size, generator)
            return Batch(inputs, self.target(inputs))
        candidates = self.draw(batch_size + batch_size // 4 + 8, length, generator)
        held_out = self.is_held_out(candidates)
        order = held_out.to(torch.uint8).argsort(stable=True)[:batch_size]
        inputs = candidates[order]
        targets = self.target(inputs).masked_fill(held_out[order, None], IGNORE)
        return Batch(inputs, targets)

    def _choose(self, candidates: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """`count` rows of `candidates` [B, T], some of them again, as often as `draw` would give them."""
        likelihood = self.likelihood(candidates)
        if likelihood is None:
            size, device = (count,), generator.device
            return candidates[torch.randint(len(candidates), size, generator=generator, device=device)]
        return candidates[torch.multinomial(likelihood, count, replacement=True, generator=generator)]

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        """`count` held-out sequences; fewer, each once, where the task has no more of this length."""
        length = self.nearest_length(length)
        if sides := self._sides(length):
            kept = sides[1].to(generator.device)
            shuffled = torch.randperm(len(kept), generator=generator, device=generator.device)
            inputs = kept[shuffled[:count]]
        else:
            inputs = self._draw_held_out(count, length, generator)
        return Batch(inputs, self.target(inputs))

    def _draw_held_out(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """Up to `count` held-out sequences, each once: fewer where many draws find no more."""
        found = torch.zeros(0, length, dtype=torch.int64, device=generator.device)
        for _ in range(MAX_DRAWS):
            candidates = self.draw(count * HELD_OUT_SHARE, length, generator)
            found = first_of_each(torch.cat([found, candidates[self.is_held_out(candidates)]]))
            if len(found) >= count:
                break
        return found[:count]

    def is_held_out(self, inputs: Tensor) -> Tensor:
        """Which rows of `inputs` [B, T] belong to the held-out side, as bool [B]."""
        sides = self._sides(inputs.shape[1])
        limit = PRIME // HELD_OUT_SHARE if sides is None else sequence_hash(sides[1]).max() + 1
        return sequence_hash(inputs) < limit

    def problem(self) -> str | None:
        """Return what is wrong with the task, tried on a few sequences; None if nothing is."""
        for length in {
            self.nearest_length(n) for n in range(self.min_length, min(self.max_length, MANY) + 1)
        }:
            count: object = self.answer_length(length)
            if not isinstance(count, int) or count < 1:
                return f"answer_length() must return a whole number from 1 on, not {count} for {length}"
        length = self.nearest_length(self.max_length)
        inputs = self.draw(62, length, torch.Generator().manual_seed(0))
        if list(inputs.shape) != [62, length] or not bool(self.valid(inputs).all()):
            return f"draw() must return [62, {length}] of what valid() takes"
        extremes = torch.tensor([[0], [self.vocab_size - 1]]).expand(-1, length)
        inputs = torch.cat([extremes[self.valid(extremes)], inputs])
        shape, highest = [len(inputs), self.answer_length(length)], len(self.answer_symbols) - 1
        answered: object = self.target(inputs.clone())
        if not isinstance(answered, Tensor):
            return f"target() must return a tensor, not {type(answered).__name__}"
        targets = answered
        if list(targets.shape) != shape or targets.dtype != inputs.dtype:
            return f"target() must return int64 {shape}, not {targets.dtype} {list(targets.shape)}"
        if not bool((targets != IGNORE).any(1).all()):
            return f"target() must return an answer to each input, not only {IGNORE}"
        targets = targets[targets != IGNORE]
        if not bool(((targets >= 0) & (targets <= highest)).all()):
            found = f"{int(targets.min())} to {int(targets.max())}"
            return f"target() must return ids from 0 to {highest}, not {found}"
        source: object = self.source(inputs.clone())
        if source is None:
            return None
        if not isinstance(source, Tensor) or list(source.shape) != shape or source.dtype != inputs.dtype:
            return f"source() must return int64 {shape}, or None where there is no source"
        if not bool(((source >= 0) & (source < length)).all()):
            return f"source() must return positions from 0 to {length - 1}"
        return None

    def n_sequences(self, length: int) -> int:
        """How many sequences of this length exist; where they are too many to count, of any symbols."""
        sides = self._sides(self.nearest_length(length))
        count: int = self.vocab_size ** self.nearest_length(length) if sides is None else sum(map(len, sides))
        return count

    def n_held_out(self, length: int) -> int | None:
        """How many sequences of this length are held out; None where they are too many to count."""
        sides = self._sides(self.nearest_length(length))
        return None if sides is None else len(sides[1])

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
        ids = [self._ids[word] for word in words]
        if not bool(self.valid(torch.tensor([ids]))):
            generator = torch.Generator().manual_seed(0)
            example = self.decode(
                self.draw(1, self.nearest_length(min(7, self.max_length)), generator)[0].tolist()
            )
            raise ValueError(
                f"{' '.join(words)!r} isn't of the form that this task reads, as is {' '.join(example)!r}"
            )
        return ids

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Return the symbols of the input that `ids` stand for."""
        return [self.symbols[i] for i in ids]

    def decode_answer(self, ids: Sequence[int]) -> list[str]:
        """Return the symbols of the answer that `ids` stand for."""
        return [self.answer_symbols[i] for i in ids]

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """`count` sequences [B, T] of either side, all equally likely unless a task says otherwise."""
        return torch.randint(self.vocab_size, (count, length), generator=generator, device=generator.device)

    def likelihood(self, inputs: Tensor) -> Tensor | None:
        """How likely `draw` is to give each row of `inputs` [B, T], up to a factor, as float [B].

        None if all are equally likely. Only lengths that are enumerated ask for it, so that they are sampled
        as longer ones are.
        """
        return None

    def _sides(self, length: int) -> tuple[Tensor, Tensor] | None:
        """All sequences of a length that has few: those to train on, those held out; None if it has many."""
        if length not in self._few:
            everything = self._all(length)
            self._few[length] = None if everything is None else split(everything)
        return self._few[length]

    def _all(self, length: int) -> Tensor | None:
        # Two symbols make more than FEW sequences from length 14 on; no need to count what is astronomical.
        if length < 14 and self.vocab_size**length <= FEW:
            everything = all_sequences(self.vocab_size, length)
            return everything[self.valid(everything)]
        if length >= 14 or type(self).draw is Task.draw:
            return None
        # A task with a form of its own may have few all the same; then many draws find each of them.
        drawn = torch.unique(self.draw(PROBE, length, torch.Generator().manual_seed(0)), dim=0)
        return drawn if len(drawn) <= PROBE // 10 else None


def positions(inputs: Tensor) -> Tensor:
    """0, 1, ..., T - 1 for each row of `inputs` [B, T], int64 [B, T]."""
    return torch.arange(inputs.shape[1], device=inputs.device).expand_as(inputs)


def first_of_each(inputs: Tensor) -> Tensor:
    """Return the rows of `inputs` [B, T] in their order, without those that stood before."""
    _, which = torch.unique(inputs, dim=0, return_inverse=True)
    first = torch.full_like(which, len(which)).scatter_reduce(
        0, which, torch.arange(len(which), device=which.device), "amin"
    )
    return inputs[first[first < len(which)].sort().values]


def sequence_hash(inputs: Tensor) -> Tensor:
    """Return a hash in [0, PRIME) of each row of `inputs` [B, T], the same on every device and machine."""
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


def split(everything: Tensor) -> tuple[Tensor, Tensor]:
    """Those to train on of all sequences [B, T] of a length, two or more, and the tenth of lowest hashes."""
    order = sequence_hash(everything).argsort()
    held_out = torch.zeros(len(everything), dtype=torch.bool)
    held_out[order[: max(1, len(everything) // HELD_OUT_SHARE)]] = True
    return everything[~held_out], everything[held_out]

"""What every task shares: sampling, the held-out split, and symbols <-> ids.

A task is its target function; see `reversing.py` for how little one needs.

Axes: B batch, T position of the input, M position of the answer, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from . import symbols as rules
from . import typed
from .copies import on_device
from .splitting import (
    HELD_OUT_SHARE,
    PRIME,
    Sides,
    all_sequences,
    as_ids,
    first_of_each,
    sequence_hash,
    split,
)

IGNORE = -100  # a target that the loss doesn't count; the default of F.cross_entropy

FEW = 10_000  # lengths with at most this many sequences are enumerated instead of sampled
MAX_DRAWS = 20  # of ten times the held-out sequences that are asked for
PROBE = 2_000  # draws that tell whether a task with a form of its own has few


class Batch(NamedTuple):
    """Sequences with what a model should answer.

    `inputs` [B, T] and `targets` [B, M] are int64; of a task with `N_FEATURES`, `inputs` are float32
    [B, T, P]. A target of `IGNORE` is neither learned from nor scored.
    Where sequences are of mixed lengths, `may_attend` [B, T] is False for what only fills up.
    """

    inputs: Tensor
    targets: Tensor
    may_attend: Tensor | None = None


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
    N_FEATURES: int | None = None  # P, the numbers that a token of the input is made of; None: symbols are
    END: int | None = None  # the id of the answer's last symbol, where answers may end early
    SHORTEST = 1  # input that makes sense
    DRAWS = True  # whether sequences can be drawn, and the right answers to some are known
    predicts_next = False  # whether each token's answer is about what comes after it, which it may not see

    def __init__(
        self,
        vocab_size: int | None = None,
        min_length: int = 1,
        max_length: int = 20,
        symbols: Sequence[str] | None = None,
    ) -> None:
        own = self.SYMBOLS
        chosen = symbols if symbols is not None else own
        self.symbols = tuple(map(str, range(vocab_size or 10)) if chosen is None else chosen)
        self.answer_symbols = self.symbols if self.ANSWERS is None else tuple(self.ANSWERS)
        if problem := rules.find_problem(self.symbols, at_least=2 if self.N_FEATURES is None else 1):
            raise ValueError(f"its symbols: {problem}")
        if problem := rules.find_problem(self.answer_symbols, at_least=1):
            raise ValueError(f"the symbols of its answers: {problem}")
        if own is not None and (symbols is not None or vocab_size not in (None, len(own))):
            raise ValueError(f"its symbols are {' '.join(own)}; leave vocab_size and symbols out")
        vocab_size = vocab_size or len(self.symbols)
        if len(self.symbols) != vocab_size:
            raise ValueError(f"{vocab_size} different symbols are needed, got {len(self.symbols)}")
        if not 1 <= min_length <= max_length:
            raise ValueError(f"lengths must satisfy 1 <= {min_length} <= {max_length}")
        if max_length < self.SHORTEST:
            raise ValueError(f"its inputs have at least {self.SHORTEST} symbols; max_length is {max_length}")
        self.vocab_size = vocab_size
        self.min_length = min_length
        self.max_length = max_length
        self._ids = {rules.normalize(symbol): i for i, symbol in enumerate(self.symbols)}
        self._few: dict[int, Sides | None] = {}

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

    def has_length(self, length: int) -> bool:
        """Whether inputs of the task have that length."""
        return self.nearest_length(length) == length

    def valid(self, inputs: Tensor) -> Tensor:
        """Which rows of `inputs` [B, T] are inputs of this task, as bool [B]."""
        return torch.ones(len(inputs), dtype=torch.bool, device=inputs.device)

    def source(self, inputs: Tensor) -> Tensor | None:
        """Return the position in `inputs` [B, T] that each answer is read from, int64 [B, M], or None.

        Where a task can say, heads that look there can be told apart from those that don't. `IGNORE` stands
        for an answer that is read from no one position.
        """
        return None

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        """Return a training batch on the generator's device.

        Nothing here waits for that device once a length has been met, but tasks that compute in Python may.
        More rows are drawn than needed and the held-out ones sorted away. Should too few be left, some come
        again; should none be left, the held-out rows carry `IGNORE` as their targets, so nothing is ever
        learned from them.
        """
        length, device = self.nearest_length(length), generator.device
        sides = self.sides(length)
        if sides and self._declares_chances():
            inputs = self._choose(on_device(sides.train, device), batch_size, generator, again=True)
            return Batch(inputs, self.target(inputs.clone()))
        candidates = self.draw(batch_size + batch_size // 4 + 8, length, generator)
        if sides:  # then all of them may be held out, and one that isn't is at hand
            candidates = torch.cat([candidates, on_device(sides.train, device)[:1]])
        held_out = self.is_held_out(candidates)
        if device.type == "cpu":  # which nobody has to wait for
            inputs = candidates[~held_out][:batch_size]
            if len(inputs) == batch_size:
                return Batch(inputs, self.target(inputs.clone()))
        left = (~held_out).sum().clamp(min=1)
        order = held_out.to(torch.uint8).argsort(stable=True)[torch.arange(batch_size, device=device) % left]
        inputs = candidates[order]
        targets = self.target(inputs.clone()).masked_fill(held_out[order, None], IGNORE)
        return Batch(inputs, targets)

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        """`count` held-out sequences; fewer, each once, where the task has no more of this length."""
        length = self.nearest_length(length)
        sides = self.sides(length)
        if sides and (len(sides.held_out) <= count or self._declares_chances()):
            kept = on_device(sides.held_out, generator.device)
            inputs = self._choose(kept, min(count, len(kept)), generator, again=False)
        else:
            inputs = self._draw_held_out(count, length, generator)
        return Batch(inputs, self.target(inputs.clone()))

    def training_set(self, count: int | None, generator: torch.Generator) -> list[Batch] | None:
        """All there is to train on, by length, or `count` sequences of it; None where it has no end."""
        if count is None:
            return None
        lengths = torch.randint(self.min_length, self.max_length + 1, (count,), generator=generator)
        found = []
        for length, share in zip(*torch.unique(lengths, return_counts=True), strict=True):
            batch = self.sample(int(share), int(length), generator)
            found.append(Batch(batch.inputs, batch.targets))
        return found

    def held_out_set(self, count: int, generator: torch.Generator) -> list[Batch] | None:
        """`count` held-out sequences as they are met in training; None where all lengths are met alike."""
        return None

    def renew(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return a batch of the training set as it is learned from this time."""
        return batch

    def blind_targets(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """About `count` answers [B, M] to inputs of a length, to learn from what can be guessed blindly."""
        return self.sample(count, length, generator).targets

    def text_to_count(self, generator: torch.Generator) -> Tensor | None:
        """Return what n-grams are counted in, int64 [B, N]; None where answers don't go on with the input."""
        return None

    def _declares_chances(self) -> bool:
        """Whether it is known without drawing how likely `draw` gives each sequence."""
        return type(self).draw is Task.draw or type(self).likelihood is not Task.likelihood

    def _choose(self, candidates: Tensor, count: int, generator: torch.Generator, *, again: bool) -> Tensor:
        """`count` rows of `candidates` [B, T], as `draw` gives them, some of them `again` or each once."""
        likelihood, size, device = self.likelihood(candidates), len(candidates), generator.device
        if likelihood is not None:
            chosen = torch.multinomial(likelihood, count, replacement=again, generator=generator)
        elif again:
            chosen = torch.randint(size, (count,), generator=generator, device=device)
        else:
            chosen = torch.randperm(size, generator=generator, device=device)[:count]
        return candidates[chosen]

    def _draw_held_out(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """Up to `count` held-out sequences, each once: fewer where many draws find no more."""
        parts: list[Tensor] = []
        for _ in range(MAX_DRAWS):
            candidates = self.draw(count * HELD_OUT_SHARE, length, generator)
            parts = [first_of_each(torch.cat([*parts, candidates[self.is_held_out(candidates)]]))]
            if len(parts[0]) >= count:
                break
        return parts[0][:count]

    def is_held_out(self, inputs: Tensor) -> Tensor:
        """Which rows of `inputs` [B, T] belong to the held-out side, as bool [B]."""
        sides = self.sides(inputs.shape[1])
        return sequence_hash(as_ids(inputs)) < (PRIME // HELD_OUT_SHARE if sides is None else sides.limit)

    def n_sequences(self, length: int) -> int:
        """How many sequences of this length exist; where they are too many to count, of any symbols."""
        sides = self.sides(self.nearest_length(length))
        if sides is None or not sides.complete:
            return int(self.vocab_size ** self.nearest_length(length))
        return len(sides.train) + len(sides.held_out)

    def n_held_out(self, length: int) -> int | None:
        """How many sequences of this length are held out; None where they can't be counted.

        What many draws give is no count: there may be others that are rare.
        """
        sides = self.sides(self.nearest_length(length))
        return len(sides.held_out) if sides and sides.complete else None

    def fill(self, inputs: Tensor, answer: Tensor) -> Tensor:
        """Return what is shown of the `answer` [M] to `inputs` [T], as ids [M]."""
        return answer

    def parse(self, text: str) -> Tensor:
        """Return the input that a text stands for, int64 [T], or float32 [T, P] with `N_FEATURES`.

        Raises:
            ValueError: it stands for none.
        """
        if self.N_FEATURES is not None:
            raise ValueError("its tokens are made of numbers, and its class has no parse(text) to read them")
        return torch.tensor(self.encode(text))

    def show(self, inputs: Tensor) -> list[str]:
        """Return what people read for each token of `inputs` [T], or [T, P]; of numbers, their place."""
        if self.N_FEATURES is not None:
            return [f"#{i}" for i in range(len(inputs))]
        return self.decode(inputs.tolist())

    def picture(self, inputs: Tensor) -> list[list[float]] | None:
        """Return `inputs` [T, P] as rows of pixels, from 0 to 1; None where they are no picture."""
        return None

    def encode(self, text: str) -> list[int]:
        """Ids of symbols written with spaces or commas between them, or together if they can be told apart.

        Raises:
            ValueError: no symbol, or one that the task doesn't have.
        """
        ids = self.encode_prompt(text)
        if not self.has_length(len(ids)) or not bool(self.valid(torch.tensor([ids]))):
            generator = torch.Generator().manual_seed(0)
            example = self.decode(
                self.draw(1, self.nearest_length(min(7, self.max_length)), generator)[0].tolist()
            )
            read, typical = " ".join(self.decode(ids)), " ".join(example)
            raise ValueError(f"{read!r} isn't of the form that this task reads, as is {typical!r}")
        return ids

    def encode_prompt(self, text: str) -> list[int]:
        """Ids of symbols that a sequence may begin with, written as for `encode`.

        Raises:
            ValueError: no symbol, or one that the task doesn't have.
        """
        words = self.read_words(text)
        if not words:
            raise ValueError("the sequence is empty")
        for word in words:
            if word not in self._ids:
                shown = " ".join(self.symbols[:20]) + (" ..." if self.vocab_size > 20 else "")
                raise ValueError(typed.explain_unknown(word, self._ids, shown))
        return [self._ids[word] for word in words]

    def read_words(self, text: str) -> list[str]:
        """Return the symbols that were typed, as far as they can be told."""
        return typed.read_typed(text, self._ids)

    def text_of(self, ids: Sequence[int]) -> str:
        """Return what ids stand for as one reads it, ready to be gone on with."""
        return "".join(f"{symbol} " for symbol in self.decode(ids))

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

    def sides(self, length: int) -> Sides | None:
        """Both sides of a length that has few sequences; None if it has many."""
        if length not in self._few:
            self._few[length] = self._split(length)
        return self._few[length]

    def _split(self, length: int) -> Sides | None:
        # Two symbols make more than FEW sequences from length 14 on; no need to count what is astronomical.
        if length >= 14 or self.N_FEATURES is not None:
            return None
        has_form, tells_form = type(self).draw is not Task.draw, type(self).valid is not Task.valid
        if self.vocab_size**length <= FEW and (tells_form or not has_form):
            everything = all_sequences(self.vocab_size, length)
            everything = everything[self.valid(everything.clone())]
            likelihood = self.likelihood(everything.clone())
            return split(everything if likelihood is None else everything[likelihood > 0], complete=True)
        if not has_form:
            return None
        # What draw gives is all that is known of the form: nothing else is trained on or scored. The task may
        # have few all the same; then many draws find each of them, but for what is rare.
        drawn = torch.unique(self.draw(PROBE, length, torch.Generator().manual_seed(0)), dim=0)
        return split(drawn, complete=False) if len(drawn) <= PROBE // 10 else None


def positions(inputs: Tensor) -> Tensor:
    """0, 1, ..., T - 1 for each row of `inputs` [B, T], int64 [B, T]."""
    return torch.arange(inputs.shape[1], device=inputs.device).expand_as(inputs)

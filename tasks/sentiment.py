"""Sentiment: answer whether a short review is negative or positive.

Axes: B batch, T position of the input, F form.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from .base import Task, positions
from .forms import Forms, make_forms
from .splitting import HELD_OUT_SHARE, sequence_hash

# In capitals the slots of a frame. Those of + and - are one slot, for a word of either polarity.
WORDS: dict[str, tuple[str, ...]] = {
    "NEGATOR": ("not", "never", "hardly", "far", "less", "no", "nothing", "nobody"),
    "CONJUNCTION": ("and", "but", "although"),
    "OTHER": ("the", "was", "a", "from", "than", "always", "i", "would", "say"),
    "NOUN": ("plot", "script", "cast", "acting", "dialogue", "music", "pacing", "ending"),
    "VERY": ("very", "really", "truly", "quite"),
    "ADJECTIVE+": ("good", "great", "funny", "clever", "moving", "brilliant", "charming", "gripping"),
    "ADJECTIVE-": ("bad", "dull", "boring", "clumsy", "awful", "tedious", "shallow", "predictable"),
    "THING+": ("masterpiece", "triumph", "delight", "gem"),
    "THING-": ("disaster", "mess", "failure", "bore"),
}
SLOTS = ("NOUN", "VERY", "ADJECTIVE", "THING")
SYMBOLS = tuple(itertools.chain(*WORDS.values()))
IDS = {name: range(SYMBOLS.index(words[0]), SYMBOLS.index(words[-1]) + 1) for name, words in WORDS.items()}
ALTHOUGH = SYMBOLS.index("although")

PREDICATES = (
    "ADJECTIVE",
    "VERY ADJECTIVE",
    "always ADJECTIVE",
    "always VERY ADJECTIVE",
    "a THING",
    "always a THING",
    "not ADJECTIVE",
    "not VERY ADJECTIVE",
    "never ADJECTIVE",
    "never VERY ADJECTIVE",
    "hardly ADJECTIVE",
    "far from ADJECTIVE",
    "less than ADJECTIVE",
    "not a THING",
    "hardly a THING",
    "never a THING",
    "no THING",
    "far from a THING",
    "never not ADJECTIVE",
    "never less than ADJECTIVE",
    "nothing less than ADJECTIVE",
    "never less than a THING",
    "nothing less than a THING",
)
OPENINGS = ("", "i would say ", "i would not say ", "nobody would say ")


class Sentiment(Task):
    """the plot was not very good -> negative. One answer: what a review comes to; it is read word by word.

    A word of praise or blame counts as it is after an even number of negators (not, never, hardly, far from,
    less than, no, nothing, nobody), and as its opposite after an odd one; very and always change nothing. Of
    two clauses the one after `and` or `but` decides, and with `although` the one before it. Clauses agree
    with `and`, and contradict each other with the others.

    Held out are frames, not sentences: a frame has slots for nouns, intensifiers, adjectives and things, and
    no word has ever been trained on in a frame that is held out. Of each length a tenth of the frames is, by
    their hashes, of those with negators as of those without, at least one of either.

    Half of the sentences of a length have negators. All frames of either half are equally likely, and so are
    both answers in each frame.
    """

    SYMBOLS = SYMBOLS
    ANSWERS = ("negative", "positive")
    SHORTEST = 2  # one word makes one frame, and none to hold out

    def answer_length(self, length: int) -> int:
        return 1

    def nearest_length(self, length: int) -> int:
        return min(max(length, self.SHORTEST), max(frames_by_length()))

    def valid(self, inputs: Tensor) -> Tensor:
        if inputs.shape[1] != self.nearest_length(inputs.shape[1]):
            return inputs.new_zeros(len(inputs), dtype=torch.bool)
        return sentences_of_length(inputs.shape[1], inputs.device).forms.match(inputs).any(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        sentences = sentences_of_length(length, generator.device)
        which = torch.multinomial(sentences.likelihood, count, replacement=True, generator=generator)
        return sentences.forms.fill(which, generator)

    def sides(self, length: int) -> None:
        """No length lists its sentences: the frame alone tells the side of each."""

    def is_held_out(self, inputs: Tensor) -> Tensor:
        sentences = sentences_of_length(inputs.shape[1], inputs.device)
        return torch.isin(sequence_hash(frames_of(inputs)), sentences.held_out)

    def target(self, inputs: Tensor) -> Tensor:
        flips = is_of(inputs, "NEGATOR") | is_of(inputs, "ADJECTIVE-") | is_of(inputs, "THING-")
        return 1 - (flips & decides(inputs)).sum(1, keepdim=True) % 2

    def source(self, inputs: Tensor) -> Tensor:
        """Return where the word of praise or blame stands in the clause that decides."""
        return (is_polar(inputs) & decides(inputs)).long().argmax(1, keepdim=True)


def is_of(inputs: Tensor, name: str) -> Tensor:
    """Which of `inputs` [B, T] are words of that name, as bool [B, T]."""
    ids = IDS[name]
    return (inputs >= ids.start) & (inputs < ids.stop)


def is_polar(inputs: Tensor) -> Tensor:
    """Which of `inputs` [B, T] are words of praise or blame, as bool [B, T]."""
    return inputs >= IDS["ADJECTIVE+"].start


def decides(inputs: Tensor) -> Tensor:
    """Which of `inputs` [B, T] are in the clause that decides, as bool [B, T]."""
    at = positions(inputs)
    joint = at.masked_fill(~is_of(inputs, "CONJUNCTION"), -1).amax(1, keepdim=True)
    return torch.where((inputs == ALTHOUGH).any(1, keepdim=True), at < joint, at > joint)


def frames_of(inputs: Tensor) -> Tensor:
    """Return the frames of `inputs` [B, T], int64 [B, T]: in each slot the first of the words that fit."""
    return first_of_slot(inputs.device)[inputs]


class Sentences(NamedTuple):
    """The sentences of a length: their forms, how likely each is, [F], and the hashes of held-out frames."""

    forms: Forms
    likelihood: Tensor
    held_out: Tensor


@lru_cache(maxsize=64)
def sentences_of_length(length: int, device: torch.device) -> Sentences:
    """Return the sentences of that many words."""
    frames = frames_by_length()[length]
    rows = [words_of(signed) for frame in frames for signed in signed_frames(frame)]  # two of each frame
    forms = make_forms(rows, device)
    hashes = sequence_hash(frames_of(forms.lowest[::2]))
    negated = is_of(forms.lowest[::2], "NEGATOR").any(1)
    likelihood = torch.where(negated, 0.5 / negated.sum(), 0.5 / (~negated).sum()).repeat_interleave(2)
    held_out = [tenth(hashes[side]) for side in (negated, ~negated)]
    return Sentences(forms, likelihood, torch.cat(held_out))


def tenth(hashes: Tensor) -> Tensor:
    """Return the lowest tenth of some hashes, at least one."""
    return hashes.sort().values[: max(1, len(hashes) // HELD_OUT_SHARE)]


@lru_cache(maxsize=64)
def first_of_slot(device: torch.device) -> Tensor:
    """Return for each symbol the first that fits where it does, int64 [V]."""
    first = torch.arange(len(SYMBOLS))
    for name, ids in IDS.items():
        if (slot := name.rstrip("+-")) in SLOTS:
            first[ids.start : ids.stop] = (IDS.get(slot) or IDS[f"{slot}+"]).start
    return first.to(device)


@lru_cache(maxsize=1)
def frames_by_length() -> dict[int, list[str]]:
    """Return all frames by their length, from `SHORTEST` on."""
    found: dict[int, list[str]] = {}
    for frame in all_frames():
        found.setdefault(len(frame.split()), []).append(frame)
    return {length: frames for length, frames in found.items() if length >= Sentiment.SHORTEST}


def all_frames() -> Iterator[str]:
    """Yield a predicate or a clause, alone or before another one."""
    clauses = [f"{opening}the NOUN was {predicate}" for opening in OPENINGS for predicate in PREDICATES]
    plain = clauses[: len(PREDICATES)]
    yield from (*PREDICATES, *clauses)
    for conjunction in WORDS["CONJUNCTION"]:
        for first, second in (
            *itertools.product(PREDICATES, PREDICATES),
            *itertools.product(plain, (*PREDICATES, *clauses)),
        ):
            yield f"{first} {conjunction} {second}"


def signed_frames(frame: str) -> Iterator[list[str]]:
    """Yield the frame's words with a polarity for each slot that has one: once negative, once positive."""
    words = frame.split()
    at = next((i for i, word in enumerate(words) if word in WORDS["CONJUNCTION"]), len(words))
    agree = words[at : at + 1] in ([], ["and"])
    for praises in (False, True):
        first, second = words[:at], words[at:]
        yield [*with_polarity(first, praises), *with_polarity(second, praises if agree else not praises)]


def with_polarity(clause: Sequence[str], praises: bool) -> list[str]:
    """Return a clause with that polarity for its word of praise or blame which makes it praise, or not."""
    negated = sum(word in WORDS["NEGATOR"] for word in clause) % 2 == 1
    sign = "+" if praises != negated else "-"
    return [word + sign if word in ("ADJECTIVE", "THING") else word for word in clause]


def words_of(signed: Sequence[str]) -> list[range]:
    """Return the ids that may stand at each position of a frame."""
    return [IDS.get(word) or range(SYMBOLS.index(word), SYMBOLS.index(word) + 1) for word in signed]

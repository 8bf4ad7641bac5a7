"""Pairs of a user's own: the rows of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import symbols as rules
from .listed_pairs import ListedPairs, Rows


class Form(NamedTuple):
    """What a user's pairs have in common, known without their file."""

    symbols: Sequence[str]
    answers: Sequence[str]  # their symbols
    end_symbol: str | None = None  # the last of each answer, if they have one
    answer_lengths: Sequence[Sequence[int]] | None = None  # (length, M from there on); None: as the input


class OwnPairs(ListedPairs):
    """Inputs and answers of a file. A hash holds a tenth of the inputs out, or another file has them.

    Args:
        load: returns the rows of the file, and of the other one if there is one, when they are first needed;
            None where they aren't `required` and can't be had.
    """

    def __init__(
        self,
        form: Form,
        min_length: int,
        max_length: int,
        load: Callable[[bool], tuple[Rows, Rows | None] | None],
    ) -> None:
        super().__init__(None, min_length, max_length, form.symbols)
        self.answer_symbols = tuple(form.answers)
        if problem := rules.find_problem(self.answer_symbols, at_least=1):
            raise ValueError(f"the symbols of its answers: {problem}")
        self.END = None if form.end_symbol is None else self.answer_symbols.index(form.end_symbol)
        self.steps = form.answer_lengths
        self.load_files = load

    def load(self, required: bool) -> tuple[Rows, Rows | None] | None:
        return self.load_files(required)

    def answer_length(self, length: int) -> int:
        """M: the longest answer of inputs up to that length; of longer ones than there are, in proportion."""
        if self.steps is None:
            return length
        known = [count for start, count in self.steps if start <= length]
        longest_known, last = self.steps[-1]
        if length > max(longest_known, self.max_length) and last > 1:
            return -(-last * length // max(longest_known, self.max_length))
        return known[-1] if known else self.steps[0][1]

    def nearest_length(self, length: int) -> int:
        lengths = self.shares(required=False)
        there = () if lengths is None else lengths.held_out
        return min(there, key=lambda known: (abs(known - length), known), default=length)

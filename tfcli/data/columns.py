"""Sequences of symbols in little memory: their ids one after the other, and where each ends."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tfcli import registry
from tfcli.errors import did_you_mean

MOST_SYMBOLS = 16_000  # different ones of a file
MOST_TOKENS = 50_000_000  # of a file


class DataError(ValueError):
    """What is wrong with a line, without where it stands."""


@dataclass
class Vocabulary:
    """The symbols of a file, numbered as they come; or those that are known, and no others.

    Args:
        known: the only symbols that there may be.
    """

    known: Sequence[str] | None = None
    ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.known is not None:
            self.ids = {symbol: i for i, symbol in enumerate(self.known)}

    def number(self, symbols: Iterable[str]) -> list[int]:
        """Return the ids of symbols.

        Raises:
            DataError: one isn't known, or can't be a symbol, or there are too many different ones.
        """
        found = []
        for symbol in symbols:
            number = self.ids.get(symbol)
            found.append(self.add(symbol) if number is None else number)
        return found

    def add(self, symbol: str) -> int:
        """Return the id of a symbol that hasn't come before.

        Raises:
            DataError: as `number`.
        """
        if self.known is not None:
            near = did_you_mean(symbol, self.known)
            raise DataError(f"{symbol!r} is none of the {len(self.known):,} symbols that are known{near}")
        if problem := registry.find_problem_of_symbols([symbol, f"{symbol}+"]):
            raise DataError(problem)
        if len(self.ids) == MOST_SYMBOLS:
            raise DataError(
                f"{symbol!r} is symbol number {MOST_SYMBOLS + 1:,}, and there may be {MOST_SYMBOLS:,};"
                " task.tokens=characters has fewer"
            )
        self.ids[symbol] = len(self.ids)
        return self.ids[symbol]

    def sort(self) -> list[int]:
        """Give the symbols numbers by their order, not that of the lines; return the new one of each."""
        if self.known is not None:
            return list(range(len(self.ids)))
        ordered = sorted(self.ids, key=order_of)
        new = [0] * len(ordered)
        for number, symbol in enumerate(ordered):
            new[self.ids[symbol]] = number
        self.ids = {symbol: number for number, symbol in enumerate(ordered)}
        return new

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols by their ids."""
        return tuple(self.ids)


def order_of(symbol: str) -> tuple[int, int, str]:
    """Whole numbers come first, by their value."""
    if symbol.isascii() and symbol.isdigit() and len(symbol) < 20:
        return 0, int(symbol), symbol
    return 1, 0, symbol


@dataclass
class Column:
    """Sequences of ids: sequence i has those from `ends[i - 1]` to `ends[i]`."""

    ids: array[int] = field(default_factory=lambda: array("i"))
    ends: array[int] = field(default_factory=lambda: array("q"))

    def append(self, ids: Sequence[int]) -> None:
        """Add a sequence.

        Raises:
            DataError: there would be too many tokens.
        """
        if len(self.ids) + len(ids) > MOST_TOKENS:
            raise DataError(f"there are more than {MOST_TOKENS:,} symbols, which are read at most")
        self.ids.extend(ids)
        self.ends.append(len(self.ids))

    def __len__(self) -> int:
        return len(self.ends)

    def lengths(self) -> Iterable[int]:
        """Yield how long each sequence is."""
        start = 0
        for end in self.ends:
            yield end - start
            start = end

    def renumber(self, new: Sequence[int]) -> None:
        """Exchange each id for its new one."""
        if any(i != number for i, number in enumerate(new)):
            self.ids = array("i", map(new.__getitem__, self.ids))

"""What a sweep varies, as people write it: `model.positions=rotary,ends`, `train.seed=0:4`, `[a,b],[c]`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfcli.errors import UsageError

SEED = "train.seed"  # over which settings are grouped
WIDE = 10  # times the first end of a range: from there on it is drawn from by its logarithm
BRACKETS = {"[": "]", "{": "}"}
MOST_DIGITS = 18  # of a whole number
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
FORM = "write KEY=A,B,C or KEY=FIRST:LAST; a value with a comma of its own in quotes or brackets"


@dataclass(frozen=True)
class Span:
    """All numbers between two ends, from which a search draws; whole ones if the ends are, and in steps."""

    first: float
    last: float
    step: int | None  # of whole numbers; None of others

    @property
    def is_wide(self) -> bool:
        """Whether it is drawn from by its logarithm."""
        return self.first > 0 and self.last >= WIDE * self.first and self.step in (None, 1)

    def at(self, share: float) -> str:
        """Return the number at a share 0-1 of the way, as it is written."""
        if self.step is not None and not self.is_wide:
            count = int((self.last - self.first) // self.step) + 1
            return str(int(self.first) + min(int(share * count), count - 1) * self.step)
        if not self.is_wide:
            return f"{self.first + share * (self.last - self.first):.4g}"
        found = self.first * (self.last / self.first) ** share
        return f"{found:.4g}" if self.step is None else str(round(found))


@dataclass(frozen=True)
class Axis:
    """A setting and its values, each as it is written: a list, a range of whole numbers, or both.

    A range of other numbers is a `span` alone, for a search to draw from.
    """

    key: str
    pieces: tuple[str | range, ...]
    span: Span | None = None
    is_stepped: bool = False  # whether steps were asked for

    def with_fractions(self) -> Axis:
        """Return this range with all numbers between its ends, if it is one without steps."""
        if self.span is None or self.is_stepped:
            return self
        return Axis(self.key, (), Span(self.span.first, self.span.last, None))

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(len(piece) if isinstance(piece, range) else 1 for piece in self.pieces)

    def __contains__(self, value: str) -> bool:
        """Whether a value is one of these."""
        number = int(value) if re.fullmatch(r"0|-?[1-9]\d{0,17}", value) else None
        return any(number in piece if isinstance(piece, range) else value == piece for piece in self.pieces)

    @property
    def first(self) -> str:
        """Return a value."""
        return next(self.values(), "" if self.span is None else self.span.at(0.0))

    def values(self) -> Iterator[str]:
        """Yield the values in their order."""
        for piece in self.pieces:
            yield from map(str, piece) if isinstance(piece, range) else [piece]


def split_words(words: Sequence[str]) -> tuple[list[str], list[Axis]]:
    """Return the settings that have one value, as they are, and those that have several.

    Raises:
        UsageError: one can't be read.
    """
    fixed, axes = [], []
    for word in words:
        key, equals, text = word.partition("=")
        axis = read_axis(key, text, split_values(key, text)) if equals else None
        if axis is None:
            fixed.append(word)
        else:
            axes.append(axis)
    keys = [word.partition("=")[0] for word in fixed] + [axis.key for axis in axes]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise UsageError(f"{twice} stands there twice; give all of its values at once: {twice}=A,B,C")
    return fixed, axes


def split_values(key: str, text: str) -> list[str]:
    """Split a text at its commas, but for those in brackets and quotes.

    Raises:
        UsageError: a bracket or a quote isn't closed, or a value is empty.
    """
    values, closers, quote = [""], [], ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and values[-1].rstrip()[-1:] in ("", "[", "{", ",", ":"):
            quote = character
        elif character in BRACKETS:
            closers.append(BRACKETS[character])
        elif closers and character == closers[-1]:
            closers.pop()
        elif character == "," and not closers:
            values.append("")
            continue
        values[-1] += character
    if quote or closers:
        raise UsageError(f"{key}={text}: there is no {quote or closers[-1]} at its end; {FORM}")
    values = [value.strip() for value in values]
    if not all(values):
        what = "a value is empty" if len(values) > 1 else "there is no value"
        raise UsageError(f"{key}={text}: {what}; {FORM}")
    return values


def read_axis(key: str, text: str, values: Sequence[str]) -> Axis | None:
    """Return a setting with several values; None if there is one alone that isn't a range.

    Raises:
        UsageError: a range goes backwards, or a value comes twice.
    """
    pieces = [read_piece(f"{key}={text}", value) for value in values]
    spans = [piece for piece in pieces if isinstance(piece, Span)]
    if spans and len(pieces) > 1:
        raise UsageError(f"{key}={text}: a range of numbers that aren't whole stands alone; {FORM}")
    found = tuple(piece for piece in pieces if not isinstance(piece, Span))
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return None
    refuse_repeats(f"{key}={text}", found)
    [alone] = pieces if len(pieces) == 1 else [None]
    if isinstance(alone, range):
        return Axis(key, found, Span(alone[0], alone[-1], alone.step), values[0].count(":") > 1)
    return Axis(key, found, spans[0] if spans else None)


def read_piece(word: str, value: str) -> str | range | Span:
    """Return a value, or the range that it means; a range includes its end.

    Raises:
        UsageError: it goes backwards, or too far.
    """
    match = re.fullmatch(rf"({NUMBER}):({NUMBER})(?::({NUMBER}))?", value, re.ASCII)
    if match is None:
        return value
    first, last, step = match.groups()
    is_whole = all(re.fullmatch(r"[-+]?\d+", end) for end in (first, last))
    if is_whole and max(len(end.lstrip("-+")) for end in (first, last)) > MOST_DIGITS:
        raise UsageError(f"{word}: a number of a range has at most {MOST_DIGITS} digits")
    low, high = (int(first), int(last)) if is_whole else (float(first), float(last))
    if not math.isfinite(high - low):
        raise UsageError(f"{word}: the range is wider than numbers go, about 1e308")
    if low > high:
        raise UsageError(f"{word}: the range goes backwards; write {last}:{first}")
    if step is not None and (not is_whole or not re.fullmatch(r"0*[1-9]\d{0,17}", step)):
        raise UsageError(f"{word}: steps of {step} are for whole numbers, and at least 1")
    return range(int(low), int(high) + 1, int(step or 1)) if is_whole else Span(low, high, None)


def refuse_repeats(word: str, pieces: Sequence[str | range]) -> None:
    """See to it that no value comes twice.

    Raises:
        UsageError: one does.
    """
    ranges = [piece for piece in pieces if isinstance(piece, range)]
    texts = [piece for piece in pieces if isinstance(piece, str)]
    for i, text in enumerate(texts):
        is_number = re.fullmatch(r"-?\d{1,18}", text)
        if text in texts[:i] or (is_number and any(int(text) in numbers for numbers in ranges)):
            raise UsageError(f"{word}: {text} stands there twice")
    for i, numbers in enumerate(ranges):
        for other in ranges[:i]:
            if other[0] <= numbers[-1] and numbers[0] <= other[-1] and numbers.step == other.step == 1:
                raise UsageError(f"{word}: {max(other[0], numbers[0])} stands there twice")

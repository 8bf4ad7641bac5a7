"""The numbers of a trace in few bytes, exact to so many decimals.

Numbers are whole units, such as thousandths. What follows from earlier stages is predicted from them by a
rule, and the page, which knows the same rules, gets the difference alone: mostly 0, but whatever it is, it
makes the number the trace's own. Differences are written as bytes, all lowest ones first, then the next, and
deflated.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import exp, floor
from operator import mul

GAP = 0  # the code of what is masked
Row = Sequence[int | None]  # None where there is no number
Units = Sequence[Row]


def to_units(rows: Iterable[Sequence[float | None]], unit: int) -> Units:
    """Return rows of numbers in units, of which a number of 1 has `unit`."""
    return [[None if value is None else floor(value * unit + 0.5) for value in row] for row in rows]


def filled(row: Row) -> list[int]:
    """Return a row with 0 where there is no number."""
    return [value or 0 for value in row]


def predict_scores(unit: int, q: Units, k: Units, bias: Units | None, *, scale: float) -> Iterator[list[int]]:
    """Yield the rows of q k^T scale + bias."""
    keys = [filled(row) for row in k]
    for i, row in enumerate(q):
        query = filled(row)
        added = [0] * len(keys) if bias is None else filled(bias[i])
        yield [
            floor(sum(map(mul, query, key)) * scale / unit + more + 0.5)
            for key, more in zip(keys, added, strict=True)
        ]


def predict_weights(unit: int, scores: Units) -> Iterator[list[int]]:
    """Yield the rows of softmax(scores): right for weights that are made so, not for others."""
    for row in scores:
        highest = max((value for value in row if value is not None), default=0)
        powers = [0.0 if value is None else exp((value - highest) / unit) for value in row]
        total = sum(powers) or 1.0
        yield [floor(power / total * unit + 0.5) for power in powers]


def predict_mixture(unit: int, weights: Units, v: Units) -> Iterator[list[int]]:
    """Yield the rows of weights v."""
    columns = [filled(column) for column in zip(*v, strict=True)]
    for row in map(filled, weights):
        yield [floor(sum(map(mul, row, column)) / unit + 0.5) for column in columns]


def predict_joined(unit: int, *heads: Units) -> Iterator[list[int]]:
    """Yield the rows of all heads side by side."""
    for rows in zip(*heads, strict=True):
        yield [value for row in rows for value in filled(row)]


def predict_sum(unit: int, x: Units, added: Units) -> Iterator[list[int]]:
    """Yield the rows of x + added."""
    for row, other in zip(x, added, strict=True):
        yield [a + b for a, b in zip(filled(row), filled(other), strict=True)]


def predict_shifted(units: Units, step: int) -> Iterator[list[int]]:
    """Yield rows of what stands in the row above, so many columns to the left."""
    above: Row = [0] * len(units[0])
    for row in units:
        yield [0] * step + filled(above)[: len(row) - step]
        above = row


RULES: dict[str, Callable[..., Iterator[list[int]]]] = {
    "scores": predict_scores,
    "weights": predict_weights,
    "mixture": predict_mixture,
    "joined": predict_joined,
    "sum": predict_sum,
}


def encode(rows: Units, predicted: Iterable[Sequence[int]] | None = None) -> list[int]:
    """Return a code from 0 on for each number: 0 for a gap, small ones for small differences."""
    codes = []
    for row, guesses in zip(rows, predicted or ([0] * len(row) for row in rows), strict=True):
        for value, guess in zip(row, guesses, strict=True):
            off = None if value is None else value - guess
            codes.append(GAP if off is None else 1 + (2 * off if off >= 0 else -2 * off - 1))
    return codes


def count_bytes(codes: Sequence[int]) -> int:
    """Return how many bytes each of the codes takes."""
    return max(1, (max(codes).bit_length() + 7) // 8)


def deflate(blocks: Iterable[Sequence[int]]) -> bytes:
    """Return the codes of all blocks: the lowest byte of each, then the next of those that have one."""
    planes: list[bytearray] = []
    for codes in blocks:
        for place in range(count_bytes(codes)):
            if place == len(planes):
                planes.append(bytearray())
            planes[place].extend(code >> 8 * place & 255 for code in codes)
    return zlib.compress(b"".join(planes), 9)

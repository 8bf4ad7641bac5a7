"""95 % intervals: of a share of sequences, of a mean over seeds, of a difference between two settings.

Over seeds they are Student's: t times the standard error. Two sides are paired by seed where both have it, so
that what a seed brings to both cancels out; else they are held against each other as Welch does, whose sides
may differ in number and in spread. Both take the mean over seeds for about normal. Over few seeds an interval
is wide, as it should be; that a share ends at 0 and 1 it doesn't know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean, variance

from tfcli.records.comparison import Difference
from tfcli.records.results import Interval

LEVEL = 0.95
Z95 = 1.959964  # the 97.5 % point of the normal distribution
FEWEST = 2  # seeds of which there is a spread
DIGITS = 12  # of a figure that count
ROUNDING = 10.0**-DIGITS  # of a figure: what differs by less is the same
MOST = 13.0  # times the standard error, that is: with one degree of freedom
PANELS = 64  # of Simpson's rule: five digits at least
HALVINGS = 60


def wilson(share: float, n: int) -> Interval:
    """Return the 95 % interval of a share of `n` sequences (Wilson 1927).

    For token accuracy, too, n counts sequences: the tokens of a sequence are right or wrong together, and to
    count each of them would claim more than was seen.
    """
    centre = share + Z95**2 / (2 * n)
    margin = Z95 * math.sqrt(share * (1 - share) / n + (Z95 / (2 * n)) ** 2)
    scale = 1 + Z95**2 / n
    # At 0 and 1 rounding would leave the share itself just outside.
    return max(0.0, min(share, (centre - margin) / scale)), min(1.0, max(share, (centre + margin) / scale))


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return the 95 % interval of the mean of what some seeds gave (Student 1908).

    None where they are fewer than two, or all gave the same: nothing then says how far another would be off.
    """
    if len(values) < FEWEST or (spread := spread_of(values)) == 0:
        return None
    return around(fmean(values), math.sqrt(spread / len(values)), len(values) - 1)


def spread_of(values: Sequence[float]) -> float:
    """Return the variance of some values; 0 where they are equal up to the rounding of their differences."""
    largest = max(map(abs, values))
    return variance(values) if max(values) - min(values) > ROUNDING * largest else 0.0


def welch_interval(one: Sequence[float], other: Sequence[float]) -> Interval | None:
    """Return the 95 % interval of the mean of `other` less that of `one`, whose seeds differ (Welch 1947).

    None where a side has fewer than two seeds, or neither has a spread.
    """
    if min(len(one), len(other)) < FEWEST:
        return None
    parts = [(spread_of(side) / len(side), len(side) - 1) for side in (one, other)]
    error = sum(part for part, _ in parts)
    if error == 0:
        return None
    freedom = 1 / sum((part / error) ** 2 / n for part, n in parts)  # Welch and Satterthwaite's
    return around(fmean(other) - fmean(one), math.sqrt(error), freedom)


def difference(one: Mapping[int, float], other: Mapping[int, float]) -> Difference:
    """Return by how much `other` exceeds `one`, both a figure by seed, of one seed at least.

    Paired over the seeds that both have, if these are two at least; else over all seeds of each side.
    """
    common = [seed for seed in one if seed in other]
    if len(common) >= FEWEST or one.keys() == other.keys():
        apart = [excess(other[seed], one[seed]) for seed in common]
        return Difference(fmean(apart), mean_interval(apart), True, len(common), len(common))
    before, after = list(one.values()), list(other.values())
    apart_by = fmean(after) - fmean(before)
    return Difference(apart_by, welch_interval(before, after), False, len(before), len(after))


def excess(one: float, other: float) -> float:
    """Return by how much `one` exceeds `other`, without the digits that are but the rounding of these."""
    largest = max(abs(one), abs(other))
    if not largest or not math.isfinite(largest):
        return one - other
    return round(one - other, DIGITS - math.ceil(math.log10(largest)))


def around(mean: float, error: float, freedom: float) -> Interval:
    """Return the interval around a mean of that standard error."""
    margin = student(freedom) * error
    return mean - margin, mean + margin


@cache
def student(freedom: float) -> float:
    """Return the 97.5 % point of Student's t with so many degrees of freedom, one at least.

    With t = sqrt(freedom) tan(x), the density of x goes with cos(x) ** (freedom - 1), which is smooth.
    """
    whole = math.sqrt(math.pi) * math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2)) / 2
    low, high = 0.0, math.atan(MOST / math.sqrt(freedom))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = integrate_cosine(freedom - 1, middle) < LEVEL * whole
        low, high = (middle, high) if inside else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def integrate_cosine(power: float, end: float) -> float:
    """Return the integral of cos(x) ** power from 0 to `end`, by Simpson's rule."""
    width = end / PANELS
    heights = [math.pow(math.cos(i * width), power) for i in range(PANELS + 1)]
    return width / 3 * (heights[0] + 4 * sum(heights[1::2]) + 2 * sum(heights[2:-1:2]) + heights[-1])

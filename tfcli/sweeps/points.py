"""The combinations of a sweep: all of a grid, or some that are drawn."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from math import prod

from tfcli.errors import UsageError
from tfcli.sweeps.axes import SEED, Axis

Point = dict[str, str]  # the settings that a sweep varies, each with its value as it is written
TRIES = 20  # draws for each point that is wanted, before there are taken to be no others


def order(axes: Sequence[Axis]) -> list[Axis]:
    """Return axes with that of the seeds as the last: it turns the fastest."""
    return sorted(axes, key=lambda axis: axis.key == SEED)


def count(axes: Sequence[Axis]) -> int:
    """How many points a grid has."""
    return prod(axis.count for axis in axes)


def describe_count(axes: Sequence[Axis]) -> str:
    """Return how many points a grid has, and why: `12 runs: model.positions 4 x train.seed 3`."""
    factors = " x ".join(f"{axis.key} {axis.count:,}" for axis in axes)
    return f"{count(axes):,} runs: {factors}"


def grid(axes: Sequence[Axis]) -> Iterator[Point]:
    """Yield all combinations, those of the last axis next to each other.

    Raises:
        UsageError: an axis is a range of numbers that aren't whole.
    """
    for axis in axes:
        if not axis.count:
            raise UsageError(
                f"{axis.key}: the ends of its range aren't whole numbers, and a grid needs a list of values, "
                "such as 1e-3,3e-3,1e-2; "
                "--search random:50 draws from a range"
            )
    keys = [axis.key for axis in axes]
    for values in itertools.product(*(axis.values() for axis in axes)):
        yield dict(zip(keys, values, strict=True))


def draw(axes: Sequence[Axis], generator: random.Random) -> Point:
    """Return a random combination: of a list a value, of a range a number."""
    return {axis.key: draw_value(axis, generator.random()) for axis in axes}


def draw_value(axis: Axis, share: float) -> str:
    """Return the value of an axis at a share 0-1 of the way."""
    if axis.span is not None:
        return axis.span.at(share)
    return next(itertools.islice(axis.values(), int(share * axis.count), None))


def draw_several(axes: Sequence[Axis], wanted: int, seed: int) -> Iterator[Point]:
    """Yield so many random combinations, each once; fewer where there are no others, as far as was tried."""
    generator, seen = random.Random(seed), set()
    for _ in range(wanted * TRIES):
        point = draw(axes, generator)
        if (key := tuple(point.values())) not in seen:
            seen.add(key)
            yield point
            if len(seen) == wanted:
                return

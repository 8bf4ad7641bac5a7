"""Intervals are those of the tables, and hold what they claim."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from tfcli.intervals import difference, mean_interval, student, welch_interval, wilson


def test_wilson_intervals_are_those_of_the_tables() -> None:
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(1.0, 50) == pytest.approx((0.9287, 1.0), abs=1e-4)
    assert wilson(0.0, 50) == pytest.approx((0.0, 0.0713), abs=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
@pytest.mark.parametrize("n", [1, 10, 1000])
def test_a_share_lies_within_its_wilson_interval(share: float, n: int) -> None:
    low, high = wilson(share, n)
    assert 0 <= low <= share <= high <= 1


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.7062),
        (1e6, 1.9600),
        (2, 4.3027),
        (3, 3.1824),
        (4, 2.7764),
        (9, 2.2622),
        (30, 2.0423),
        (120, 1.9799),
    ],
)
def test_quantiles_are_those_of_students_table(freedom: float, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, abs=1e-4)


def test_a_quantile_between_two_of_the_table_lies_between_them() -> None:
    assert student(5) < student(4.5) < student(4)


def test_the_interval_of_a_mean_is_that_of_a_worked_example() -> None:
    # mean 5, standard deviation 2.5820, standard error 1.2910, times 3.1824
    assert mean_interval([2, 4, 6, 8]) == pytest.approx((0.8915, 9.1085), abs=1e-4)


def test_welchs_interval_is_that_of_a_worked_example() -> None:
    # means 2 and 6, their squared errors 1/3 and 8/3, together 3: 3.7099 degrees of freedom
    assert welch_interval([1, 2, 3], [2, 6, 10, 6]) == pytest.approx((-0.9609, 8.9609), abs=1e-4)


def test_where_seeds_are_too_few_or_all_alike_there_is_no_interval() -> None:
    assert mean_interval([0.5]) is None
    assert mean_interval([1.0, 1.0, 1.0]) is None
    assert welch_interval([1.0], [0.5, 0.6]) is None
    assert welch_interval([1.0, 1.0], [0.5, 0.5]) is None


def test_what_a_seed_brings_to_both_sides_cancels_out() -> None:
    one = {0: 1.0, 1: 5.0, 2: 9.0}
    found = difference(one, {seed: value + 1 + 0.1 * seed for seed, value in one.items()})
    assert (found.paired, found.seeds_before) == (True, 3)
    assert found.mean == pytest.approx(1.1)
    assert found.interval == pytest.approx((0.8516, 1.3484), abs=1e-4)  # 4.3027 times 0.1 over the root of 3


def test_seeds_of_one_side_alone_are_left_out_where_two_pairs_are_left() -> None:
    found = difference({0: 1.0, 1: 2.0, 7: 100.0}, {0: 2.0, 1: 3.5})
    assert (found.paired, found.seeds_before, found.seeds_after) == (True, 2, 2)
    assert found.mean == pytest.approx(1.25)


def test_other_seeds_are_held_against_each_other_without_pairs() -> None:
    found = difference({0: 1.0, 1: 2.0}, {1: 3.0, 2: 4.0, 3: 5.0})
    assert (found.paired, found.seeds_before, found.seeds_after) == (False, 2, 3)
    assert found.mean == pytest.approx(2.5)
    assert found.interval == welch_interval([1.0, 2.0], [3.0, 4.0, 5.0])


def test_one_seed_has_a_difference_without_an_interval() -> None:
    assert difference({3: 1.0}, {3: 0.25}).mean == -0.75
    assert difference({3: 1.0}, {3: 0.25}).interval is None
    assert difference({3: 1.0}, {4: 0.25}).paired is False


@pytest.mark.parametrize("is_paired", [True, False])
def test_ninety_five_of_a_hundred_intervals_hold_the_truth(is_paired: bool) -> None:
    draw, held, times = random.Random(0), 0, 2000
    for _ in range(times):
        one = {seed: draw.gauss(0, 1) for seed in range(5)}
        other = {seed if is_paired else seed + 5: draw.gauss(1, 3) for seed in range(5)}
        low, high = difference(one, other).interval or (0, 0)
        held += low <= 1 <= high
    assert held / times == pytest.approx(0.95, abs=0.015)  # three standard errors


def test_the_mean_of_a_difference_is_that_of_its_pairs() -> None:
    one, other = {0: 0.2, 1: 0.4}, {0: 0.9, 1: 0.5}
    assert difference(one, other).mean == pytest.approx(fmean([0.7, 0.1]))


def test_rounding_is_no_spread() -> None:
    one, other = {0: 0.3, 1: 0.1, 2: 0.7}, {0: 0.4, 1: 0.2, 2: 0.8}
    assert len({other[seed] - one[seed] for seed in one}) > 1
    assert difference(one, other).are_alike
    close = {seed: (50_000 + 7 * seed) / 100_000 for seed in range(5)}
    closer = {seed: (50_002 + 7 * seed) / 100_000 for seed in range(5)}
    assert difference(close, closer).are_alike
    assert difference({0: 0.1 + 0.2, 1: 0.5}, {0: 0.3, 1: 0.5}).mean == 0
    assert welch_interval([1e-90, 2e-90], [1e-90, 3e-90]) is not None

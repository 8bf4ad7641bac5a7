"""The numbers along an axis are round, and no more than there is room for."""

from __future__ import annotations

import pytest

from tfcli.render.ticks import whole_ticks


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (1, 20, [5, 10, 15, 20]),
        (0, 75, [0, 20, 40, 60]),
        (25, 75, [30, 40, 50, 60, 70]),
        (41, 500, [100, 200, 300, 400, 500]),
        (0.5, 3.5, [1, 2, 3]),
        (7, 7, [7]),
        (0, 3_000_000, [0, 1_000_000, 2_000_000, 3_000_000]),
    ],
)
def test_ticks_are_round(first: float, last: float, ticks: list[int]) -> None:
    assert list(whole_ticks(first, last)) == ticks

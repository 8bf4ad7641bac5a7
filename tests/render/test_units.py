"""How the numbers of a trace are packed. How a page unpacks them: `test_forward_readings.py`."""

from __future__ import annotations

import zlib

import pytest

from tfcli.render.units import (
    count_bytes,
    deflate,
    encode,
    predict_joined,
    predict_mixture,
    predict_scores,
    predict_shifted,
    predict_sum,
    predict_weights,
    to_units,
)


def test_units_are_rounded() -> None:
    assert to_units([[0.0, 1.2344, -1.2346, None]], 1000) == [[0, 1234, -1235, None]]


def test_a_code_is_small_where_the_prediction_is_near_and_0_for_a_gap() -> None:
    assert encode([[5, 4, 6, 3, None]], [[5, 5, 5, 5, 5]]) == [1, 2, 3, 4, 0]
    assert encode([[0, -1, 1]]) == [1, 2, 3]


@pytest.mark.parametrize(("largest", "size"), [(0, 1), (255, 1), (256, 2), (65535, 2), (65536, 3)])
def test_a_stage_takes_as_many_bytes_as_its_largest_code(largest: int, size: int) -> None:
    assert count_bytes([0, largest]) == size


def test_bytes_of_a_kind_stand_together() -> None:
    assert zlib.decompress(deflate([[1, 0x0302], [4, 5]])) == bytes([1, 2, 4, 5, 0, 3])


def test_what_follows_from_other_stages_is_predicted() -> None:
    assert list(predict_scores(1000, [[1000, 2000]], [[3000, 1000], [0, -1000]], [[10, 20]], scale=0.5)) == [
        [2510, -980]
    ]
    assert list(predict_weights(1000, [[0, 0, None], [1000, None, None]])) == [[500, 500, 0], [1000, 0, 0]]
    assert list(predict_mixture(1000, [[250, 750]], [[1000, 0], [2000, 4000]])) == [[1750, 3000]]
    assert list(predict_joined(1000, [[1], [2]], [[3], [4]])) == [[1, 3], [2, 4]]
    assert list(predict_sum(1000, [[1, 2]], [[3, -4]])) == [[4, -2]]


def test_scores_of_an_offset_are_predicted_along_the_diagonal() -> None:
    by_offset = [[1, 2, 3], [4, 1, 2], [5, 4, 1]]
    assert list(predict_shifted(by_offset, 1)) == [[0, 0, 0], [0, 1, 2], [0, 4, 1]]
    assert list(predict_shifted([[1, None], [1, 2]], 0)) == [[0, 0], [1, 0]]

"""A matrix is what the nested lists are that it stands for."""

from __future__ import annotations

import copy
import json
import math
import pickle
from array import array
from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

from tfcli.records.inspection import HeadRecord
from tfcli.records.matrix import Matrix

ROWS = [[0.5, 0.1], [1.0, -2.0], [3e-9, 0.0]]


@pytest.fixture
def matrix() -> Matrix:
    return Matrix(array("d", [number for row in ROWS for number in row]), 2)


def test_rows_are_read_like_lists(matrix: Matrix) -> None:
    assert len(matrix) == 3
    assert list(matrix) == ROWS
    assert (matrix[0], matrix[-1], matrix[1][1]) == (ROWS[0], ROWS[-1], -2.0)
    assert matrix[:2] == ROWS[:2]
    assert matrix[::-1] == ROWS[::-1]
    assert max(map(max, matrix)) == 1.0
    with pytest.raises(IndexError):
        matrix[3]


def test_it_equals_lists_of_the_same_numbers(matrix: Matrix) -> None:
    assert matrix == ROWS
    assert list(ROWS) == matrix
    assert matrix == Matrix(array("d", matrix.values), 2)
    assert matrix != ROWS[:2]
    assert matrix != [*ROWS[:2], [3e-9, 1.0]]
    assert matrix != Matrix(array("d", matrix.values), 3)
    assert matrix != "matrix"


def test_a_float32_comes_out_as_the_double_that_it_is() -> None:
    [[value]] = Matrix(array("f", [0.1]), 1)
    assert value == float(np.float32(0.1)) != 0.1


def test_what_is_not_finite_is_none_where_there_are_gaps() -> None:
    values = array("f", [1.0, -math.inf, math.nan, 2.0])
    assert Matrix(values, 2, gaps=True) == [[1.0, None], [None, 2.0]]
    assert Matrix(values, 2, gaps=True).is_finite()
    assert Matrix(values, 2)[0] == [1.0, -math.inf]
    assert not Matrix(values, 2).is_finite()


def test_copies_are_equal(matrix: Matrix) -> None:
    for made in (copy.copy(matrix), pickle.loads(pickle.dumps(matrix))):
        assert isinstance(made, Matrix)
        assert made == matrix
    assert json.loads(json.dumps(asdict(HeadRecord(0, matrix)))) == {
        "head": 0,
        "weights": ROWS,
        "places": None,
        "shares": None,
        "scores": None,
    }
    changed = copy.deepcopy(matrix)
    changed[0][0] = 7.0
    assert matrix == ROWS


def test_numpy_reads_it_in_place(matrix: Matrix) -> None:
    seen: NDArray[np.float64] = np.asarray(matrix)
    assert seen.tolist() == ROWS
    assert np.shares_memory(seen, np.frombuffer(matrix.values))
    assert not seen.flags.writeable
    assert np.array([[matrix, matrix]], dtype=np.float32).shape == (1, 2, 3, 2)


@pytest.mark.parametrize(("values", "width"), [([1.0, 2.0, 3.0], 2), ([1.0], 0)])
def test_numbers_that_are_no_whole_rows_are_refused(values: list[float], width: int) -> None:
    with pytest.raises(ValueError, match=f"{len(values)} numbers are no whole rows of {width}"):
        Matrix(array("d", values), width)

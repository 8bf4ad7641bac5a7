"""JSON in pieces is that of `json.dumps`, but for rows on one line."""

from __future__ import annotations

import json
import math
from array import array
from typing import Any

import pytest

from tests.render.records import SYMBOLS, record
from tfcli.records.inspection import HeadRecord, LayerRecord
from tfcli.records.matrix import Matrix
from tfcli.render.json_pieces import json_pieces

VALUES: list[Any] = [
    {"a": [], "b": {}, "c": [[1, 2.5], [None, True]], "d": {"e": ("x", '我\u2028"')}},
    [],
    {},
    [1e-9, 0.1, 10**20],
    "text",
    {1: "one"},
]


def layer_of(*numbers: float) -> LayerRecord:
    return LayerRecord(0, [HeadRecord("mean", Matrix(array("d", numbers), 2))])


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("indent", [True, False])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_all_but_matrices_stands_as_json_has_it(value: Any, indent: bool, ascii_only: bool) -> None:
    expected = json.dumps(value, indent=2 if indent else None, ensure_ascii=ascii_only)
    assert "".join(json_pieces(value, indent=indent, ascii_only=ascii_only)) == expected + "\n"


def test_a_row_is_a_line() -> None:
    assert (
        "".join(json_pieces(layer_of(0.5, 0.1, 1e-9, 1.0)))
        == """\
{
  "layer": 0,
  "heads": [
    {
      "head": "mean",
      "weights": [
        [0.5, 0.1],
        [1e-09, 1.0]
      ],
      "places": null,
      "shares": null,
      "scores": null
    }
  ],
  "loop": null
}
"""
    )
    assert "".join(json_pieces(layer_of(0.5, 0.1), indent=False)) == (
        '{"layer": 0, "heads": [{"head": "mean", "weights": [[0.5, 0.1]], "places": null, "shares": null, '
        '"scores": null}], "loop": null}\n'
    )


def test_gaps_and_no_rows_are_json() -> None:
    values = [Matrix(array("f", [1.0, -math.inf]), 2, gaps=True), Matrix(array("f"), 2)]
    assert json.loads("".join(json_pieces(values))) == [[[1.0, None]], []]


def test_pieces_are_no_longer_than_a_row() -> None:
    pieces = list(json_pieces(record(SYMBOLS["digits"], 50)))
    assert max(map(len, pieces)) < 60
    rows = list(json_pieces(layer_of(*[0.125] * 2000)))
    assert max(map(len, rows)) == len("[0.125, 0.125]")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["alone", "in a record", "in a matrix"])
def test_nothing_is_handed_out_of_what_is_not_finite(number: float, where: str) -> None:
    value: Any = {
        "alone": number,
        "in a record": HeadRecord(0, [[0.5], [number]]),
        "in a matrix": [1.0, layer_of(0.5, 0.5, 0.5, number)],
    }[where]
    with pytest.raises(ValueError, match="isn't finite"):
        json_pieces(value)

"""The shell of all pages, and how numbers are packed for them. In a browser: `test_viewer_*.py`."""

from __future__ import annotations

import base64
import struct

import pytest

from tfcli.render.page import GAP, assemble, pack_scores, pack_weights


def test_weights_are_little_endian_row_after_row() -> None:
    assert base64.b64decode(pack_weights([[0.0, 1.0], [0.5, 0.25]])).hex(" ", 2) == "0000 ffff 0080 0040"
    assert pack_weights([[1.0 + 1e-7, -1e-9]]) == pack_weights([[1.0, 0.0]]), (
        "what a float32 softmax may be off"
    )


def test_scores_keep_their_sign_and_their_gaps() -> None:
    scores: list[list[float | None]] = [[-12.5, None, 3.25], [0.001, 0.0, -0.7]]
    packed = pack_scores(scores)
    units = struct.unpack("<6h", base64.b64decode(str(packed["numbers"])))
    for unit, score in zip(units, (score for row in scores for score in row), strict=True):
        if score is None:
            assert unit == GAP
        else:
            assert unit * packed["unit"] == pytest.approx(score, abs=12.5 / 65000)


@pytest.mark.parametrize("empty", [[[None, None]], [[0.0, 0.0]]], ids=["gaps", "zeros"])
def test_scores_that_are_no_number_at_all_can_be_packed(empty: list[list[float | None]]) -> None:
    assert len(base64.b64decode(str(pack_scores(empty)["numbers"]))) == 4


def test_the_shell_speaks_the_language_that_it_is_given() -> None:
    page = assemble("maps", "x", [], lang="zh", words={"keys": "</script>"})
    assert '<html lang="zh">' in page
    assert r'const words = {"keys":"\u003c/script\u003e"};' in page

"""Attention tables: legible at any width, without colour, on ASCII, and true to the record."""

from __future__ import annotations

import io
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.render.records import SYMBOLS, record, score, weights
from tfcli.records.inspection import AttentionRecord, HeadRecord, LayerRecord, Places
from tfcli.records.results import Answer, EvalReport
from tfcli.render.attention import ASCII_SHADES, SHADES, print_attention
from tfcli.render.progress import StatusLine
from tfcli.render.scores import print_eval
from tfcli.render.tables import interval, share
from tfcli.render.terminal import is_live


def printed(thing: AttentionRecord | EvalReport, width: int, encoding: str = "utf-8", **options: Any) -> str:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    console = Console(file=stream, width=width, markup=False, highlight=False, emoji=False, **options)
    if isinstance(thing, AttentionRecord):
        print_attention(console, thing)
    else:
        print_eval(console, thing)
    stream.flush()
    return buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("n", [1, 4, 9, 20, 64])
@pytest.mark.parametrize("width", [20, 40, 80, 120])
@pytest.mark.parametrize("symbols", SYMBOLS)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_left_out(
    n: int, width: int, symbols: str, encoding: str
) -> None:
    text = printed(record(SYMBOLS[symbols], n), width, encoding)
    assert "…" not in text
    for line in text.splitlines():
        assert cell_len(line) <= width, line
        assert line == line.rstrip()
    for layer in (0, 1):
        for head in (0, 1):
            assert re.search(rf"layer {layer}\s+head {head}", text)


def test_numbers_are_those_of_the_record() -> None:
    thing = record(SYMBOLS["digits"], 4, heads=1, layers=1)
    text = printed(thing, 80)
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("layer 0 head 0"))
    assert lines[start + 1].split() == thing.tokens
    for row, line in zip(thing.layers[0].heads[0].weights, lines[start + 2 :], strict=True):
        assert line.split()[1:] == [f"{weight:.2f}" for weight in row]


@pytest.mark.parametrize(("encoding", "shades"), [("utf-8", SHADES), ("ascii", ASCII_SHADES)])
@pytest.mark.parametrize(("n", "width"), [(30, 80), (64, 80), (64, 40)])
def test_shades_are_darkest_where_the_weight_is_largest(
    n: int, width: int, encoding: str, shades: str
) -> None:
    thing = record(SYMBOLS["digits"], n, heads=1, layers=1)
    lines = printed(thing, width, encoding).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("layer 0 head 0"))
    assert f"{shades[-1]} = {max(map(max, thing.layers[0].heads[0].weights)):.2f}" in lines[start]
    cell = 2 if n * 2 + 2 <= width else 1
    labels = len(thing.tokens[0]) + 1
    dark = [[] for _ in range(n)]  # type: list[list[int]]
    first = 0
    rows = iter(lines[start + 1 :])
    for line in rows:
        if line.startswith("keys "):
            first = int(line.split()[1])
            continue
        for query in range(n):
            cells = next(rows)[labels:]
            dark[query] += [first + i // cell for i in range(0, len(cells), cell) if cells[i] == shades[-1]]
    assert dark == [[query] for query in range(n)]


@pytest.mark.parametrize("width", [40, 80])
def test_ranks_stand_below_the_map(width: int) -> None:
    places = Places("ranks", [i + 0.04 for i in range(9)])
    ranked = [LayerRecord(0, [HeadRecord(0, weights(9, 0), places)])]
    tokens = [str(i) for i in range(9)]
    text = printed(AttentionRecord("runs/sort", tokens, tokens, 0, tokens, tokens, ranked), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    words = text.partition("layer 0 head 0 ranks its keys:")[2].split()
    assert words == [f"{i}:{i}.0" for i in range(9)]


def test_wide_symbols_line_up() -> None:
    lines = printed(record(SYMBOLS["chinese"], 4, heads=1, layers=1), 80).splitlines()
    table = lines[-5:]
    assert {cell_len(line) for line in table} == {cell_len(table[0])}


def test_heads_stand_side_by_side_where_they_fit() -> None:
    thing = record(SYMBOLS["digits"], 4, heads=4, layers=1)
    assert "layer 0 head 0          layer 0 head 1\n" in printed(thing, 60)
    assert "layer 0 head 0\n" in printed(thing, 40)


def test_a_wrong_answer_shows_what_is_right() -> None:
    thing = record(SYMBOLS["digits"], 3, 1, 1)
    assert "right is" not in printed(thing, 80)
    wrong = replace(thing, prediction=["9", "9", "9"])
    text = printed(wrong, 80)
    assert "the answer is wrong" in text
    assert "answer   9 9 9\nright is 2 1 0\n" in text


def test_colour_shades_the_numbers_and_nothing_else_changes() -> None:
    thing = record(SYMBOLS["digits"], 4)
    coloured = printed(thing, 80, force_terminal=True, color_system="truecolor")
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == printed(thing, 80)


def test_eval_tells_lengths_inside_and_outside_apart() -> None:
    report = EvalReport(
        "runs/x",
        "copy",
        (1, 20),
        [score(20, 1.0), score(40, 0.5, False)],
        [Answer(["1"], ["2"], ["1"], False)],
    )
    for width in (40, 80):
        text = printed(report, width)
        assert "…" not in text
        assert all(cell_len(line) <= width for line in text.splitlines())
        assert re.search(r"^ +20 +yes +1.000", text, re.MULTILINE)
        assert re.search(r"^ +40 +no +0.500", text, re.MULTILINE)
        assert "input    1\nexpected 1\ngot      2" in text
    assert "0.10-0.90" in printed(report, 80)


@pytest.mark.parametrize(
    ("said", "right"), [("1", "0"), ("3 1 2 3 9 2", "3 1 2 3 1 2"), ("1 end", "1 0 end")]
)
def test_a_wrong_answer_of_another_length_than_its_input_is_shown_whole(said: str, right: str) -> None:
    wrong = Answer(["3", "1", "2"], said.split(), right.split(), False)
    text = printed(EvalReport("r", "copy", (1, 20), [score(3, 0.0)], [wrong]), 80)
    for line in ("input    3 1 2", f"expected {right}", f"got      {said}"):
        assert line in text


def test_a_long_wrong_answer_shows_the_part_around_its_first_mistake() -> None:
    right = [str(i % 10) for i in range(500)]
    wrong = [*right[:300], "x", *right[301:]]
    text = printed(
        EvalReport("r", "copy", (1, 20), [score(500, 0.0)], [Answer(right, wrong, right, False)]), 80
    )
    assert "tokens 270 to 329 of 500" in text
    got = text.partition("got")[2].split()
    assert got == wrong[270:330]
    assert "  " not in text.partition("got")[2].strip().replace("\n         ", "\n")


def test_only_what_is_all_right_is_shown_as_one() -> None:
    assert share(1.0) == "1.000"
    assert share(0.99999) == "0.999"
    assert share(0.0) == "0.000"
    assert share(None) == "-"
    assert interval((0.0, 1.0)) == "0.00-1.00"


class Screen(io.StringIO):
    """What says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_colour_that_is_forced_makes_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    for file, is_terminal in ((io.StringIO(), False), (Screen(), True)):
        console = Console(file=file, width=80)
        assert console.is_terminal
        assert is_live(console) == is_terminal


def test_a_status_line_stands_in_place_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.1, 1.0, 1.0, 1.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    console = Console(file=Screen(), width=10, force_terminal=True)
    line = StatusLine(console)
    line.show("too early")
    line.show("length 2,000: 3 of 500")
    line.clear()
    assert console.file.getvalue() == "\r\x1b[Klength 2,\r\x1b[K"  # type: ignore[attr-defined]  # a StringIO


def test_a_status_line_is_a_line_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.5, 2.5, 3.0, 3.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    console = Console(file=io.StringIO(), width=80)
    line = StatusLine(console)
    for text in ("too early", "length 2,000: 3 of 500", "again too early"):
        line.show(text)
    line.clear()
    assert console.file.getvalue() == "length 2,000: 3 of 500\n"  # type: ignore[attr-defined]  # a StringIO

"""Attention drawn on a picture: in a terminal, as shapes, as a PNG and in the page."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from tests.render.browser import Open, pixels, point_at, tile
from tests.render.records import weights
from tfcli.records.inspection import AttentionRecord, HeadRecord, LayerRecord, View
from tfcli.records.results import Answer
from tfcli.render.attention import print_attention
from tfcli.render.files import render
from tfcli.render.pictures import GLOW, TINT, blend, find_glances, largest_weight
from tfcli.render.scores import print_wrong

SIDE = 8
PICTURE = [[(row * SIDE + column) / 63 for column in range(SIDE)] for row in range(SIDE)]
NAMES = [f"{row},{column}" for row in range(4) for column in range(4)]


def record(*, begin: bool = False, answers: int = 1, heads: int = 2) -> AttentionRecord:
    """Return the record of a picture of 4 x 4 patches: the n-th head looks at one patch more than others."""
    tokens = [*["^"] * begin, *NAMES, *["_"] * answers]
    layers = [LayerRecord(0, [HeadRecord(head, weights(len(tokens), head)) for head in range(heads)])]
    said = ["7", "1,2"][:answers]
    return AttentionRecord("runs/digits", NAMES, tokens, 16 + begin, said, said, layers, PICTURE)


def printed(thing: AttentionRecord, width: int = 80, colours: str | None = None) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colours is not None,
        color_system=colours,  # type: ignore[arg-type]
    )
    print_attention(console, thing)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize("answers", [1, 2])
def test_a_glance_is_the_row_of_an_answer_at_the_patches(begin: bool, answers: int) -> None:
    thing = record(begin=begin, answers=answers)
    found = find_glances(thing, thing.layers[0].heads)
    assert [row[0].answer for row in found] == thing.prediction
    for i, row in enumerate(found):
        for glance in row:
            whole = glance.head.weights[16 + begin + i]
            assert glance.weights == whole[begin : begin + 16]
            assert glance.elsewhere == pytest.approx(sum(whole) - sum(glance.weights))
    assert largest_weight(thing) == max(max(glance.weights) for row in found for glance in row)


def test_ink_is_grey_and_a_patch_is_tinted_as_much_as_it_is_looked_at() -> None:
    colours = blend(PICTURE, [1.0 if patch == 6 else 0.5 * (patch == 0) for patch in range(16)], 1.0)
    for row in range(SIDE):
        for column in range(SIDE):
            ink, patch = 255 * PICTURE[row][column], row // 2 * 4 + column // 2
            share = {6: TINT, 0: TINT / 2}.get(patch, 0.0)
            expected = [ink + share * (part - ink) for part in GLOW]
            assert colours[row][column] == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("colours", [None, "truecolor"])
@pytest.mark.parametrize("answers", [1, 2])
def test_in_a_terminal_each_answer_has_a_picture_a_head(
    width: int, colours: str | None, answers: int
) -> None:
    text = printed(record(answers=answers, heads=3), width, colours)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= width
    for answer in ("7", "1,2")[:answers]:
        assert f"layer 0, for the answer {answer}\n" in plain
    assert plain.count("head ") == plain.count("elsewhere 0.") == 3 * answers
    if colours:
        assert plain.count("▀" * 16) == 3 * answers * SIDE
    else:
        thing = record(answers=answers, heads=3)
        for row in find_glances(thing, thing.layers[0].heads):
            for glance in row:
                assert " ".join(f"{weight:.2f}" for weight in glance.weights[:4]) in plain
        assert plain.count("█") > 0
    assert "0,0 0,1" not in plain


def test_where_blocks_cant_be_shown_a_picture_is_letters() -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), width=80)
    print_attention(console, record())
    console.file.flush()
    text = console.file.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "##" in text


def test_a_wrong_answer_is_shown_with_its_picture() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_wrong(console, Answer(NAMES, ["3"], ["7"], False, PICTURE))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 1 + SIDE + 2
    assert lines[-2:] == ["expected 7", "got      3"]


def saved(thing: AttentionRecord, suffix: str) -> bytes:
    return b"".join(render(thing, [View("", thing)], Path(f"x{suffix}")))


@pytest.mark.parametrize("answers", [1, 2])
def test_as_shapes_it_has_the_colours_of_each_head(answers: int) -> None:
    thing = record(answers=answers)
    root = ElementTree.fromstring(saved(thing, ".svg"))
    groups = root.findall("{http://www.w3.org/2000/svg}g")
    glances = [glance for row in find_glances(thing, thing.layers[0].heads) for glance in row]
    assert len(groups) == len(glances) == 2 * answers
    for group, glance in zip(groups, glances, strict=True):
        drawn = np.zeros((SIDE, SIDE, 3), dtype=int)
        for path in group:
            column, row, count = map(int, re.match(r"M(\d+) (\d+)h(\d+)", path.attrib["d"]).groups())  # type: ignore[union-attr]
            colour = path.attrib["fill"]
            drawn[row, column : column + count] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert drawn.tolist() == np.array(blend(PICTURE, glance.weights, largest_weight(thing))).tolist()


@pytest.mark.parametrize("answers", [1, 2])
def test_as_a_png_it_has_the_glow(answers: int) -> None:
    image = imread(io.BytesIO(saved(record(answers=answers), ".png")))[..., :3]
    brightest = max(
        (
            colour
            for row in find_glances(record(), record().layers[0].heads)
            for glance in row
            for line in blend(PICTURE, glance.weights, largest_weight(record()))
            for colour in line
        ),
        key=lambda colour: colour[0] - colour[2],
    )
    assert np.abs(image * 255 - np.array(brightest)).sum(-1).min() < 3


@pytest.mark.parametrize("suffix", [".md", ".csv", ".json"])
def test_other_formats_take_a_picture_too(suffix: str) -> None:
    assert b"0,0" in saved(record(), suffix) or b"0&#44;0" in saved(record(), suffix)


def test_the_page_draws_what_each_head_looks_at_and_then_what_a_query_does(show: Open) -> None:
    thing = record(answers=2)
    shown = show([View("a picture", thing)])
    glances = find_glances(thing, thing.layers[0].heads)
    peak = largest_weight(thing)
    for head in (0, 1):
        got = np.array(pixels(shown, f'.tile[data-head="{head}"] canvas')).reshape(SIDE, 2 * SIDE + 1, -1)[
            ..., :3
        ]
        for answer in (0, 1):
            expected = np.array(blend(PICTURE, glances[answer][head].weights, peak))
            part = got[:, answer * (SIDE + 1) : answer * (SIDE + 1) + SIDE]
            assert np.abs(part - expected).max() <= 1
    tile(shown, 0, 1).click()
    text = shown.locator("#picture p")
    assert text.text_content() == "query 16 _ looks at these patches"
    point_at(shown, 3, 5, 18)
    assert text.text_content() == "query 3 0,3 looks at these patches"
    row = thing.layers[0].heads[1].weights[3]
    got = np.array(pixels(shown, "#picture canvas")).reshape(SIDE, SIDE, -1)[..., :3]
    expected = np.array(blend(PICTURE, [min(weight, peak) for weight in row[:16]], peak))
    assert np.abs(got - expected).max() <= 1

"""The HTML attention viewer in a real browser: maps of what the scores are the sum of."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.render.browser import Open, Page, figure, overflow, pixels, point_at, press, tile
from tests.render.pages import digits, one, one_head, rows, scored
from tfcli.records.inspection import HeadRecord, ScoreParts, View
from tfcli.render import html
from tfcli.render.html import render

pytestmark = pytest.mark.xdist_group("viewer scores")  # which has a browser of its own

SUM = r"score (\S+) = q·k (\S+) \+ position (\S+)"
Numbers = Sequence[Sequence[float | None]]


def part_of(head: HeadRecord, part: str) -> Numbers:
    assert head.scores is not None
    found: Numbers | None = getattr(head.scores, part)
    assert found is not None
    return found


def largest(view: View) -> float:
    parts = [
        part_of(head, part)
        for layer in view.record.layers
        for head in layer.heads
        for part in ("content", "position")
    ]
    return max(abs(number) for part in parts for row in part for number in row if number is not None)


def switch(shown: Page, part: str) -> None:
    shown.get_by_role("button", name={"content": "q·k"}.get(part, part), exact=True).click()


def replaced(view: View, scores: ScoreParts | None) -> View:
    layers = [
        replace(layer, heads=[replace(head, scores=scores) for head in layer.heads])
        for layer in view.record.layers
    ]
    return replace(view, record=replace(view.record, layers=layers))


@pytest.mark.parametrize("part", ["content", "position"])
def test_the_maps_show_the_part_that_is_chosen(show: Open, part: str) -> None:
    view = scored(digits(4), causal=True)
    shown = show([view], 1600)
    switch(shown, part)
    assert shown.locator("#parts [aria-pressed=true]").get_attribute("data-part") == part
    for number, head in enumerate(head for layer in view.record.layers for head in layer.heads):
        texts = figure(shown, number).locator(".number").all_text_contents()
        for text, value in zip(texts, (value for row in part_of(head, part) for value in row), strict=True):
            if value is None:
                assert text == ""
            else:
                assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.0055)


@pytest.mark.parametrize("part", ["content", "position"])
def test_the_colour_of_a_score_is_its_share_of_the_largest_of_both_parts(show: Open, part: str) -> None:
    view = scored(digits(5), causal=True)
    shown = show([view])
    switch(shown, part)
    full = largest(view)
    assert float(shown.locator("#most-score").get_attribute("data-full")) == pytest.approx(full, rel=1e-3)
    assert shown.locator("#least-score").text_content() == f"−{full:.2f}"
    assert shown.locator("#most-score").text_content() == f"{full:.2f}"
    assert shown.locator("#masked").is_visible()
    for colour, value in zip(
        pixels(shown, ".tile canvas"),
        (value for row in part_of(view.record.layers[0].heads[0], part) for value in row),
        strict=True,
    ):
        strong = (20, 80, 200) if value is not None and value > 0 else (190, 70, 0)
        share = 0 if value is None else abs(value) / full
        expected = (226, 229, 234) if value is None else [255 + (one - 255) * share for one in strong]
        assert colour == pytest.approx(expected, abs=1.5)


def test_a_key_switches_the_part_also_of_a_large_map(show: Open) -> None:
    view = scored(digits(6))
    shown = show([view])
    tile(shown, 1, 0).click()
    point_at(shown, 4, 2, 6)
    head = view.record.layers[1].heads[0]
    content, position = (part_of(head, part)[4][2] for part in ("content", "position"))
    assert content is not None
    assert position is not None
    for part, expected in (("content", content), ("position", position), ("weights", head.weights[4][2])):
        press(shown, "s")
        assert shown.locator("#parts [aria-pressed=true]").get_attribute("data-part") == part
        said = shown.locator("#readout b").text_content().replace("−", "-")
        assert float(said) == pytest.approx(expected, abs=0.0011)
        assert shown.locator("#weights .number").count() == 36
        told = re.fullmatch(SUM, shown.locator("#readout small").text_content().replace("−", "-"))
        assert told is not None
        numbers = [float(number) for number in told.groups()]
        assert numbers == pytest.approx([content + position, content, position], abs=0.0101)


@pytest.mark.parametrize(("width", "columns"), [(1600, 6), (1000, 3), (360, 1)])
def test_all_parts_of_each_head_stand_side_by_side(show: Open, width: int, columns: int) -> None:
    view = scored(digits(5))
    shown = show([view], width)
    shown.get_by_role("button", name="side by side").click()
    assert overflow(shown) <= 0
    boxes = shown.locator(".figure").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().toJSON())"
    )
    assert [box["y"] for box in boxes].count(boxes[0]["y"]) == columns
    heads = [head for layer in view.record.layers for head in layer.heads]
    numbers = [
        part for head in heads for part in (part_of(head, "content"), part_of(head, "position"), head.weights)
    ]
    for i, expected in enumerate(numbers):
        texts = figure(shown, i).locator(".number").all_text_contents()
        flat = [value for row in expected for value in row]
        said = [float(text.replace("−", "-")) for text in texts]
        assert said == pytest.approx(flat, abs=0.0055)
    assert shown.locator("#score-legend").is_visible()
    assert shown.locator("#weight-legend").is_visible()


def test_the_keyboard_goes_from_part_to_part_and_enlarges_it(show: Open) -> None:
    view = scored(digits(5))
    shown = show([view])
    press(shown, "s")
    assert shown.locator("#together").get_attribute("aria-pressed") == "true"
    press(shown, "ArrowRight", "ArrowDown", "ArrowRight", "ArrowLeft")
    assert shown.evaluate("document.activeElement.textContent") == "layer 1 head 0 position"
    press(shown, "Enter", "ArrowDown", "ArrowRight")
    expected = part_of(view.record.layers[1].heads[0], "position")[0][1]
    said = float(shown.locator("#readout b").text_content().replace("−", "-"))
    assert said == pytest.approx(expected, abs=0.0011)
    press(shown, "Escape")
    assert shown.evaluate("document.activeElement.textContent") == "layer 1 head 0 position"
    assert shown.locator(".tile").count() == 12


MATRIX = [[1.0, -2.0], [0.5, 3.0]]
PARTS = {
    "content": (ScoreParts(None, MATRIX, None), "no queries and keys"),
    "position": (ScoreParts(MATRIX, None, None), "the scores are q·k alone"),
}


@pytest.mark.parametrize("missing", PARTS)
def test_a_part_that_a_head_lacks_is_told_instead_of_drawn(show: Open, missing: str) -> None:
    scores, told = PARTS[missing]
    shown = show([replaced(one(2)[0], scores)], 1600)
    other = "position" if missing == "content" else "content"
    switch(shown, other)
    assert set(shown.locator(".remark").all_text_contents()) == {""}
    assert figure(shown, 0).locator(".number").count() == 4
    switch(shown, missing)
    assert all(told in text for text in shown.locator(".remark").all_text_contents())
    assert shown.locator(".figure .number").count() == 0
    tile(shown, 0, 0).click()
    assert told in shown.locator("#remark").text_content()
    press(shown, "ArrowDown")
    assert shown.locator("#readout b").text_content() == ""


def test_position_that_is_in_queries_and_keys_is_told(show: Open) -> None:
    shown = show([replaced(one(2)[0], ScoreParts(MATRIX, None, "position is in queries and keys"))], 1600)
    switch(shown, "content")
    assert (
        figure(shown, 0).locator(".remark").text_content()
        == "q·k holds both: position is in queries and keys."
    )
    switch(shown, "position")
    assert (
        "No position bias: position is in queries and keys"
        in figure(shown, 0).locator(".remark").text_content()
    )


def test_maps_that_sum_heads_up_have_weights_alone(show: Open) -> None:
    shown = show(one_head(0, "mean", rows(3, random.Random(0))))
    switch(shown, "content")
    assert "sums up several heads" in shown.locator(".remark").text_content()


def test_scores_are_left_out_where_a_page_would_be_too_large(
    show: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = scored(digits(6), layers=1, heads=2)
    whole = len(render([view]))
    monkeypatch.setattr(html, "MAX_WEIGHTS", 3 * 2 * 36)
    assert len(render([view])) == whole
    monkeypatch.setattr(html, "MAX_WEIGHTS", 3 * 2 * 36 - 1)
    assert len(render([view])) < whole
    shown = show([view])
    switch(shown, "position")
    assert "choose fewer layers" in figure(shown, 0).locator(".remark").text_content()
    monkeypatch.setattr(html, "MAX_WEIGHTS", 2 * 36 - 1)
    with pytest.raises(ValueError, match="72 weights are too many for a page"):
        render([view])


@pytest.mark.parametrize("n", [8, 40])
def test_scores_fit_a_narrow_window(show: Open, n: int) -> None:
    shown = show([scored(digits(n))], 360)
    for part in ("content", "position"):
        switch(shown, part)
        assert overflow(shown) <= 0

"""The HTML attention viewer in a real browser: the lines of all heads at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.render.browser import PRINTED, Open, Page, overflow, press
from tests.render.pages import LONG, PACKED, digits, one, one_head, record, steps
from tfcli.records.inspection import View

pytestmark = pytest.mark.xdist_group("viewer lines")  # which has a browser of its own

# Where a line begins and ends in the window.
ENDS = """line => [0, line.getTotalLength()].map(at => {
    const { x, y } = line.getPointAtLength(at).matrixTransform(line.getScreenCTM());
    return [x, y];
})"""
LOOKS = """lines => lines.map(line =>
    [line.dataset.head, getComputedStyle(line).stroke, line.getAttribute("stroke-dasharray")])"""
VISIBLE = "lines => lines.filter(line => line.style.display !== 'none').map(line => ({...line.dataset}))"


def visible(shown: Page, layer: int) -> list[dict[str, Any]]:
    panel = shown.locator(".panel").nth(layer)
    return list(panel.locator("path").evaluate_all(VISIBLE))


def drawn(shown: Page, layer: int) -> dict[tuple[str, int, int], float]:
    """Return the weight of each line that is seen, by head, query and key."""
    return {
        (line["head"], int(line["query"]), int(line["key"])): float(line["weight"])
        for line in visible(shown, layer)
    }


def expected(view: View, layer: int) -> dict[tuple[str, int, int], Any]:
    """Return what is to be drawn: a twentieth of the full colour and more."""
    peak = max(
        weight for part in view.record.layers for head in part.heads for row in head.weights for weight in row
    )
    least = (peak if peak < 0.5 else 1) / 20
    return {
        (f"head {head.head}", query, key): pytest.approx(weight, abs=PACKED)
        for head in view.record.layers[layer].heads
        for query, row in enumerate(head.weights)
        for key, weight in enumerate(row)
        if weight >= least
    }


def token(shown: Page, side: str, i: int, layer: int = 0) -> Any:
    return shown.locator(".panel").nth(layer).locator(f'[data-side="{side}"][data-i="{i}"]')


@pytest.mark.parametrize("n", [1, 6, 40])
def test_there_is_a_line_for_each_weight_that_counts(show: Open, n: int) -> None:
    views = one(n)
    shown = show(views)
    shown.get_by_role("button", name="lines", exact=True).click()
    note = shown.locator("#bundle-note").text_content()
    assert ("Weights below 0.05 are left out" in note) == (n < 40)
    for layer in range(2):
        assert drawn(shown, layer) == expected(views[0], layer)


def test_lines_lead_from_query_to_key_and_are_as_thick_as_their_weight(show: Open) -> None:
    n = 5
    mirrored = [[0.9 if query + key == n - 1 else 0.025 for key in range(n)] for query in range(n)]
    shown = show(one_head(0, 0, mirrored))
    press(shown, "l")
    boxes = {side: [token(shown, side, i).bounding_box() for i in range(n)] for side in ("query", "key")}
    for line in shown.locator("path").all():
        query, key = (int(line.get_attribute(f"data-{side}")) for side in ("query", "key"))
        assert query + key == n - 1
        start, end = line.evaluate(ENDS)
        left, right = boxes["query"][query], boxes["key"][key]
        assert start == pytest.approx([left["x"] + left["width"], left["y"] + left["height"] / 2], abs=1.5)
        assert end == pytest.approx([right["x"], right["y"] + right["height"] / 2], abs=1.5)
        assert float(line.get_attribute("stroke-width")) == pytest.approx(0.5 + 3.5 * 0.9, abs=0.01)


@pytest.mark.parametrize("way", ["hover", "focus"])
def test_a_token_shows_its_lines_alone_in_all_layers_and_where_each_head_looks_most(
    show: Open, way: str
) -> None:
    n = 6
    views = one(n)
    shown = show(views)
    press(shown, "l")
    for side, i in (("query", 2), ("key", 5)):
        getattr(token(shown, side, i), way)()
        for layer in range(2):
            place = 1 if side == "query" else 2
            wanted = {line: weight for line, weight in expected(views[0], layer).items() if line[place] == i}
            assert drawn(shown, layer) == wanted
            told = shown.locator(".panel").nth(layer).locator(".told b").all_text_contents()
            heads = [head.weights for head in views[0].record.layers[layer].heads]
            most = [max(rows[i] if side == "query" else [row[i] for row in rows]) for rows in heads]
            assert [float(text) for text in told] == pytest.approx(most, abs=PRINTED)
    if way == "hover":
        shown.locator("#run").hover()
        assert drawn(shown, 0) == expected(views[0], 0)


def test_the_keyboard_moves_from_token_to_token(show: Open) -> None:
    shown = show(one(4))
    press(shown, "l")
    token(shown, "query", 0).focus()
    press(shown, "ArrowDown", "ArrowDown", "ArrowRight")
    assert shown.evaluate("({...document.activeElement.dataset})") == {"side": "key", "i": "2"}
    assert {line[2] for line in drawn(shown, 1)} <= {2}
    assert "head 0 ← " in shown.evaluate("document.activeElement.getAttribute('aria-description')")
    press(shown, "End", "Home")
    assert shown.evaluate("document.activeElement.dataset.side") == "query"
    assert shown.locator('.panel:first-child .bundle [tabindex="0"]').count() == 1


def test_heads_are_switched_off_and_on(show: Open) -> None:
    views = one(5)
    shown = show(views)
    press(shown, "l")
    shown.get_by_role("button", name="head 1", exact=True).click()
    press(shown, "3")
    for layer in range(2):
        wanted = {k: v for k, v in expected(views[0], layer).items() if k[0] in ("head 0", "head 2")}
        assert drawn(shown, layer) == wanted
    pressed = shown.locator(".head-switch").evaluate_all("all => all.map(one => one.ariaPressed)")
    assert pressed == ["true", "false", "true", "false"]
    press(shown, "3")
    assert {line[0] for line in drawn(shown, 0)} == {"head 0", "head 2", "head 3"}
    shown.get_by_role("button", name="all heads", exact=True).click()
    assert drawn(shown, 1) == expected(views[0], 1)


def test_each_head_has_a_colour_of_its_own(show: Open) -> None:
    shown = show(one(3, heads=10))
    press(shown, "l")
    looks = shown.locator(".panel").first.locator("path").evaluate_all(LOOKS)
    by_head = {head: (colour, dashes) for head, colour, dashes in looks}
    assert len(set(by_head.values())) == len(by_head) == 10


def test_too_many_tokens_for_lines_are_told(show: Open) -> None:
    shown = show(one(41, layers=1, heads=1))
    press(shown, "l")
    assert "up to 40 tokens, and these are 41" in shown.locator("#too-many").text_content()
    assert shown.locator(".panel").count() == 0
    press(shown, "l")
    assert shown.locator(".tile").count() == 1


def test_lines_follow_the_view(show: Open) -> None:
    views = steps()
    shown = show(views)
    press(shown, "l", "]")
    assert drawn(shown, 0) == expected(views[1], 0)
    token(shown, "query", 1).focus()
    press(shown, "[")
    assert {line[1] for line in drawn(shown, 0)} == {1}, "the chosen token stays chosen"


@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("tokens", [digits(40), LONG], ids=["40", "long"])
def test_lines_fit_the_window(show: Open, width: int, tokens: list[str]) -> None:
    shown = show([View("a", record(tokens))], width)
    press(shown, "l")
    assert overflow(shown) <= 0
    assert shown.locator("svg").first.bounding_box()["width"] > 40

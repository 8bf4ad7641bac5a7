"""The HTML attention viewer in a real browser: small and wide windows, many tokens, a frame."""

from __future__ import annotations

from html import escape
from itertools import pairwise

import pytest

from tests.render.browser import (
    Open,
    assert_reads,
    blended,
    cell,
    overflow,
    pixels,
    point_at,
    press,
    tile,
    weights_of,
)
from tests.render.pages import LONG, digits, one, record, steps
from tfcli.records.inspection import View
from tfcli.render.html import render

pytestmark = pytest.mark.xdist_group("viewer sizes")  # which has a browser of its own


def test_five_hundred_tokens_are_on_screen_within_two_seconds(show: Open) -> None:
    views = one(500, layers=1, heads=8)
    shown = show(views)
    shown.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )
    assert shown.evaluate("performance.getEntriesByName('grid drawn')[0].startTime") < 2000
    tile(shown, 0, 7).click()
    weights = weights_of(views[0], 0, 7)
    press(shown, *["+"] * 3)
    point_at(shown, 20, 31, 500)
    assert_reads(shown, 20, 31, weights)
    press(shown, *["ArrowDown"] * 2)
    assert cell(shown) == (22, 31)


@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("tokens", [digits(1), digits(20), digits(200), LONG], ids=["1", "20", "200", "long"])
def test_nothing_is_wider_than_the_window_and_no_labels_overlap(
    show: Open, width: int, tokens: list[str]
) -> None:
    shown = show([View("a", record(tokens)), View("a long name of a view " * 4, record(tokens))], width)
    assert overflow(shown) <= 0
    tile(shown, 0, 0).click()
    press(shown, "ArrowDown")
    assert overflow(shown) <= 0
    for axis, start, length in (("#query-axis", "y", "height"), ("#key-axis", "x", "width")):
        boxes = shown.locator(f"{axis} .label:not(.now)").evaluate_all(
            "labels => labels.map(label => label.getBoundingClientRect().toJSON())"
        )
        assert boxes
        for box, following in pairwise(boxes):
            assert box[start] + box[length] <= following[start] + 0.5


@pytest.mark.parametrize("hidden", ["", "hidden"])
def test_it_works_in_a_sandboxed_frame_of_a_notebook(show: Open, hidden: str) -> None:
    views = steps()
    size = 'width="1000" height="800"'
    frame = f'<iframe {hidden} {size} sandbox="allow-scripts" srcdoc="{escape(render(views))}">'
    head = '<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,">'
    outer = show([], document=f"{head}{frame}</iframe>")
    outer.locator("iframe").evaluate("frame => { frame.hidden = false; }")
    shown = outer.frame_locator("iframe")
    assert pixels(shown, ".tile canvas") == blended(weights_of(views[0], 0, 0), 1)
    tile(shown, 1, 0).click()
    point_at(shown, 4, 5, 6)
    assert_reads(shown, 4, 5, weights_of(views[0], 1, 0))
    outer.keyboard.press("]")
    assert_reads(shown, 4, 5, weights_of(views[1], 1, 0))
    outer.keyboard.press("?")
    assert shown.locator("#keys").is_visible()

"""The HTML attention viewer in a real browser: keys, buttons and fingers."""

from __future__ import annotations

import random

import pytest

from tests.render.browser import (
    Open,
    assert_reads,
    background,
    cell,
    focused,
    pixels,
    point_at,
    press,
    tile,
    title,
    weights_of,
)
from tests.render.pages import one, one_head, rows, steps

pytestmark = pytest.mark.xdist_group("viewer controls")  # which has a browser of its own


def test_the_keyboard_does_it_all(show: Open) -> None:
    views = one(5)
    shown = show(views)
    press(shown, "ArrowRight", "ArrowRight", "ArrowDown")
    assert focused(shown) == "layer 1 head 2"
    press(shown, "ArrowDown", "ArrowLeft", "ArrowUp")
    assert focused(shown) == "layer 0 head 1"
    press(shown, "Enter")
    assert title(shown) == "layer 0 head 1"
    assert shown.locator("#grid").is_hidden()
    press(shown, "ArrowDown")
    assert cell(shown) == (0, 0)
    press(shown, "ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp")
    assert_reads(shown, 1, 1, weights_of(views[0], 0, 1))
    press(shown, "n", "n", "n")
    assert title(shown) == "layer 1 head 0"
    assert_reads(shown, 1, 1, weights_of(views[0], 1, 0))
    press(shown, "p")
    assert title(shown) == "layer 0 head 3"
    press(shown, "Escape")
    assert focused(shown) == "layer 0 head 3"
    assert shown.locator("#large").is_hidden()


def test_the_arrow_keys_stop_at_the_ends(show: Open) -> None:
    shown = show(one(2, layers=1, heads=2))
    press(shown, "ArrowLeft", "ArrowUp")
    assert focused(shown) == "layer 0 head 0"
    press(shown, *["ArrowRight"] * 3, "Enter", *["ArrowDown"] * 5, *["ArrowRight"] * 5)
    assert title(shown) == "layer 0 head 1"
    assert cell(shown) == (1, 1)
    press(shown, "n")
    assert title(shown) == "layer 0 head 1"


def test_all_keys_are_listed(show: Open) -> None:
    shown = show(one(2))
    press(shown, "Enter", "ArrowRight", "Enter", "?")
    assert shown.locator("#keys").is_visible()
    press(shown, "n", "Escape")
    assert shown.locator("#keys").is_hidden()
    assert title(shown) == "layer 0 head 1", "neither key reached the map"
    shown.locator("#show-keys").click()
    shown.locator("#hide-keys").click()
    assert shown.locator("#keys").is_hidden()


def test_views_are_switched_by_key_button_and_list(show: Open) -> None:
    views = steps()
    shown = show(views)
    assert shown.locator("#views option").all_text_contents() == [view.label for view in views]
    tile(shown, 1, 1).click()
    for go, i in (
        (lambda: press(shown, "]"), 1),
        (lambda: shown.locator("#next-view").click(), 2),
        (lambda: press(shown, "[", "[", "["), 0),
        (lambda: shown.locator("#views").select_option("longer"), 2),
        (lambda: shown.locator("#previous-view").click(), 1),
    ):
        go()
        assert shown.locator("#views").evaluate("list => list.selectedIndex") == i
        assert title(shown) == "layer 1 head 1"
        n = len(views[i].record.tokens)
        point_at(shown, n - 1, 2, n)
        assert_reads(shown, n - 1, 2, weights_of(views[i], 1, 1))
    press(shown, "Escape", "]")
    assert shown.locator("#sequence [data-position]").count() == 9
    assert focused(shown) == "layer 1 head 1"


def test_one_view_needs_no_switch(show: Open) -> None:
    shown = show(one(3))
    assert shown.locator("#switcher").is_hidden()
    press(shown, "]", "[")
    assert shown.locator(".tile").count() == 8


def test_views_may_have_other_heads_and_layers(show: Open) -> None:
    [rollout] = one_head(1, "rollout", rows(4, random.Random(1)))
    shown = show([*one(4), rollout])
    tile(shown, 1, 3).click()
    press(shown, "]")
    assert title(shown) == "layer 1 rollout"


def test_the_theme_is_the_systems_until_it_is_chosen(show: Open) -> None:
    shown = show(one(4), color_scheme="dark")
    dark = pixels(shown, ".tile canvas"), background(shown)
    shown.locator("#theme").click()
    light = pixels(shown, ".tile canvas"), background(shown)
    assert dark[0] != light[0]
    assert dark[1] < light[1]
    tile(shown, 0, 0).click()
    large = pixels(shown, "#map canvas")
    assert large == light[0]
    shown.locator("#theme").click()
    assert pixels(shown, "#map canvas") == dark[0]
    shown = show(one(4), color_scheme="light")
    assert (pixels(shown, ".tile canvas"), background(shown)) == light
    shown.emulate_media(color_scheme="dark")
    shown.wait_for_selector('[data-theme="dark"]')
    assert (pixels(shown, ".tile canvas"), background(shown)) == dark


def test_a_finger_chooses_a_cell(show: Open) -> None:
    shown = show(one(4), 360, has_touch=True)
    tile(shown, 0, 0).tap()
    size = shown.locator("#map").bounding_box()["width"] / 4
    shown.locator("#map").tap(position={"x": 2.5 * size, "y": 1.5 * size})
    assert cell(shown) == (1, 2)

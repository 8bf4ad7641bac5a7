"""The HTML attention viewer in a real browser: the steps of a training, to be played."""

from __future__ import annotations

import pytest

from tests.render.browser import Open, figure, pixels, weights_of
from tests.render.pages import PACKED, film

pytestmark = pytest.mark.xdist_group("viewer film")  # which has a browser of its own


def test_the_steps_of_a_training_are_played_from_the_first(show: Open) -> None:
    views = film(4)
    shown = show(views)
    shown.clock.install()
    assert shown.locator("#step-name").text_content() == "step 0"
    assert shown.locator(".tile").count() == 8, "all heads"
    assert shown.locator("#views").is_hidden()
    shown.locator("#play").click()
    for i in (1, 2, 3):
        assert "pause" in shown.locator("#play").text_content()
        shown.clock.run_for(700)
        assert shown.locator("#step-name").text_content() == f"step {25 * i}"
        expected = [f"{weight:.2f}" for row in weights_of(views[i], 1, 2) for weight in row]
        assert figure(shown, 6).locator(".number").all_text_contents() == expected
    assert "play" in shown.locator("#play").text_content()
    shown.clock.run_for(5000)
    assert shown.locator("#step-name").text_content() == "step 75"
    shown.keyboard.press("Escape")
    shown.locator("h1").click()
    shown.keyboard.press(" ")
    assert shown.locator("#step-name").text_content() == "step 0", "anew from the end"
    shown.clock.run_for(700)
    shown.keyboard.press(" ")
    shown.clock.run_for(5000)
    assert shown.locator("#step-name").text_content() == "step 25"


def test_steps_go_slower_where_little_motion_is_wanted(show: Open) -> None:
    shown = show(film(3), reduced_motion="reduce")
    shown.clock.install()
    shown.locator("#play").click()
    shown.clock.run_for(1400)
    assert shown.locator("#step-name").text_content() == "step 0"
    shown.clock.run_for(200)
    assert shown.locator("#step-name").text_content() == "step 25"


def test_the_slider_chooses_a_step(show: Open) -> None:
    views = film(4)
    shown = show(views)
    slider = shown.get_by_label("step of the training")
    slider.focus()
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("ArrowRight")
    assert shown.locator("#step-name").text_content() == "step 50"
    assert slider.get_attribute("aria-valuetext") == "step 50"
    shown.keyboard.press("]")
    assert slider.input_value() == "3"
    expected = [
        pytest.approx(weight, abs=PACKED + 0.005) for row in weights_of(views[3], 0, 0) for weight in row
    ]
    assert [float(text) for text in figure(shown, 0).locator(".number").all_text_contents()] == expected
    before = pixels(shown, ".tile canvas")
    slider.fill("0")
    assert pixels(shown, ".tile canvas") != before

"""The HTML attention viewer in a real browser: for a keyboard, a screen reader, and paper."""

from __future__ import annotations

import pytest

from tests.render.browser import Open, background, overflow, press, tile, violations
from tests.render.pages import LONG, digits, film, record, scored
from tfcli.records.inspection import View

pytestmark = pytest.mark.xdist_group("viewer access")  # which has a browser of its own

PAGES = {
    "scores": lambda: [scored(digits(6), causal=True)],
    "film": lambda: film(12, layers=1),
    "long": lambda: [View("a", record(LONG))],
}
WAYS = {
    "maps": "",
    "side by side": "s",
    "q k": "s s",
    "lines": "l",
    "large": "ArrowRight Enter ArrowDown",
    "keys": "?",
}


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_wrong(show: Open, page: str) -> None:
    shown = show(PAGES[page]())
    for way, keys in WAYS.items():
        shown.reload()
        press(shown, *keys.split())
        for scheme in ("light", "dark"):
            shown.emulate_media(color_scheme=scheme)
            shown.wait_for_selector(f'html[data-theme="{scheme}"]')
            assert violations(shown) == [], (way, scheme)


def test_a_token_that_has_the_focus_is_told_with_where_each_head_looks(show: Open) -> None:
    shown = show([scored(digits(5), layers=1)])
    press(shown, "l")
    first = shown.get_by_role("button", name="query 0 0", exact=True)
    first.focus()
    assert first.get_attribute("aria-description").count("head") == 2
    assert violations(shown) == []


def test_paper_is_light_and_has_no_buttons(show: Open) -> None:
    shown = show([scored(digits(5))], 700, color_scheme="dark")
    screen = background(shown)
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown.emulate_media(media="print")
    assert shown.evaluate("document.documentElement.dataset.theme") == "light"
    assert not any(shown.locator(name).is_visible() for name in ("#theme", "#show-keys", "#layouts", "#help"))
    assert tile(shown, 1, 1).is_visible()
    assert overflow(shown) <= 0
    shown.emulate_media(media="screen")
    shown.evaluate("dispatchEvent(new Event('afterprint'))")
    assert background(shown) == screen

"""The HTML attention viewer in a real browser: what it shows is what the record says."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.render.pages import LONG, ODD, PACKED, digits, one, one_head, record, rows, steps
from tfcli.records.inspection import View
from tfcli.render.html import UNITS, render

PRINTED = PACKED + 0.5e-4  # how far four decimals may be off
Page = Any  # of Playwright, which need not be installed
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium."""
    missing = "needs a browser: pip install playwright, and Debian's chromium"
    playwright = pytest.importorskip("playwright.sync_api", reason=missing)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip(missing)
    quiet = ["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"]
    quiet += ["no-sandbox", "disable-component-update", "disable-sync"]
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=chromium, args=[f"--{flag}" for flag in quiet])
        yield launched
        launched.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """`show(views)` opens them in a page, which must make no request and report no error until the end."""
    file = tmp_path / "attention.html"
    contexts, requests, complaints = [], [], []

    def opened(views: list[View], width: int = 1280, document: str = "", **options: Any) -> Page:
        file.write_text(document or render(views), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        made = context.new_page()
        made.on("request", lambda request: requests.append(request.url))
        made.on("console", lambda message: complaints.append(message.text))
        made.on("pageerror", lambda error: complaints.append(str(error)))
        made.goto(file.as_uri())
        return made

    yield opened
    for context in contexts:
        context.close()
    assert set(requests) == {file.as_uri()}
    assert complaints == []


def tile(shown: Page, layer: int, head: int | str) -> Any:
    return shown.locator(f'.tile[data-layer="{layer}"][data-head="{head}"]')


def point_at(shown: Page, query: int, key: int, n: int) -> None:
    box = shown.locator("#map").bounding_box()
    cell = box["width"] / n
    shown.locator("#map").hover(position={"x": (key + 0.5) * cell, "y": (query + 0.5) * cell})


def weights_of(view: View, layer: int, head: int) -> list[list[float]]:
    return view.record.layers[layer].heads[head].weights


def cell(shown: Page) -> tuple[int, int]:
    """Return the query and the key that are read out."""
    data = shown.locator("#readout").evaluate("element => ({...element.dataset})")
    return int(data["query"]), int(data["key"])


def assert_reads(shown: Page, query: int, key: int, weights: list[list[float]]) -> None:
    assert cell(shown) == (query, key)
    weight = float(shown.locator("#readout").get_attribute("data-weight"))
    assert weight == pytest.approx(weights[query][key], abs=PACKED)
    printed = shown.locator("#readout b").text_content()
    assert re.fullmatch(r"[01]\.\d{4}", printed)
    assert float(printed) == pytest.approx(weights[query][key], abs=PRINTED)


def press(shown: Page, *keys: str) -> None:
    for key in keys:
        shown.keyboard.press(key)


def title(shown: Page) -> str:
    return str(shown.locator("#title").text_content())


def focused(shown: Page) -> str:
    """Return the layer and head of the tile that has the focus."""
    return str(shown.evaluate("document.activeElement.textContent"))


def overflow(shown: Page) -> int:
    return int(shown.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.parametrize("n", [1, 4, 20, 64])
def test_a_cell_that_is_pointed_at_reads_as_the_record(show: Open, n: int) -> None:
    views = one(n)
    shown = show(views)
    tile(shown, 1, 2).click()
    assert title(shown) == "layer 1 head 2"
    weights = weights_of(views[0], 1, 2)
    for query, key in {(0, 0), (n // 2, n // 3), (0, n - 1), (n - 1, 0)}:
        point_at(shown, query, key, n)
        assert_reads(shown, query, key, weights)
        tokens = digits(n)
        text = f"query {query} {tokens[query]}looks at key {key} {tokens[key]}"
        assert shown.locator("#readout > span").text_content() == text


def test_the_large_map_says_which_side_is_which(show: Open) -> None:
    shown = show(one(4))
    tile(shown, 0, 0).click()
    assert shown.get_by_text("query: who looks").is_visible()
    assert shown.get_by_text("key: what is looked at").is_visible()
    box, query, key = (shown.locator(name).bounding_box() for name in ("#map", "#query-axis", "#key-axis"))
    assert query["x"] + query["width"] <= box["x"]
    assert key["y"] + key["height"] <= box["y"]
    weights = [f"{w:.2f}" for row in one(4)[0].record.layers[0].heads[0].weights for w in row]
    assert shown.locator("#weights span").all_text_contents() == weights


def test_the_shade_of_a_weight_is_its_share_of_the_full_colour(show: Open) -> None:
    views = one(4)
    shown = show(views)
    assert shown.locator("#scale").text_content() == "1"
    assert pixels(shown, ".tile canvas") == blended(weights_of(views[0], 0, 0), 1)


def test_small_weights_are_scaled_to_the_largest_and_the_legend_says_so(show: Open) -> None:
    n = 40
    flat = [[(1 + (query == key)) / (n + 1) for key in range(n)] for query in range(n)]
    shown = show(one_head(3, "mean", flat))
    assert shown.locator("#scale").text_content() == f"{2 / (n + 1):.4f}, the largest weight"
    assert tile(shown, 3, "mean").text_content() == "layer 3 mean"
    assert pixels(shown, ".tile canvas") == blended(flat, 2 / (n + 1))


# Of a copy: Chromium complains of a canvas that is read repeatedly.
READ = """canvas => {
    const { width, height } = canvas;
    const pen = new OffscreenCanvas(width, height).getContext("2d");
    pen.drawImage(canvas, 0, 0);
    return Array.from(pen.getImageData(0, 0, width, height).data);
}"""


def pixels(shown: Page, canvas: str) -> list[list[int]]:
    """Red, green and blue of each pixel."""
    data = shown.locator(canvas).first.evaluate(READ)
    return [data[i : i + 3] for i in range(0, len(data), 4)]


def blended(weights: list[list[float]], full: float) -> Any:
    """Say what `pixels` are to be, in the light theme and within one of 256 shades."""
    colours = [
        [255 + (strong - 255) * weight / full for strong in (20, 80, 200)]
        for row in weights
        for weight in row
    ]
    return [pytest.approx(colour, abs=1.5) for colour in colours]


@pytest.mark.parametrize("n", [4, 64])
def test_the_lists_are_the_row_and_the_column_in_order_of_weight(show: Open, n: int) -> None:
    views = one(n)
    shown = show(views)
    tile(shown, 0, 1).click()
    point_at(shown, 1, 2, n)
    weights = weights_of(views[0], 0, 1)
    for name, kind, numbers in (
        ("looks-at", "key", weights[1]),
        ("looked-at-by", "query", [row[2] for row in weights]),
    ):
        order = sorted(range(n), key=lambda i: -round(numbers[i] * UNITS))  # as packed
        items = shown.locator(f"#{name} li").evaluate_all("items => items.map(item => ({...item.dataset}))")
        assert [int(item[kind]) for item in items] == order[:20]
        listed = [float(item["weight"]) for item in items]
        assert listed == pytest.approx([numbers[i] for i in order[:20]], abs=PACKED)
        assert [float(text) for text in shown.locator(f"#{name} b").all_text_contents()] == pytest.approx(
            listed, abs=0.5e-4 + 1e-6
        )
        rest = shown.locator(f"#{name} + p").text_content()
        if n <= 20:
            assert rest == ""
        else:
            more, together = re.fullmatch(r"(\d+) more, together ([\d.]+)", rest).groups()  # type: ignore[union-attr]
            assert int(more) == n - 20
            assert float(together) == pytest.approx(sum(numbers[i] for i in order[20:]), abs=n * PRINTED)


def test_a_token_beside_the_lines_shows_its_own(show: Open) -> None:
    n = 6
    views = one(n)
    shown = show(views)
    tile(shown, 0, 0).click()
    lines = shown.locator("#lines canvas")
    all_lines = lines.evaluate("canvas => canvas.toDataURL()")
    weights = weights_of(views[0], 0, 0)
    for query in (4, 1):
        shown.locator("#lines .before .label").nth(query).hover(force=True)
        strongest = max(range(n), key=lambda key: weights[query][key])
        assert cell(shown) == (query, strongest)
        assert lines.evaluate("canvas => canvas.toDataURL()") != all_lines
    shown.locator("#lines .after .label").nth(3).hover(force=True)
    assert cell(shown) == (1, 3)


def test_many_tokens_have_lines_once_one_is_pointed_at(show: Open) -> None:
    shown = show(one(80, layers=1, heads=1))
    tile(shown, 0, 0).click()
    assert "Point at a query" in shown.locator("#lines-note").text_content()
    drawn = f"canvas => ({READ})(canvas).some(Boolean)"
    assert not shown.locator("#lines canvas").evaluate(drawn)
    point_at(shown, 40, 3, 80)
    assert shown.locator("#lines canvas").evaluate(drawn)


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


def background(shown: Page) -> list[int]:
    colour = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in re.findall(r"\d+", colour)]


def test_odd_symbols_are_text(show: Open) -> None:
    tokens = [
        *ODD,
        "<img src=x onerror=document.title='run'>",
        "</script><script>document.title='run'</script>",
    ]
    shown = show([View("<b>a</b>", record(tokens)), View("&lt;", record(tokens))])
    assert shown.locator("#sequence .input").all_text_contents() == tokens
    assert shown.locator("#sequence .answer").all_text_contents() == tokens[::-1]
    assert shown.locator("#views option").all_text_contents() == ["<b>a</b>", "&lt;"]
    tile(shown, 0, 0).click()
    press(shown, "ArrowRight")
    listed = shown.locator("#looks-at .token").all_text_contents()
    assert sorted(listed) == sorted(tokens)
    assert shown.title() == "runs/reverse: attention"
    assert shown.locator("img, main script, #sequence b").count() == 0


def test_short_symbols_stand_at_the_axes_and_long_ones_are_numbered(show: Open) -> None:
    shown = show([View("a", record(["我", "喜欢", "吃", "苹果"]))])
    tile(shown, 0, 0).click()
    assert shown.locator("#query-axis .label").all_text_contents() == ["我", "喜欢", "吃", "苹果"]
    assert shown.locator("#key-axis .label").all_text_contents() == ["我", "喜欢", "吃", "苹果"]
    assert shown.locator("#numbers li").count() == 0
    shown = show([View("a", record(LONG))])
    tile(shown, 0, 0).click()
    assert shown.locator("#query-axis .label").all_text_contents() == [str(i) for i in range(len(LONG))]
    assert shown.locator("#numbers .token").all_text_contents() == LONG


def test_wrong_tokens_are_marked_and_the_right_ones_stand_below(show: Open) -> None:
    thing = record(digits(5))
    wrong = ["x", *thing.target[1:4], "y"]
    shown = show([View("a", replace(thing, prediction=wrong))])
    assert shown.locator("#verdict").text_content() == "the answer is wrong: 2 of 5 tokens are"
    marked = shown.locator("#sequence [data-wrong]")
    assert [item.get_attribute("data-position") for item in marked.all()] == ["0", "4"]
    assert shown.locator("#sequence .right").all_text_contents() == [thing.target[0], thing.target[4]]
    answers = shown.locator("#sequence .answer")
    borders = answers.evaluate_all("all => all.map(one => getComputedStyle(one).borderTopColor)")
    assert [border != borders[1] for border in borders] == [True, False, False, False, True]
    shown = show([View("a", thing)])
    assert shown.locator("#verdict").text_content() == "the answer is right"
    assert shown.locator("#sequence [data-wrong], #sequence .right").count() == 0


def test_appended_answers_stand_below_their_blanks(show: Open) -> None:
    thing = record(["^", "3", "1", "_", "_"])
    laid_out = replace(thing, input=["3", "1"], first_answer=3, prediction=["1", "x"], target=["1", "3"])
    shown = show([View("a", laid_out)])
    assert shown.locator("#verdict").text_content() == "the answer is wrong: 1 of 2 tokens are"
    assert shown.locator("#sequence .input").all_text_contents() == thing.tokens
    places = shown.locator("#sequence li:has(.answer)")
    assert [item.get_attribute("data-position") for item in places.all()] == ["3", "4"]
    assert shown.locator("#sequence .right").all_text_contents() == ["3"]


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


def test_a_small_map_shows_the_largest_weight_of_what_it_has_no_room_for(show: Open) -> None:
    n = 600
    diagonal = [[float(query + key == n - 1) for key in range(n)] for query in range(n)]
    shown = show(one_head(0, 0, diagonal, copies=8))
    side = int(shown.locator(".tile canvas").first.evaluate("canvas => canvas.width"))
    assert side < n
    colours = pixels(shown, ".tile canvas")
    assert all([20, 80, 200] in colours[row * side : row * side + side] for row in range(side))
    block = -(-n // side)
    assert f"the largest of {block} × {block} weights" in shown.locator("#legend").text_content()


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


def test_a_finger_chooses_a_cell(show: Open) -> None:
    shown = show(one(4), 360, has_touch=True)
    tile(shown, 0, 0).tap()
    size = shown.locator("#map").bounding_box()["width"] / 4
    shown.locator("#map").tap(position={"x": 2.5 * size, "y": 1.5 * size})
    assert cell(shown) == (1, 2)


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

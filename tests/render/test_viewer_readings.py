"""The HTML attention viewer in a real browser: what it shows is what the record says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.render.browser import (
    PRINTED,
    READ,
    Open,
    assert_reads,
    blended,
    cell,
    pixels,
    point_at,
    press,
    tile,
    title,
    weights_of,
)
from tests.render.pages import LONG, ODD, PACKED, digits, one, one_head, record
from tfcli.records.inspection import View
from tfcli.render.page import UNITS

pytestmark = pytest.mark.xdist_group("viewer readings")  # which has a browser of its own


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


def test_a_small_map_shows_the_largest_weight_of_what_it_has_no_room_for(show: Open) -> None:
    n = 600
    diagonal = [[float(query + key == n - 1) for key in range(n)] for query in range(n)]
    shown = show(one_head(0, 0, diagonal, copies=8))
    side = int(shown.locator(".tile canvas").first.evaluate("canvas => canvas.width"))
    assert side < n
    colours = pixels(shown, ".tile canvas")
    assert all([20, 80, 200] in colours[row * side : row * side + side] for row in range(side))
    block = -(-n // side)
    assert f"the largest of {block} × {block} weights" in shown.locator("#notes").text_content()

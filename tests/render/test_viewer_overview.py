"""The HTML attention viewer in a real browser: all maps at once, their tokens, their numbers, what hovers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.render.browser import PRINTED, Open, figure, overflow, point_at_tile, tile, weights_of
from tests.render.pages import LONG, digits, one, record, scored
from tfcli.records.inspection import View

pytestmark = pytest.mark.xdist_group("viewer overview")  # which has a browser of its own


@pytest.mark.parametrize("n", [2, 5, 8])
def test_a_few_tokens_have_their_numbers_in_the_cells_of_all_maps(show: Open, n: int) -> None:
    views = one(n)
    shown = show(views, 1600)
    for number, (layer, head) in enumerate((layer, head) for layer in range(2) for head in range(4)):
        expected = [f"{weight:.2f}" for row in weights_of(views[0], layer, head) for weight in row]
        assert figure(shown, number).locator(".number").all_text_contents() == expected


def test_more_tokens_are_told_by_shade_alone(show: Open) -> None:
    assert show(one(9), 1600).locator(".figure .number").count() == 0


@pytest.mark.parametrize("width", [360, 1600])
def test_tokens_stand_at_two_sides_of_each_map_beside_their_cells(show: Open, width: int) -> None:
    tokens = ["我", "喜欢", "吃", "苹果"]
    shown = show([View("a", record(tokens))], width)
    for number in range(8):
        canvas = figure(shown, number).locator("canvas").bounding_box()
        for side, start, length in ((".queries", "y", "height"), (".keys", "x", "width")):
            labels = figure(shown, number).locator(f"{side} .label")
            assert labels.all_text_contents() == tokens
            for i, label in enumerate(labels.all()):
                box = label.bounding_box()
                centre = (i + 0.5) / len(tokens) * canvas[length]
                assert box[start] + box[length] / 2 == pytest.approx(canvas[start] + centre, abs=1.5)


def test_where_tokens_have_no_room_positions_stand(show: Open) -> None:
    shown = show(one(100))
    labels = figure(shown, 3).locator(".queries .label").all_text_contents()
    step = int(labels[1])
    assert step > 1
    assert labels == [str(i) for i in range(0, 100, step)]


def test_long_tokens_leave_room_for_the_map(show: Open) -> None:
    shown = show([View("a", record(LONG))], 360)
    assert tile(shown, 0, 0).locator("canvas").bounding_box()["width"] > 180
    assert overflow(shown) <= 0


def test_a_cell_that_is_pointed_at_says_query_key_and_weight(show: Open) -> None:
    view = scored(digits(7))
    shown = show([view])
    for layer, head, query, key in ((0, 0, 1, 5), (1, 1, 6, 0), (1, 0, 3, 3)):
        point_at_tile(shown, layer, head, query, key, 7)
        record = view.record.layers[layer].heads[head]
        tip = shown.locator("#tip")
        said = tip.text_content()
        tokens = digits(7)
        assert said.startswith(f"query {query} {tokens[query]} → key {key} {tokens[key]}weight ")
        assert float(tip.locator("b").text_content()) == pytest.approx(
            record.weights[query][key], abs=PRINTED
        )
        score, content, position = numbers_of(said.partition("score ")[2])
        assert record.scores is not None
        assert record.scores.content is not None
        assert record.scores.position is not None
        assert content == pytest.approx(record.scores.content[query][key], abs=0.0055)
        assert position == pytest.approx(record.scores.position[query][key], abs=0.0055)
        assert score == pytest.approx(content + position, abs=0.0101)


def numbers_of(text: str) -> list[float]:
    return [float(number.replace("−", "-")) for number in re.findall(r"−?\d+\.\d+", text)]


def test_all_maps_tell_their_number_at_the_cell_that_one_is_pointed_at(show: Open) -> None:
    [view] = one(6)
    shown = show([view])
    point_at_tile(shown, 0, 1, 2, 4, 6)
    told = shown.locator(".spotted").all_text_contents()
    expected = [head.weights[2][4] for layer in view.record.layers for head in layer.heads]
    assert [float(text) for text in told] == pytest.approx(expected, abs=PRINTED)
    shown.locator("#run").hover()
    assert shown.locator("#tip").is_hidden()
    assert set(shown.locator(".spotted").all_text_contents()) == {""}
    assert shown.locator(".spot:visible").count() == 0


def test_maps_use_the_width_of_the_window(show: Open) -> None:
    def width(at: int, heads: int) -> float:
        return float(show(one(6, layers=1, heads=heads), at).locator("canvas").first.bounding_box()["width"])

    assert width(1600, 4) > 340
    assert width(1600, 1) > 600
    assert width(360, 4) > 290, "one column"
    rows = show(one(6, layers=1, heads=6), 1100).locator(".figure")
    tops = [
        box["y"] for box in rows.evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
    ]
    assert [tops.count(top) for top in sorted(set(tops))] == [3, 3]


def test_layers_of_one_head_stand_side_by_side(show: Open) -> None:
    first, second = show(one(6, layers=2, heads=1), 1600).locator(".figure").all()
    assert first.bounding_box()["y"] == second.bounding_box()["y"]


def test_the_header_names_run_task_input_and_answer(show: Open) -> None:
    view = scored(digits(3))
    shown = show([replace(view, record=replace(view.record, prediction=["0", "x", "4"]))])
    assert shown.locator("#run").text_content() == "runs/reverse"
    assert shown.locator("#task").text_content() == "task reverse"
    assert shown.locator("#verdict").text_content() == "the answer is wrong: 1 of 3 tokens are"
    assert shown.locator("#sequence .input").all_text_contents() == digits(3)
    assert shown.locator("#sequence .answer").all_text_contents() == ["0", "x", "4"]

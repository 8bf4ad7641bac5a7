"""The page of the forward pass in a real browser: keys, pointer, languages, sizes, and barriers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.render.browser import Open, Page, background, overflow, press, violations
from tests.render.test_forward_page import large
from tests.render.test_forward_readings import click, go_to, reading, walk
from tests.render.traces import printed, stages_shown, trace, values_of
from tfcli.records.inspection import TraceRecord

pytestmark = pytest.mark.xdist_group("forward controls")  # which has a browser of its own

ENDS: dict[str, Any] = {"positions": "ends", "n_layers": 2}


@pytest.fixture(scope="module")
def record() -> TraceRecord:
    return trace(**ENDS)


def name(shown: Page) -> str:
    return str(shown.locator("#name").text_content())


def cell_colours(shown: Page) -> list[str]:
    found: list[str] = shown.locator("#shown td[data-column]").evaluate_all(
        "all => all.map(one => one.style.background)"
    )
    return found


def names_of(record: TraceRecord) -> list[str]:
    return ["tokens", *(stages[0].name for stages in stages_shown(record)), "answer"]


def test_the_arrow_keys_step_through_all_stages_and_stop_at_the_ends(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    names = names_of(record)
    seen = [name(shown)]
    for _ in names:
        press(shown, "ArrowRight")
        seen.append(name(shown))
    assert seen == [*names, "answer"]
    press(shown, "ArrowLeft")
    assert name(shown) == "logits"
    press(shown, "Home", "ArrowLeft")
    assert name(shown) == "tokens"
    press(shown, "End")
    assert name(shown) == "answer"


def test_the_buttons_name_where_they_lead(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    assert shown.locator("#back").is_disabled()
    assert shown.locator("#on").text_content() == "embedding ›"
    shown.locator("#on").click()
    shown.locator("#on").click()
    assert (name(shown), shown.locator("#back").text_content()) == ("layer norm", "‹ embedding")
    shown.locator("#back").click()
    assert name(shown) == "embedding"


def test_the_map_shows_where_one_is_and_unfolds_one_layer_of_many(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    assert shown.locator("#stops .folded").all_text_contents() == ["layer 0", "layer 1", "output"]
    shown.locator("#stops .folded").nth(1).click()
    assert name(shown) == "layer norm"
    assert "layer 1" in str(shown.locator("#where").text_content())
    shown.locator("#stops .stop", has_text="scores").click()
    assert shown.locator("#stops [aria-current]").text_content() == name(shown) == "scores"
    press(shown, "ArrowRight")
    assert name(shown) == "attention weights", "the pointer left the arrow keys to the stages"


def test_up_and_down_choose_a_token_whose_row_the_map_shows(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    press(shown, "ArrowRight")
    strip = shown.locator("#stops [aria-current] canvas")
    before = strip.evaluate("canvas => canvas.toDataURL()")
    press(shown, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp")
    assert reading(shown)["token"] == "2"
    assert shown.locator("#sequence .pick.now .position").text_content() == "2"
    assert strip.evaluate("canvas => canvas.toDataURL()") != before
    press(shown, *["ArrowDown"] * 9)
    assert reading(shown)["token"] == "4"


def test_the_arrow_keys_move_from_number_to_number_where_a_table_has_the_focus(
    show: Open, record: TraceRecord
) -> None:
    shown = walk(show, record)
    go_to(shown, "queries")
    shown.locator("#shown td[tabindex='0']").focus()
    press(shown, "ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowRight")
    values = next(stage for stage in record.stages if stage.name == "queries").values
    found = reading(shown)
    assert (found["token"], found["column"], found["number"]) == ("2", "1", printed(values[2][1]))
    assert name(shown) == "queries"
    assert shown.evaluate("document.activeElement.textContent") == printed(values[2][1])


def test_keys_and_buttons_change_the_head(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    go_to(shown, "values")
    press(shown, "n", "n", "n")
    assert "head 1" in str(shown.locator("#where").text_content())
    press(shown, "ArrowRight", "ArrowRight")
    assert shown.locator("#heads [aria-pressed=true]").text_content() == "head 1"
    shown.locator("#heads button").nth(0).click()
    assert reading(shown)["head"] == "0"
    press(shown, "n", "p")
    assert reading(shown)["head"] == "0"


def test_the_chosen_number_stays_chosen_from_stage_to_stage(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    go_to(shown, "position bias")
    click(shown, 3, 1)
    press(shown, "ArrowRight", "ArrowRight")
    assert (reading(shown)["token"], reading(shown)["column"]) == ("3", "1")
    go_to(shown, "logits")
    answer = int(max(range(7), key=lambda i: values_of(record.stages[-1])[3][i]))
    assert (reading(shown)["token"], reading(shown)["column"]) == ("3", str(answer)), "at first the answer"


def test_at_first_a_query_is_read_with_what_it_looks_at_most(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    go_to(shown, "attention weights")
    weights = values_of(next(stage for stage in record.stages if stage.name == "attention weights"))
    assert reading(shown)["column"] == str(max(range(5), key=lambda key: weights[0][key]))


def test_following_a_token_ends_where_it_began(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    go_to(shown, "values")
    press(shown, "t")
    assert "through all stages" in name(shown)
    press(shown, "ArrowDown")
    assert shown.locator("#name .position").text_content() == "1"
    press(shown, "Escape")
    assert (name(shown), reading(shown)["token"]) == ("values", "1")
    shown.locator("#sequence .pick").nth(4).click()
    assert shown.locator("#sequence .pick").nth(4).get_attribute("aria-pressed") == "true"
    shown.locator("#sequence .pick").nth(4).click()
    assert (name(shown), reading(shown)["token"]) == ("values", "4")


UNTRANSLATED = """() => {
    const missing = new Set();
    const spoken = say;
    window.say = (text, values) => {
        if (!(text in data.texts.zh)) missing.add(text);
        return spoken(text, values);
    };
    speak("zh");
    for (let i = 0; i < screens.length; i++) {
        go(i);
        follow(state.token);
        follow(state.token);
    }
    return [...missing];
}"""


def test_nothing_is_left_in_english_once_it_is_switched_to_chinese(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record)
    go_to(shown, "scores")
    shown.locator("#language").click()
    assert name(shown) == "分数"
    assert shown.locator("#where").text_content() == "第 8 步，共 33 步 · 第 0 层 · 头 0"
    assert "两个向量的点积" in str(shown.locator("#sentence").text_content())
    assert shown.locator("#theme").text_content() == "深色"
    assert shown.evaluate("document.documentElement.lang") == "zh"
    assert shown.evaluate(UNTRANSLATED) == []
    press(shown, "l")
    assert shown.locator("#theme").text_content() == "dark theme"
    assert shown.locator("#show-keys").text_content() == "keyboard"


def test_the_theme_is_the_systems_and_paper_is_light(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record, color_scheme="dark")
    press(shown, "End", "ArrowLeft")
    dark = background(shown), cell_colours(shown)
    shown.emulate_media(media="print")
    shown.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.locator("#on").is_hidden()
    assert shown.locator("#sequence .pick").first.is_visible()
    assert cell_colours(shown) != dark[1]
    shown.emulate_media(media="screen")
    shown.evaluate("dispatchEvent(new Event('afterprint'))")
    assert (background(shown), cell_colours(shown)) == dark
    shown.locator("#theme").click()
    assert background(shown) > dark[0]


@pytest.mark.parametrize("width", [360, 640, 1280])
def test_nothing_is_wider_than_the_window(show: Open, record: TraceRecord, width: int) -> None:
    shown = walk(show, record, width=width)
    for _ in names_of(record)[:17]:
        assert overflow(shown) <= 0, name(shown)
        press(shown, "ArrowRight")
    press(shown, "t")
    assert overflow(shown) <= 0


def test_in_a_narrow_window_the_map_opens_with_a_button(show: Open, record: TraceRecord) -> None:
    shown = walk(show, record, width=360)
    assert shown.locator("#stops").is_hidden()
    shown.locator("#fold").click()
    shown.locator("#stops .stop").nth(1).click()
    assert name(shown) == "embedding"
    assert shown.locator("#stops").is_hidden()


def test_a_large_page_is_on_screen_within_two_seconds(show: Open) -> None:
    shown = walk(show, large())
    assert shown.evaluate("performance.getEntriesByName('stage drawn')[0].startTime") < 2000
    go_to(shown, "attention weights")
    click(shown, 39, 17)
    assert reading(shown)["column"] == "17"
    assert overflow(shown) <= 0


@pytest.mark.parametrize(
    "options", [{}, {"color_scheme": "dark", "width": 360}], ids=["light", "dark narrow"]
)
def test_axe_finds_no_barrier(show: Open, record: TraceRecord, options: dict[str, Any]) -> None:
    shown = walk(show, record, **options)
    for stage in (
        "tokens",
        "embedding",
        "queries",
        "scores",
        "attention weights",
        "residual",
        "logits",
        "answer",
    ):
        while name(shown) != stage:
            press(shown, "ArrowRight")
        assert violations(shown) == [], stage
    press(shown, "t", "l")
    assert violations(shown) == []


def test_an_old_browser_is_told_what_it_lacks(show: Open, record: TraceRecord) -> None:
    from tfcli.render.forward_page import render

    document = render(record).replace("DecompressionStream", "NoSuchStream")
    shown = show([], document=document)
    assert "2023" in name(shown)

"""The page of the forward pass in a real browser: what it shows is what the trace has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.render.browser import Open, Page, press
from tests.render.traces import EXAMPLES, printed, some_cells, stages_shown, trace, values_of
from tfcli.records.inspection import StageRecord, TraceRecord
from tfcli.render.forward_page import render
from tfcli.render.units import to_units

pytestmark = pytest.mark.xdist_group("forward readings")  # which has a browser of its own

ALL_UNITS = (
    "data.stages.map(stage => stage.units.map(units => Array.from(units, one => one === NONE ? null : one)))"
)

CLICKS = """([head, cells]) => {
    document.querySelectorAll("#heads button")[head]?.click();
    const table = [...document.querySelectorAll("#shown table.grid")].at(-1);
    return cells.map(([token, column]) => {
        table.querySelector(`tr[data-token="${token}"] td[data-column="${column}"]`).click();
        return { ...$("reading").dataset, formula: $("filled").textContent.match(/= \\S+$/)[0] };
    });
}"""


def walk(show: Open, record: TraceRecord, **options: Any) -> Page:
    """Open the page of a trace."""
    shown = show([], document=render(record), **options)
    shown.wait_for_selector('#stage[aria-busy="false"]')
    return shown


def click(shown: Page, token: int, column: int, grid: int = 0) -> None:
    """Click a number of a table."""
    table = shown.locator("#shown table.grid").nth(grid)
    table.locator(f'tr[data-token="{token}"] td[data-column="{column}"]').click()


def clicks(shown: Page, head: int, cells: list[tuple[int, int]]) -> list[dict[str, str]]:
    """Choose a head, click numbers of the last table in turn, and return what is read each time."""
    found: list[dict[str, str]] = shown.evaluate(CLICKS, [head, cells])
    return found


def reading(shown: Page) -> dict[str, str]:
    found: dict[str, str] = shown.locator("#reading").evaluate("element => ({...element.dataset})")
    return found


def numbers(shown: Page, selector: str) -> list[str]:
    found: list[str] = shown.locator(selector).all_text_contents()
    return found


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def find(record: TraceRecord, name: str, head: int | None = 0, layer: int | None = 0) -> StageRecord:
    """Return the first stage of a name in a layer."""
    return next(s for s in record.stages if (s.name, s.head, s.layer) == (name, head, layer))


def go_to(shown: Page, name: str) -> None:
    """Step to the next stage of a name."""
    for _ in range(shown.evaluate("screens.length")):
        press(shown, "ArrowRight")
        if shown.locator("#name").text_content() == name:
            return
    raise AssertionError(f"there is no stage {name}")


@pytest.mark.parametrize("options", EXAMPLES.values(), ids=EXAMPLES)
def test_every_number_is_unpacked_as_the_trace_has_it(show: Open, options: dict[str, Any]) -> None:
    record = trace(**options)
    unpacked = walk(show, record).evaluate(ALL_UNITS)
    of_stages: dict[int, list[StageRecord]] = {}
    for stage in record.stages:
        of_stages.setdefault(stage.number, []).append(stage)
    for stages, found in zip(of_stages.values(), unpacked, strict=True):
        wanted = [[one for row in to_units(stage.values, 1000) for one in row] for stage in stages]
        assert found == wanted, stages[0].name


@pytest.mark.parametrize("options", EXAMPLES.values(), ids=EXAMPLES)
def test_a_click_reads_the_number_of_the_trace_at_every_stage(show: Open, options: dict[str, Any]) -> None:
    record = trace(**options)
    shown = walk(show, record)
    for stages in stages_shown(record):
        press(shown, "ArrowRight")
        assert shown.locator("#name").text_content() == stages[0].name
        assert shown.locator("#sentence").text_content() == stages[0].explanation
        assert shown.locator("#formula").text_content() == stages[0].formula
        for i, stage in enumerate(stages):
            cells = [(stage.rows[row], column) for row, column in some_cells(stage)]
            for (row, column), found in zip(some_cells(stage), clicks(shown, i, cells), strict=True):
                text = printed(stage.values[row][column])
                assert found == {
                    "stage": str(stage.number),
                    "head": "" if stage.head is None else str(stage.head),
                    "token": str(stage.rows[row]),
                    "column": str(column),
                    "number": text,
                    "formula": f"= {text}",
                }
    press(shown, "ArrowRight")
    assert shown.locator("#name").text_content() == "answer"
    assert numbers(shown, "#shown .answer") == record.prediction


@pytest.mark.parametrize("example", ["ends", "rotary", "causal", "mixed"])
@pytest.mark.parametrize("head", [0, 1])
def test_a_weight_is_worked_out_from_its_dot_product_on(show: Open, example: str, head: int) -> None:
    record = trace(**EXAMPLES[example])
    shown = walk(show, record)
    go_to(shown, "attention weights")
    shown.locator("#heads button").nth(head).click()
    query, key = 3, 1
    click(shown, query, key)
    names = ("queries", "keys", "scores", "attention weights")
    q, k, scores, weights = (find(record, name, head) for name in names)
    cards = shown.locator("#sums .cards li")
    for i in range(cards.count()):
        _, one, other, product = cards.nth(i).locator("span, b").all_text_contents()
        assert one == printed(values_of(q)[query][i])
        assert other == f"× {printed(values_of(k)[key][i])}"
        assert number(product.removeprefix("= ")) == pytest.approx(
            values_of(q)[query][i] * values_of(k)[key][i], abs=0.0005 + 0.0005 * (abs(number(one)) + 4)
        )
    assert cards.count() == q.shape[1]
    steps = numbers(shown, "#sums .steps dd")
    score, bias = values_of(scores)[query][key], None
    if any(stage.name == "position bias" for stage in record.stages):
        bias = values_of(find(record, "position bias", head))[query][key]
    content = score - (bias or 0.0)
    assert scores.scale is not None
    assert number(steps[0]) * scores.scale == pytest.approx(content, abs=0.01)
    assert number(steps[1]) == pytest.approx(content, abs=0.0011), (
        "it is the score less the bias, both rounded"
    )
    assert steps[2:] == ([] if bias is None else [printed(bias)]) + [printed(score)]
    lines = shown.locator("#sums tbody tr").all()
    assert len(lines) == len(record.tokens)
    for i, line in enumerate(lines):
        score_text, _, weight_text = line.locator(".number").all_text_contents()
        assert score_text == printed(values_of(scores)[query][i])
        assert weight_text == printed(values_of(weights)[query][i])


def test_a_masked_key_is_said_to_be_masked(show: Open) -> None:
    shown = walk(show, trace(mask="causal"))
    go_to(shown, "scores")
    click(shown, 0, 3, shown.locator("#shown table.grid").count() - 1)
    assert reading(shown)["number"] == "−∞"
    assert shown.locator("#sums .steps dt").last.text_content() == "masked: this key may not be looked at"
    press(shown, "ArrowRight")
    assert reading(shown)["number"] == "0.000"


def test_scores_stand_beside_what_they_are_the_sum_of(show: Open) -> None:
    record = trace(positions="ends")
    shown = walk(show, record)
    go_to(shown, "scores")
    captions = numbers(shown, "#shown figcaption")
    assert captions == ["content: q k, scaled", "+ position bias", "= scores"]
    scores, bias = find(record, "scores"), find(record, "position bias")
    cells = [
        [number(text) for text in numbers(shown, f"#shown figure:nth-of-type({i}) td[data-column]")]
        for i in (1, 2, 3)
    ]
    assert cells[1] == pytest.approx([v for row in values_of(bias) for v in row], abs=0.00051)
    assert cells[2] == pytest.approx([v for row in values_of(scores) for v in row], abs=0.00051)
    assert [a + b for a, b in zip(cells[0], cells[1], strict=True)] == pytest.approx(cells[2], abs=1e-9)


def test_sums_are_worked_out_term_by_term(show: Open) -> None:
    record = trace(positions="ends")
    shown = walk(show, record)
    go_to(shown, "weighted sum")
    click(shown, 2, 5)
    weights, v = find(record, "attention weights"), find(record, "values")
    units = to_units(weights.values, 1000)[2]
    order = sorted(range(5), key=lambda key: -(units[key] or 0))
    lines = shown.locator("#sums tbody tr")
    for key, line in zip(order, lines.all(), strict=True):
        a, value, product = line.locator(".number").all_text_contents()
        assert (a, value) == (printed(values_of(weights)[2][key]), printed(values_of(v)[key][5]))
        assert number(product) == pytest.approx(values_of(weights)[2][key] * values_of(v)[key][5], abs=0.005)
    go_to(shown, "residual")
    click(shown, 2, 5)
    embedding, added = find(record, "embedding", None, None), find(record, "projection", None)
    before, after = printed(values_of(embedding)[2][5]), printed(values_of(added)[2][5])
    assert numbers(shown, "#sums .steps dd")[:2] == [before, after]
    text = f"x[5] = {before} + {f'({after})' if after.startswith('−') else after} = "
    assert shown.locator("#filled").text_content().startswith(text)


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_the_formula_of_a_norm_has_the_numbers_of_the_row_that_it_reads(show: Open, norm: str) -> None:
    record = trace(norm=norm)
    shown = walk(show, record)
    name = "layer norm" if norm == "layer" else "RMS norm"
    go_to(shown, name)
    click(shown, 2, 5)
    row = values_of(find(record, "embedding", None, None))[2]
    mean, square = sum(row) / len(row), sum(value**2 for value in row) / len(row)
    text = str(shown.locator("#filled").text_content())
    assert text.endswith(f" = {printed(values_of(find(record, name, None))[2][5])}")
    found = [number(part) for part in re.findall(r"−?\d+\.\d{3}", text)[:-1]]
    wanted = [row[5], mean, square - mean**2] if norm == "layer" else [row[5], square]
    assert found == pytest.approx(wanted, abs=0.0015)


def test_a_query_is_worked_out_from_the_matrix_that_was_learned(show: Open) -> None:
    record = trace(positions="ends")
    shown = walk(show, record)
    go_to(shown, "queries")
    shown.locator("#heads button").nth(1).click()
    click(shown, 4, 2)
    x, matrix = find(record, "layer norm", None), find(record, "W_q", 1)
    for i, item in enumerate(shown.locator("#sums .cards li").all()):
        _, one, other, _ = item.locator("span, b").all_text_contents()
        assert (one, other) == (printed(values_of(x)[4][i]), f"× {printed(values_of(matrix)[i][2])}")
    total = sum(a * row[2] for a, row in zip(values_of(x)[4], values_of(matrix), strict=True))
    steps = numbers(shown, "#sums .steps dd")
    assert number(steps[0]) == pytest.approx(total, abs=0.02)
    assert number(steps[1]) == pytest.approx(values_of(find(record, "queries", 1))[4][2] - total, abs=0.02)
    assert "W_q, learned: 16 x 8 numbers" in str(shown.locator("#learned").text_content())


def test_what_a_rule_does_not_explain_is_shown_without_one(show: Open) -> None:
    shown = walk(show, trace(attention_weights="entmax15"))
    go_to(shown, "attention weights")
    assert "exp" not in str(shown.locator("#filled").text_content())
    assert shown.locator("#sums .cards").count() == 0


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_what_was_read_from_a_layer_that_is_left_out_is_not_made_up(show: Open, placement: str) -> None:
    record = trace(n_layers=2, layers=[1], norm_placement=placement)
    shown = walk(show, record)
    if placement == "pre":
        go_to(shown, "layer norm")
        assert str(shown.locator("#filled").text_content()).startswith("x[0] = ")
    go_to(shown, "queries")
    assert shown.locator("#sums .cards").count() == (placement == "pre"), "of this layer's own norm"
    go_to(shown, "residual")
    assert "+" not in str(shown.locator("#filled").text_content())


def test_a_token_is_followed_through_all_stages(show: Open) -> None:
    record = trace(positions="ends", n_layers=2)
    shown = walk(show, record)
    shown.locator("#sequence .pick").nth(3).click()
    assert "through all stages" in str(shown.locator("#name").text_content())
    lines = shown.locator("#shown tr[data-stage]").all()
    for stages, line in zip(stages_shown(record), lines, strict=True):
        row = stages[0].values[stages[0].rows.index(3)]
        texts = str(line.locator(".number").text_content()).split()
        assert texts[:6] == [printed(value) for value in row[:6]]
        assert len(texts) == min(7, len(row)), "what there is more is an ellipsis"
        assert line.locator("canvas").evaluate("canvas => canvas.width") == len(row)
    shown.get_by_role("button", name="attention weights").nth(1).click()
    assert shown.locator("#name").text_content() == "attention weights"
    assert reading(shown)["token"] == "3"


def test_a_picture_is_shown_with_the_patch_that_is_chosen(show: Open) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install scikit-learn")
    record = picture_trace()
    shown = walk(show, record)
    before = shown.locator(".picture").evaluate("canvas => canvas.toDataURL()")
    press(shown, "ArrowDown")
    assert shown.locator(".picture").evaluate("canvas => canvas.toDataURL()") != before
    go_to(shown, "attention weights")
    stage = find(record, "attention weights")
    click(shown, 2, 1)
    assert reading(shown)["number"] == printed(values_of(stage)[2][1])
    assert "glows" in str(shown.locator("#shown").text_content())


def picture_trace() -> TraceRecord:
    """Return a trace of a model that reads pictures."""
    import torch

    from tfcli.building.models import build_for_training
    from tfcli.config.files import check, find_entry
    from tfcli.inspection.tracing import trace_sequence

    torch.manual_seed(0)
    task, model = build_for_training(check(find_entry("digits"), []))
    inputs = task.sample(1, task.nearest_length(16), torch.Generator().manual_seed(0)).inputs[0]
    return trace_sequence(model.eval(), task, inputs, run="runs/digits", heads=())


def test_numbers_agree_with_what_the_terminal_prints(show: Open) -> None:
    record = trace(3)
    shown = walk(show, record)
    go_to(shown, "logits")
    for row, values in enumerate(values_of(record.stages[-1])):
        texts = shown.locator(f'#shown tr[data-token="{row}"] td').all_text_contents()
        assert all(re.fullmatch(r"−?\d+\.\d{3}", text) for text in texts)
        assert [number(text) for text in texts] == pytest.approx(list(values), abs=0.00051)

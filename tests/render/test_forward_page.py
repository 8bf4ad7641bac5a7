"""The page of the forward pass: what it holds. What a browser makes of it: `test_forward_*.py`."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.models import make
from tests.render.test_html import Elements
from tests.render.traces import EXAMPLES, TASK, stages_shown, trace
from tfcli.inspection.tracing import trace_sequence
from tfcli.records.inspection import TraceRecord
from tfcli.render import forward_page
from tfcli.render.forward_page import render
from tfcli.texts import Language


def data_of(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Elements(page).scripts[0])
    found["stages"] = json.loads(zlib.decompress(base64.b64decode(found["stages"])))
    return found


def names_of(page: str) -> list[str]:
    return [stage["name"] for stage in data_of(page)["stages"]]


def large(**options: Any) -> TraceRecord:
    """Six layers of eight heads over forty tokens, with random weights that are larger than fresh ones."""
    model = make(n_layers=6, n_heads=8, d_model=64, d_ff=256, **options)
    row = torch.randint(7, (40,), generator=torch.Generator().manual_seed(0))
    return trace_sequence(model, TASK, row, run="runs/large", heads=())


@pytest.mark.parametrize(
    "options",
    [{}, {"positions": "rotary", "norm_placement": "post"}, {"positions": "sinusoidal", "mask": "causal"}],
    ids=["ends", "rotary", "sinusoidal"],
)
def test_six_layers_of_eight_heads_over_forty_tokens_fit_in_400_kb(options: dict[str, Any]) -> None:
    page = render(large(**options))
    assert len(page.encode()) <= 400_000
    assert names_of(page).count("attention weights") == 6
    assert data_of(page)["unit"] == 1000


def test_nothing_in_the_page_is_fetched() -> None:
    page = render(trace())
    assert "default-src 'none'" in page
    assert not re.findall(r"https?:|url\(|@import|innerHTML|\beval\b|\bfetch\b", page)
    assert re.findall(r"""(?:src|href)=["']?([^"'>]*)""", page) == ["data:,"]


def test_no_text_can_end_the_data_or_the_title() -> None:
    record = replace(trace(3), run="</title><b>", tokens=["</script>", "<!--", "&lt;"])
    elements = Elements(render(record))
    assert elements.title == "</title><b>: the forward pass"
    assert not set("<>&") & set(elements.scripts[0])


@pytest.mark.parametrize("options", EXAMPLES.values(), ids=EXAMPLES)
def test_the_page_has_every_sentence_in_both_languages(options: dict[str, Any]) -> None:
    record = trace(**options)
    texts = data_of(render(record))["texts"]
    for stage in record.stages:
        for text in (stage.name, stage.explanation, *stage.facts):
            known = texts["zh"][text]
            assert known == Language("zh").translate(text)
            assert known == text or re.search(r"[\u4e00-\u9fff]", known)


def test_the_page_opens_in_the_language_that_it_is_given() -> None:
    page = render(trace(), Language("zh"))
    assert '<html lang="zh">' in page
    assert Elements(page).title == "runs/reverse: 前向传播"


def test_a_large_page_leaves_out_learned_matrices_then_the_third_decimal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = trace()
    whole = render(record)
    assert "W_q" in names_of(whole)
    monkeypatch.setattr(forward_page, "MOST_BYTES", len(whole) - 1)
    without = render(record)
    assert names_of(without) == [stage.name for stage, *_ in stages_shown(record)]
    assert data_of(without)["unit"] == 1000
    monkeypatch.setattr(forward_page, "MOST_BYTES", len(without) - 1)
    assert data_of(render(record))["unit"] == 100
    monkeypatch.setattr(forward_page, "MOST_BYTES", 1000)
    assert render(record) == without, "nothing helps, so nothing is lost"


def test_too_many_numbers_are_refused_and_matrices_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    record = trace()
    numbers = sum(len(s.rows) * s.shape[1] for s in record.stages if s.axes[0] != "channel")
    monkeypatch.setattr(forward_page, "MANY_NUMBERS", numbers)
    monkeypatch.setattr(forward_page, "MAX_NUMBERS", numbers)
    assert "W_q" not in names_of(render(record))
    monkeypatch.setattr(forward_page, "MAX_NUMBERS", numbers - 1)
    with pytest.raises(ValueError, match=f"{numbers} numbers are too many .* choose --layer and --head"):
        render(record)


def test_of_many_symbols_each_row_keeps_its_highest(monkeypatch: pytest.MonkeyPatch) -> None:
    record = trace(2)
    monkeypatch.setattr(forward_page, "MANY_SYMBOLS", 4)
    logits = record.stages[-1]
    wanted = {i for row in logits.values for i in sorted(range(7), key=lambda i: -float(row[i] or 0))[:2]}
    [*_, stage] = data_of(render(record))["stages"]
    assert stage["symbols"] == [record.symbols[i] for i in sorted(wanted)]
    assert (stage["width"], stage["of"]) == (len(wanted), 7)

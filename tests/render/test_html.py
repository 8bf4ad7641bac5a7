"""The page of attention maps: what it holds. What a browser makes of it: `test_viewer_*.py`."""

from __future__ import annotations

import base64
import json
import re
import struct
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.render.pages import LONG, ODD, PACKED, digits, one, record
from tfcli.records.inspection import View
from tfcli.render.html import render
from tfcli.render.page import UNITS


class Elements(HTMLParser):
    """The text of each <script> and of the <title>."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.title = ""
        self.tag = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.tag = ""

    def handle_data(self, data: str) -> None:
        if self.tag == "script":
            self.scripts[-1] += data
        if self.tag == "title":
            self.title += data


def unpacked(text: str, n: int) -> list[list[float]]:
    units = struct.unpack(f"<{n * n}H", base64.b64decode(text))
    return [[unit / UNITS for unit in units[row * n : row * n + n]] for row in range(n)]


@pytest.mark.parametrize("tokens", [digits(1), digits(20), LONG], ids=["one", "digits", "odd"])
def test_the_data_is_that_of_the_record(tokens: list[str]) -> None:
    thing = record(tokens)
    data, code = Elements(render([View("<i>", thing)])).scripts
    assert code.lstrip().startswith('"use strict"')
    [view] = json.loads(data)
    assert (view["label"], view["run"]) == ("<i>", thing.run)
    assert (view["tokens"], view["prediction"], view["target"]) == (tokens, thing.prediction, thing.target)
    assert [layer["layer"] for layer in view["layers"]] == [0, 1]
    for layer, shown in zip(thing.layers, view["layers"], strict=True):
        for head, packed in zip(layer.heads, shown["heads"], strict=True):
            assert packed["head"] == head.head
            for row, decoded in zip(head.weights, unpacked(packed["weights"], len(tokens)), strict=True):
                assert decoded == pytest.approx(row, abs=PACKED)


def test_no_text_can_end_the_data_or_the_title() -> None:
    thing = record(ODD, 1, 1)
    named = replace(thing, run='</title>&lt;{{data}}"\udc80')
    document = render([View("a", named)])
    elements = Elements(document)
    assert elements.title == '</title>&lt;{{data}}"\ufffd: attention'
    assert not set("<>&\u2028") & set(elements.scripts[0])
    document.encode("utf-8")


def test_pages_are_small() -> None:
    assert len(render(one(20)).encode()) < 80_000
    assert len(render(one(20) * 8).encode()) < 170_000


def test_long_sequences_are_packed_fast() -> None:
    views = one(500, layers=1, heads=8)
    before = time.process_time()
    render(views)
    assert time.process_time() - before < 2


def test_nothing_in_the_page_is_fetched() -> None:
    document = render(one(4))
    assert "default-src 'none'" in document
    assert not re.findall(r"https?:|url\(|@import|innerHTML|\beval\b", document)
    assert re.findall(r"""(?:src|href)=["']?([^"'>]*)""", document) == ["data:,"]

"""A page in a browser: point at it, press keys, and read what it shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import pytest

from tests.render.pages import PACKED
from tfcli.records.inspection import View

PRINTED = PACKED + 0.5e-4  # how far four decimals may be off
Page = Any  # of Playwright, which need not be installed
Open = Callable[..., Page]


def tile(shown: Page, layer: int, head: int | str) -> Any:
    return shown.locator(f'.tile[data-layer="{layer}"][data-head="{head}"]')


def figure(shown: Page, number: int) -> Any:
    """Return a map with what stands beside it, by its number on the page."""
    return shown.locator(".figure").nth(number)


def point_at(shown: Page, query: int, key: int, n: int) -> None:
    box = shown.locator("#map").bounding_box()
    cell = box["width"] / n
    shown.locator("#map").hover(position={"x": (key + 0.5) * cell, "y": (query + 0.5) * cell})


def point_at_tile(shown: Page, layer: int, head: int | str, query: int, key: int, n: int) -> None:
    canvas = tile(shown, layer, head).locator("canvas")
    box = canvas.bounding_box()
    at = {"x": (key + 0.5) * box["width"] / n, "y": (query + 0.5) * box["height"] / n}
    canvas.hover(position=at)


def weights_of(view: View, layer: int, head: int) -> Sequence[Sequence[float]]:
    return view.record.layers[layer].heads[head].weights


def cell(shown: Page) -> tuple[int, int]:
    """Return the query and the key that are read out."""
    data = shown.locator("#readout").evaluate("element => ({...element.dataset})")
    return int(data["query"]), int(data["key"])


def assert_reads(shown: Page, query: int, key: int, weights: Sequence[Sequence[float]]) -> None:
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


def violations(shown: Page) -> list[str]:
    """Return what axe-core finds wrong for people with a screen reader, a keyboard, or little sight."""
    pytest.importorskip("axe_playwright_python", reason="needs axe-core: pip install axe-playwright-python")
    shown.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = shown.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{broken['id']}: {node['html'][:200]}" for broken in found for node in broken["nodes"]]


def overflow(shown: Page) -> int:
    return int(shown.evaluate("document.documentElement.scrollWidth - innerWidth"))


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


def blended(weights: Sequence[Sequence[float]], full: float) -> Any:
    """Say what `pixels` are to be, in the light theme and within one of 256 shades."""
    colours = [
        [255 + (strong - 255) * weight / full for strong in (20, 80, 200)]
        for row in weights
        for weight in row
    ]
    return [pytest.approx(colour, abs=1.5) for colour in colours]


def background(shown: Page) -> list[int]:
    colour = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in re.findall(r"\d+", colour)]

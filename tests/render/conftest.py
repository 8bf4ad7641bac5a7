"""A headless browser, and pages in it that may make no request and report no error."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.render.browser import Open, Page
from tfcli.records.inspection import View
from tfcli.render.html import render


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

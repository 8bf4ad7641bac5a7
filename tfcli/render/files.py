"""Attention records as files: a table of formats by suffix. A new one is a module and a row here.

Each module has a function `render(views)` that gives the file's content. All but HTML show the first view.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tfcli.internals import View

FORMATS = {  # suffix -> module in this package
    ".html": "html",
    ".svg": "svg",
    ".png": "png",
    ".csv": "csv_table",
    ".md": "markdown",
    ".json": "json_text",
}
NEEDS = {".png": "matplotlib"}  # what isn't installed with tfcli itself


def render(views: Sequence[View], path: Path) -> bytes:
    """The content of a file of that suffix.

    Raises:
        ValueError: the format can't hold so much, or not these symbols.
    """
    module = import_module(f"tfcli.render.{FORMATS[path.suffix.lower()]}")
    content: str | bytes = module.render(views)
    return content.encode() if isinstance(content, str) else content

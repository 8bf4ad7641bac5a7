"""Attention records as files: a table of formats by suffix. A new one is a module and a row here.

Each module has a function `render(views)` that gives the file's content, whole or in pieces; HTML and CSV
hold all views, the others show the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tfcli.records.inspection import View
from tfcli.render.json_pieces import json_pieces

FORMATS = {  # suffix -> module in this package
    ".html": "html",
    ".svg": "svg",
    ".png": "png",
    ".csv": "csv_table",
    ".md": "markdown",
}
JSON = ".json"  # which is the record itself


def render(record: Any, views: Sequence[View], path: Path) -> Iterator[bytes]:
    """Return the content of a file of that suffix: the record itself as JSON, its views in any other format.

    It comes in pieces, so that no large file is in memory as a whole.

    Raises:
        ValueError: the format can't hold so much, or not these symbols.
    """
    suffix = path.suffix.lower()
    if suffix == JSON:
        content: str | bytes | Iterator[str] = json_pieces(record)
    else:
        content = import_module(f"tfcli.render.{FORMATS[suffix]}").render(views)
    pieces = [content] if isinstance(content, str | bytes) else content
    return (piece.encode() if isinstance(piece, str) else piece for piece in pieces)


def json_text(record: Any) -> str:
    """Return a record as JSON, as `--json` prints it on a Unicode terminal."""
    return "".join(json_pieces(record))

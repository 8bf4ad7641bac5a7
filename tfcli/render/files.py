"""Attention records as files: a table of formats by suffix. A new one is a module and a row here.

Each module has a function `render(views)` that gives the file's content; HTML and CSV hold all views, the
others show the first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from tfcli.records.inspection import View

FORMATS = {  # suffix -> module in this package
    ".html": "html",
    ".svg": "svg",
    ".png": "png",
    ".csv": "csv_table",
    ".md": "markdown",
}
JSON = ".json"  # which is the record itself


def render(record: Any, views: Sequence[View], path: Path) -> bytes:
    """Return the content of a file of that suffix: the record itself as JSON, its views in any other format.

    Raises:
        ValueError: the format can't hold so much, or not these symbols.
    """
    suffix = path.suffix.lower()
    if suffix == JSON:
        return json_text(record).encode()
    content: str | bytes = import_module(f"tfcli.render.{FORMATS[suffix]}").render(views)
    return content.encode() if isinstance(content, str) else content


def json_text(record: Any) -> str:
    """Return a record as JSON, as `--json` prints it on a Unicode terminal."""
    return json.dumps(asdict(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

"""Attention records as one HTML page that needs nothing but a browser. `viewer.html` is its template.

The page holds its data as JSON, and each head's weights in it as base64 of little-endian uint16 in units of
1/65535, row after row: 2.7 bytes a weight, in which a weight is off by less than 0.00001.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

from tfcli.records.inspection import AttentionRecord, HeadRecord, View
from tfcli.render.pictures import GLOW, TINT, Pixels, largest_weight
from tfcli.render.untrusted import escape_markup

UNITS = 65535  # of a weight of 1
MAX_WEIGHTS = 2**24  # about 45 MB
# None of these stands outside strings in JSON, so that escapes may take their place.
SPECIAL = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def render(views: Sequence[View]) -> str:
    """Return an HTML document that shows one or more views. It makes no request and works offline.

    Raises:
        ValueError: there are more weights than a browser holds with ease.
    """
    weights = sum(
        len(layer.heads) * len(view.record.tokens) ** 2 for view in views for layer in view.record.layers
    )
    if weights > MAX_WEIGHTS:
        raise ValueError(
            f"{weights} weights are too many for a page (at most {MAX_WEIGHTS}); choose --layer and --head"
        )
    template = Path(__file__).with_name("viewer.html").read_text(encoding="utf-8")
    title = escape_markup(f"{views[0].record.run}: attention").encode("ascii", "xmlcharrefreplace").decode()
    parts = {"title": title, "data": script_json([view_data(view) for view in views])}
    return re.sub(r"\{\{(title|data)\}\}", lambda match: parts[match[1]], template)


def script_json(data: object) -> str:
    """JSON in ASCII that no HTML parser finds the end of a script, a comment or an entity in."""
    return re.sub("[<>&]", lambda match: SPECIAL[match[0]], json.dumps(data, separators=(",", ":")))


def view_data(view: View) -> dict[str, object]:
    """Return what the page needs of a view: the record with its weights packed, and the largest of them."""
    record = view.record
    return {
        "label": view.label,
        "first": view.first,
        "run": record.run,
        "input": record.input,
        "tokens": record.tokens,
        "first_answer": record.first_answer,
        "prediction": record.prediction,
        "target": record.target,
        "peak": max(max(map(max, head.weights)) for layer in record.layers for head in layer.heads),
        "picture": None if record.picture is None else picture_data(record, record.picture),
        "layers": [
            {"loop": layer.loop, "layer": layer.layer, "heads": [head_data(head) for head in layer.heads]}
            for layer in record.layers
        ],
    }


def picture_data(record: AttentionRecord, pixels: Pixels) -> dict[str, object]:
    """Return what the page needs of a picture: its pixels, where its patches are, and how they glow."""
    return {
        "pixels": [[round(ink, 3) for ink in row] for row in pixels],
        "first": record.tokens.index(record.input[0]),
        "across": round(len(record.input) ** 0.5),
        "peak": largest_weight(record),
        "colour": GLOW,
        "tint": TINT,
    }


def head_data(head: HeadRecord) -> dict[str, object]:
    """Return a head's name and its packed weights."""
    return {"head": head.head, "weights": pack(head.weights)}


def pack(weights: Sequence[Sequence[float]]) -> str:
    """Weights 0-1 as base64 of little-endian uint16, row after row."""
    units = array("H")
    for row in weights:  # a whole map of Python's integers takes much more memory than the page
        units.extend([int(weight * UNITS + 0.5) for weight in row])
    if sys.byteorder == "big":
        units.byteswap()
    return base64.b64encode(units.tobytes()).decode()

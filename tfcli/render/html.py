"""Attention records as one HTML page. Its pieces are in `web/maps/`."""

from __future__ import annotations

from collections.abc import Sequence

from tfcli.records.inspection import AttentionRecord, HeadRecord, View
from tfcli.render.page import assemble, pack_weights
from tfcli.render.pictures import GLOW, TINT, Pixels, largest_weight

MAX_WEIGHTS = 2**24  # about 45 MB


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
    return assemble("maps", f"{views[0].record.run}: attention", [view_data(view) for view in views])


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
    return {"head": head.head, "weights": pack_weights(head.weights)}

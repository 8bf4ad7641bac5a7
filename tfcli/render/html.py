"""Attention records as one HTML page. Its pieces are in `web/maps/`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tfcli.records.inspection import AttentionRecord, HeadRecord, ScoreParts, View
from tfcli.render.page import assemble, pack_scores, pack_weights
from tfcli.render.pictures import GLOW, TINT, Pixels, largest_weight

MAX_WEIGHTS = 2**24  # about 45 MB; parts of scores count likewise


def render(views: Sequence[View]) -> str:
    """Return an HTML document that shows one or more views. It makes no request and works offline.

    Where the parts of the scores would be too many beside the weights, it does without them.

    Raises:
        ValueError: there are more weights than a browser holds with ease.
    """
    weights = count_numbers(views, scores=False)
    if weights > MAX_WEIGHTS:
        raise ValueError(
            f"{weights} weights are too many for a page (at most {MAX_WEIGHTS}); choose --layer and --head"
        )
    scores = count_numbers(views, scores=True) <= MAX_WEIGHTS
    data = [view_data(view, scores=scores) for view in views]
    return assemble("maps", f"{views[0].record.run}: attention", data)


def count_numbers(views: Sequence[View], *, scores: bool) -> int:
    """Return how many weights there are in all maps, with the parts of scores or without them."""
    return sum(
        len(view.record.tokens) ** 2 * (1 + len(parts_of(head.scores)) * scores)
        for view in views
        for head in heads_of(view.record)
    )


def heads_of(record: AttentionRecord) -> Iterator[HeadRecord]:
    """Yield the heads of all layers."""
    return (head for layer in record.layers for head in layer.heads)


def parts_of(scores: ScoreParts | None) -> list[Sequence[Sequence[float | None]]]:
    """Return the parts that there are."""
    return [] if scores is None else [part for part in (scores.content, scores.position) if part is not None]


def view_data(view: View, *, scores: bool) -> dict[str, object]:
    """Return what the page needs of a view: the record with its numbers packed, and the largest of them."""
    record = view.record
    return {
        "label": view.label,
        "step": view.step,
        "run": record.run,
        "task": record.task,
        "input": record.input,
        "tokens": record.tokens,
        "first_answer": record.first_answer,
        "prediction": record.prediction,
        "target": record.target,
        "peak": max(max(map(max, head.weights)) for head in heads_of(record)),
        "picture": None if record.picture is None else picture_data(record, record.picture),
        "scores": scores,
        "layers": [
            {
                "loop": layer.loop,
                "layer": layer.layer,
                "heads": [head_data(head, scores=scores) for head in layer.heads],
            }
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


def head_data(head: HeadRecord, *, scores: bool) -> dict[str, object]:
    """Return a head's name, its packed weights, and the packed parts of its scores where there are any."""
    data: dict[str, object] = {"head": head.head, "weights": pack_weights(head.weights)}
    if scores and head.scores is not None:
        data["mixed"] = head.scores.mixed
        for name, part in (("content", head.scores.content), ("position", head.scores.position)):
            data[name] = None if part is None else pack_scores(part)
    return data

"""Attention records as CSV: a row a weight."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from tfcli.records.inspection import AttentionRecord, View
from tfcli.render.untrusted import escape_formula

HEADER = ("layer", "head", "query", "query_token", "key", "key_token", "weight")


def render(views: Sequence[View]) -> str:
    """Return the weights in long form, each view's name in front of several; positions count from 0."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    several = len(views) > 1
    rows.writerow(("view", *HEADER) if several else HEADER)
    for view in views:
        rows.writerows((escape_formula(view.label), *row) if several else row for row in weights(view.record))
    return text.getvalue()


def weights(record: AttentionRecord) -> Iterator[tuple[object, ...]]:
    """Return a row as in HEADER for each weight."""
    tokens = list(map(escape_formula, record.tokens))
    for layer in record.layers:
        for head in layer.heads:
            for query, (asking, line) in enumerate(zip(tokens, head.weights, strict=True)):
                for key, (asked, weight) in enumerate(zip(tokens, line, strict=True)):
                    yield layer.layer, head.head, query, asking, key, asked, weight

"""An attention record as CSV: a row a weight."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from tfcli.internals import View

HEADER = ("layer", "head", "query", "query_token", "key", "key_token", "weight")


def render(views: Sequence[View]) -> str:
    """The weights of the first view, in long form; positions count from 0."""
    record = views[0].record
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    for layer in record.layers:
        for head in layer.heads:
            for query, (asking, weights) in enumerate(zip(record.tokens, head.weights, strict=True)):
                for key, (asked, weight) in enumerate(zip(record.tokens, weights, strict=True)):
                    rows.writerow((layer.layer, head.head, query, asking, key, asked, weight))
    return text.getvalue()

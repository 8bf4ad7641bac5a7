"""Attention records as CSV: a row a weight."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from tfcli.records.inspection import AttentionRecord, View
from tfcli.render.untrusted import escape_formula

HEADER = ("layer", "head", "query", "query_token", "key", "key_token", "weight")


def render(views: Sequence[View]) -> Iterator[str]:
    """Yield the weights in long form, each view's name in front of several; positions count from 0."""
    several = len(views) > 1
    yield line(("view", *HEADER) if several else HEADER) + "\n"
    for view in views:
        yield from weights(view.record, (escape_formula(view.label),) if several else ())


def weights(record: AttentionRecord, label: tuple[str, ...]) -> Iterator[str]:
    """Yield a row as in HEADER, behind a label, for each weight: those of a query at a time."""
    tokens = list(map(escape_formula, record.tokens))
    keys = [line((key, token)) for key, token in enumerate(tokens)]
    for layer in record.layers:
        for head in layer.heads:
            for query, (token, row) in enumerate(zip(tokens, head.weights, strict=True)):
                asking = line((*label, layer.layer, head.head, query, token))
                yield "".join(
                    [f"{asking},{asked},{weight}\n" for asked, weight in zip(keys, row, strict=True)]
                )


def line(cells: Iterable[object]) -> str:
    """Return cells as CSV, in quotes where they need them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()

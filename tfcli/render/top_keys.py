"""The keys that each query looks at most, a line a query: for models with many heads, and long words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tfcli.records.inspection import AttentionRecord, HeadRecord
from tfcli.render.attention import print_answer, title_of
from tfcli.render.terminal import pad_or_cut, print_lines, print_wrapped, showable

WIDEST = 20  # columns of a query's label


def print_top_keys(console: Console, record: AttentionRecord, *, count: int) -> None:
    """Print the answer, then of each map the `count` heaviest keys of each query."""
    print_answer(console, record)
    labels = [showable(console, token) for token in record.tokens]
    for layer in record.layers:
        for head in layer.heads:
            print_lines(console)
            print_lines(console, Text(title_of(layer, head.head), "bold"))
            print_head(console, labels, head, count)


def print_head(console: Console, labels: list[str], head: HeadRecord, count: int) -> None:
    """Print a map, each query with its heaviest keys and their places."""
    width = min(max(map(cell_len, labels)), WIDEST)
    digits = len(str(len(labels) - 1))
    for query, row in enumerate(head.weights):
        heaviest = sorted(range(len(row)), key=partial(weight_first, row))[:count]
        line = Text(f"{query:>{digits}} {pad_or_cut(labels[query], width)}")
        for key in heaviest:
            line.append(f"  {row[key]:.2f} ", "bold").append(f"{labels[key]} ").append(str(key), "dim")
        print_wrapped(console, line, indent=digits + 3)


def weight_first(row: Sequence[float], key: int) -> tuple[float, int]:
    """By what keys are ordered: the heaviest first, of equal ones the first."""
    return -row[key], key

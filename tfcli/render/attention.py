"""Attention records as tables that fit the terminal: numbers where they fit, shades where they don't.

Rows are queries, columns are keys. No line is wider than the terminal: too many keys are shown in blocks of
columns, one below the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tfcli.records.inspection import AttentionRecord, LayerRecord, name_layer
from tfcli.records.results import judge
from tfcli.render.pictures import (
    Pixels,
    draw,
    find_glances,
    has_colours,
    largest_weight,
    name_head,
    title_of_glances,
    weight_rows,
)
from tfcli.render.ramp import shading
from tfcli.render.shares import print_shares
from tfcli.render.terminal import can_show, pad_or_cut, print_lines, print_wrapped, showable

SHADES = " ░▒▓█"
ASCII_SHADES = " .:-=+*#%@"
NUMBER = 4  # columns of a weight with two decimals
MAX_LABEL = 6  # wider labels than this stand at the rows only, and columns are numbered
GAP = 3  # columns between two tables
VERBS = {"ranks": "ranks its keys", "levels": "finds its keys at levels", "numbers": "numbers its keys"}


Line = Text | str  # styled, or plain: many shaded rows are printed fastest as they are


class Layout(NamedTuple):
    """How the tables of one sequence are drawn."""

    rows: list[str]  # row labels, all of one width
    columns: list[str]
    cell: int  # columns of the terminal a key takes
    keys: int  # keys a block has
    numbers: bool  # two decimals, else shades

    @property
    def width(self) -> int:
        """Columns of the terminal a table takes."""
        return cell_len(self.rows[0]) + self.cell * min(self.keys, len(self.columns))


def print_attention(console: Console, record: AttentionRecord) -> None:
    """Print what was asked, answered and right, then a table for each layer and head."""
    print_answer(console, record)
    if record.picture is not None:
        print_glances(console, record, record.picture)
        return
    layout = choose_layout([showable(console, token) for token in record.tokens], console.width)
    for layer in record.layers:
        tables = [
            list(table(console, layout, title_of(layer, head.head), head.weights)) for head in layer.heads
        ]
        print_tables(console, tables, layout.width)
        for head in layer.heads:
            if head.places is not None:
                title = f"{title_of(layer, head.head)} {VERBS[head.places.kind]}: "
                print_places(console, title, record.tokens, head.places.values)
        print_shares(console, layer)
    if any(head.head == "rollout" for layer in record.layers for head in layer.heads):
        note = "rollout: (mean of the heads + the token itself) / 2, multiplied over the layers so far"
        print_wrapped(console, Text(note, "dim"))


def print_glances(console: Console, record: AttentionRecord, picture: Pixels) -> None:
    """Print what the heads of each layer look at where the answer is read, drawn on the picture."""
    coloured, peak = has_colours(console), largest_weight(record)
    if not coloured:
        for line in draw(console, picture):
            print_lines(console, line)
    for layer in record.layers:
        for glances in find_glances(record, layer.heads):
            print_lines(console)
            print_lines(console, Text(title_of_glances((layer.loop, layer.layer), glances[0].answer), "bold"))
            tables = [
                [
                    Text(name_head(glance.head)),
                    *(
                        draw(console, picture, glance.weights, peak)
                        if coloured
                        else weight_rows(glance.weights)
                    ),
                    Text(f"elsewhere {glance.elsewhere:.2f}", "dim"),
                ]
                for glance in glances
            ]
            print_tables(console, tables, max(line.cell_len for table in tables for line in table))
        print_shares(console, layer)
    legend = (
        f"the brightest glow is a weight of {peak:.2f}" if coloured else "numbers: the weight of each patch"
    )
    print_lines(console)
    print_wrapped(console, Text(f"{legend}; elsewhere: on tokens that are no patches", "dim"))


def print_places(console: Console, title: str, tokens: list[str], places: list[float]) -> None:
    """Where a head finds each token, as its positions compute it."""
    pairs = "  ".join(
        f"{showable(console, token)}:{round(place, 1) + 0.0:.1f}"  # + 0.0: no minus before a zero
        for token, place in zip(tokens, places, strict=True)
    )
    print_lines(console)
    print_wrapped(console, Text.assemble((title, "bold"), pairs), indent=2)


def title_of(layer: LayerRecord, head: int | str) -> str:
    """Return the heading of a table; a head may be a mean of several."""
    where = name_layer(layer.loop, layer.layer)
    return f"{where} head {head}" if isinstance(head, int) else f"{where} {head}"


def print_answer(console: Console, record: AttentionRecord) -> None:
    """Print the sequence, the model's answer and, where that is wrong, the right one."""
    right = judge(record.prediction, record.target)
    lines = {"input": record.input, "answer": record.prediction}
    if record.picture is not None:
        del lines["input"]
    if right is False:
        lines["right is"] = record.target
    verdict = Text("the answer is right", "green") if right else Text("the answer is wrong", "bold red")
    if right is None:
        verdict = Text("what the model answers")
    print_wrapped(console, Text.assemble(f"{record.run}: ", verdict))
    labels = [showable(console, token) for tokens in lines.values() for token in tokens]
    cell = max(map(cell_len, labels)) + 1
    per_line = max(1, (console.width - 9) // cell)
    for start in range(0, max(map(len, lines.values())), per_line):
        for name, tokens in lines.items():
            if start >= len(tokens):
                continue
            line = Text(f"{name:<9}", "bold")
            for i, token in list(enumerate(tokens))[start : start + per_line]:
                judged = right is False and name == "answer" and record.target[i : i + 1] != [""]
                wrong = judged and record.target[i : i + 1] != [token]
                style = "bold red" if wrong else "not bold"
                line.append(pad_or_cut(showable(console, token), min(cell, console.width - 9)), style)
            print_lines(console, line)


def choose_layout(labels: list[str], width: int, numbers: bool = True) -> Layout:
    """Return the most detailed layout that fits `width` columns; with `numbers`, if these fit."""
    n, widest = len(labels), max(map(cell_len, labels))
    rows = columns = labels
    if widest > MAX_LABEL:
        columns = [str(i) for i in range(n)]
        rows = [f"{i} {label}" for i, label in enumerate(labels)]
        widest = len(columns[-1])
    row_width = min(max(map(cell_len, rows)), max(1, width // 3))
    rows = [pad_or_cut(label, row_width) for label in rows]
    room = width - row_width
    if numbers and n * (max(NUMBER, widest) + 1) <= room:
        return Layout(rows, columns, max(NUMBER, widest) + 1, n, numbers=True)
    cell = widest + 1 if n * (widest + 1) < room or widest > 1 else 1
    keys = max(1, (room - 1) // cell)
    return Layout([row + " " for row in rows], columns, cell, keys, numbers=False)


def table(console: Console, layout: Layout, title: str, weights: Sequence[Sequence[float]]) -> Iterator[Line]:
    """One head's weights below a title, which says what the shades mean where there are no numbers."""
    peak = max(map(max, weights))
    heading = Text(title if layout.numbers else f"{title}, {legend(console, peak)}", "bold")
    yield from heading.wrap(console, console.width)
    yield from cells(console, layout, weights, peak)


def legend(console: Console, peak: float) -> str:
    """Explain the darkest and the lightest shade."""
    shades = shades_of(console)
    return f"{shades[-1]} = {peak:.2f}, blank < {peak / (len(shades) - 1) / 2:.2f}"


def shades_of(console: Console) -> str:
    """From none to full, as the console's encoding allows."""
    return SHADES if can_show(console, SHADES) else ASCII_SHADES


def cells(
    console: Console, layout: Layout, weights: Sequence[Sequence[float]], peak: float
) -> Iterator[Line]:
    """Return the weights line by line, in blocks of columns that fit; a weight of `peak` is darkest."""
    n, shades = len(weights), shades_of(console)
    weights = list(weights)  # each block of columns reads them again
    shaded = [character * layout.cell for character in shades]
    scale = (len(shades) - 1) / peak
    for first in range(0, n, layout.keys):
        keys = slice(first, first + layout.keys)
        if layout.keys < n:
            yield Text(f"keys {first} to {min(first + layout.keys, n) - 1}", "dim")
        yield column_heads(layout, layout.columns[keys])
        for label, row in zip(layout.rows, weights, strict=True):
            if layout.numbers:
                yield number_row(layout, label, row, console.color_system)
            else:
                yield label + "".join([shaded[int(weight * scale + 0.5)] for weight in row[keys]])


def column_heads(layout: Layout, labels: list[str]) -> Text:
    """Return the keys, above their columns."""
    cells = []
    for label in labels:
        pad = layout.cell - cell_len(label)
        cells.append(" " * pad + label if layout.numbers else label + " " * pad)
    return Text(" " * cell_len(layout.rows[0]) + "".join(cells), "bold")


def number_row(layout: Layout, label: str, row: Sequence[float], system: str | None) -> Text:
    """Return a query's weights with two decimals, shaded by weight where there is colour."""
    line = Text(label)
    for weight in row:
        line.append(" " * (layout.cell - NUMBER - 1) + " ")
        line.append(f"{weight:.2f}", shading(weight, system))
    return line


def columns(line: Line) -> int:
    """How many columns of the terminal a line takes."""
    return line.cell_len if isinstance(line, Text) else cell_len(line)


def print_tables(console: Console, tables: list[list[Line]], width: int) -> None:
    """Tables of one width and height, as many next to each other as fit, in lines of about as many."""
    side_by_side = max(1, (console.width + GAP) // (width + GAP))
    if any(columns(lines[0]) > width for lines in tables):
        side_by_side = 1  # a title is wider than its table
    lines_of_tables = math.ceil(len(tables) / side_by_side)
    per_line = math.ceil(len(tables) / lines_of_tables)  # 2 + 2 looks better than 3 + 1
    for first in range(0, len(tables), per_line):
        print_lines(console)
        print_side_by_side(console, tables[first : first + per_line], width)


def print_side_by_side(console: Console, tables: list[list[Line]], width: int) -> None:
    """Tables of the same height next to each other."""
    for lines in zip(*tables, strict=True):
        if len(lines) == 1:
            print_lines(console, lines[0])
            continue
        joined = Text()
        for i, line in enumerate(lines):
            joined.append(line)
            if i < len(lines) - 1:
                joined.append(" " * (width + GAP - columns(line)))
        print_lines(console, joined)

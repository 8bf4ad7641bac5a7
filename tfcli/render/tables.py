"""Tables and numbers as every report shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tfcli.records.results import Interval
from tfcli.render.terminal import print_block, print_lines, print_wrapped, showable
from tfcli.render.untrusted import escape_controls


def print_pairs(console: Console, title: str, pairs: Mapping[str, str], *, blank: bool = True) -> None:
    """Print a titled list of names and values; long values go on below themselves."""
    if blank:
        print_lines(console)
    print_lines(console, Text(title, "bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs.items():
        grid.add_row(Text(name, "cyan"), showable(console, value))
    print_block(console, Padding(grid, (0, 0, 0, 2)))


def print_fitting(console: Console, tables: Sequence[Table]) -> int:
    """Print the first of some tables that fits the terminal, or the last; the number of the one that was."""
    chosen = next((i for i, table in enumerate(tables) if is_fitting(console, table)), len(tables) - 1)
    print_block(console, tables[chosen])
    return chosen


def is_fitting(console: Console, table: Table) -> bool:
    """Whether a table fits the terminal."""
    unbounded = console.options.update(width=10_000)
    return console.measure(table, options=unbounded).maximum <= console.width


def print_columns(
    console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int, indent: int = 0
) -> None:
    """Print rows below headings, the first columns flush left.

    Where they are too wide, the first cell of each has a line to itself, and the others stand below it: in
    columns if that fits, else one after the other, each with its heading. A thousand rows that fit take a
    hundredth of a second.
    """
    cells = [[escape_controls(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *cells, strict=True)]
    if indent + sum(widths) + len(widths) - 1 <= console.width:
        print_lines(console, Text(aligned(headings, widths, left, indent), "bold"))
        print_lines(console, "\n".join(aligned(row, widths, left, indent) for row in cells))
        return
    margin = " " * indent
    if 2 * indent + sum(widths[1:]) + len(widths) - 2 <= console.width:
        titles, *below = [aligned(row[1:], widths[1:], left - 1, 2 * indent) for row in [headings, *cells]]
        print_lines(console, Text(f"{margin}{headings[0]}\n{titles}", "bold"))
    else:
        pairs = [zip(headings[1:], row[1:], strict=True) for row in cells]
        below = [2 * margin + ", ".join(f"{heading} {cell}" for heading, cell in row) for row in pairs]
    for row, text in zip(cells, below, strict=True):
        print_wrapped(console, Text(margin + row[0]), indent)
        print_wrapped(console, Text(text), 2 * indent)


def aligned(row: Sequence[str], widths: Sequence[int], left: int, indent: int) -> str:
    """Return a line with its cells in columns of these widths, the first ones flush left."""
    spaces = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
    padded = [
        cell + space if i < left else space + cell
        for i, (cell, space) in enumerate(zip(row, spaces, strict=True))
    ]
    return (" " * indent + " ".join(padded)).rstrip()


def plain_table() -> Table:
    """Return a table without a frame."""
    return Table(box=None, padding=(0, 1), pad_edge=False, collapse_padding=True, header_style="bold")


def count(number: int) -> str:
    """Return a whole number with thousands set apart."""
    return f"{number:,}"


def share(value: float | None) -> str:
    """Return a fraction 0-1; only what is exactly 1 is shown as 1.000."""
    if value is None:
        return "-"
    return "1.000" if value == 1 else f"{min(value, 0.9994):.3f}"


def interval(bounds: Interval) -> str:
    """Return a 95 % interval."""
    return f"{bounds[0]:.2f}-{bounds[1]:.2f}"


def plain(value: Any) -> str:
    """Return a configuration value as people write it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def nth_attempt(number: int) -> str:
    """Return which attempt a training took, if it wasn't the first."""
    return f", attempt {number}" if number > 1 else ""

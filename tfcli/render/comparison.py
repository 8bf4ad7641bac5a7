"""Runs held against each other as tables, for a terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.errors import counted
from tfcli.records.comparison import Comparison, Difference, FigureRow, Side, Spread
from tfcli.render.csv_table import line
from tfcli.render.markdown import escape, table_row
from tfcli.render.overlay import label_of, print_curves
from tfcli.render.tables import plain, plain_table, print_fitting, share
from tfcli.render.terminal import print_lines, print_wrapped, showable
from tfcli.render.untrusted import escape_formula

SHARES = ("exact_match", "token_accuracy")  # with or without a length behind it
LOSSES = ("loss", "held_out_loss")
MOST_LOSS = 1e6  # that is written out
WITHOUT_DIFFERENCE = ("parameters",)  # which no seed changes
SHOWN = 12  # digits of a digest
MOST_NAMES = 3  # of the runs of a side
LEGEND = (
    "Means over the seeds, and in brackets their ends. 95 %: Student's interval of the mean difference, over "
    "pairs of the same seed; Welch's where there are none. - where one seed gives none, and none where all "
    "seeds are alike."
)
ALONE = "One seed a side: train with more (train.seed=1) to see what of this is chance."
SEEDS = "All of one setting, a seed a side; beside runs of another setting they are one side, with its means."
HEADER = ("figure", "side", "runs", "mean", "least", "most", "difference", "low", "high", "paired")


def print_comparison(console: Console, found: Comparison) -> None:
    """Print which runs are on each side, in what they differ, their figures and their curves."""
    for side in found.sides:
        text = Text.assemble((f"{side.name}  ", "bold"), showable(console, describe(side)))
        print_wrapped(console, text, indent=3)
    if found.settings:
        print_lines(console)
        print_sides(console, "settings", found, [setting_rows(found)])
    else:
        print_lines(console, "\nno settings differ" + " but the seed" * has_seeds(found))
    print_lines(console)
    print_sides(console, "figures", found, [figure_rows(found, whole) for whole in (True, False)])
    if rows := difference_rows(found):
        print_lines(console)
        print_fitting(console, [difference_table(rows)])
        print_wrapped(console, Text(LEGEND, "dim"))
    else:
        seeds = {seed for side in found.sides for seed in side.seeds}
        is_one_setting = not found.settings and len(seeds) == len(found.sides)
        print_wrapped(console, Text(SEEDS if is_one_setting else ALONE, "dim"))
    print_curves(console, found)
    for note in found.notes:
        print_wrapped(console, Text(showable(console, f"note: {note}"), "dim"))


def print_sides(
    console: Console, title: str, found: Comparison, forms: Sequence[Sequence[Sequence[str]]]
) -> None:
    """Print the first form of some rows that fits with a column a side; where none does, a line a row."""
    tables = [columns(console, title, found, rows) for rows in forms]
    unbounded = console.options.update(width=10_000)
    if any(console.measure(table, options=unbounded).maximum <= console.width for table in tables):
        print_fitting(console, tables)
        return
    print_lines(console, Text(title, "bold"))
    for key, *values in forms[-1]:
        said = ", ".join(f"{side.name} {value}" for side, value in zip(found.sides, values, strict=True))
        print_wrapped(console, Text(showable(console, f"{key}: {said}")), indent=2)


def columns(console: Console, title: str, found: Comparison, rows: Sequence[Sequence[str]]) -> Table:
    """Return a table with a column a side."""
    table = plain_table()
    table.add_column(title, overflow="fold")
    for side in found.sides:
        table.add_column(side.name, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*(showable(console, cell) for cell in row))
    return table


def difference_table(rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of differences."""
    table = plain_table()
    for number, heading in enumerate(("", "difference", "mean", "95 %", "over")):
        table.add_column(heading, justify="left" if number < 2 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def has_seeds(found: Comparison) -> bool:
    """Whether sides are told apart by their seeds."""
    return len({tuple(side.seeds) for side in found.sides}) > 1


def describe(side: Side) -> str:
    """Return the runs of a side, and their seeds."""
    names = [run.removeprefix("runs/") for run in side.runs]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    seeds = f"seed{'s' * (len(side.seeds) > 1)} {', '.join(spans(side.seeds))}"
    return f"{', '.join(names[:MOST_NAMES])}{more}: {seeds}"


def spans(seeds: Sequence[int]) -> Iterator[str]:
    """Yield seeds in words, those in a row as a span: 0 to 4, 7."""
    for _, found in groupby(enumerate(seeds), key=lambda pair: pair[1] - pair[0]):
        row = [seed for _, seed in found]
        yield f"{row[0]} to {row[-1]}" if len(row) > 2 else ", ".join(map(str, row))


def setting_rows(found: Comparison) -> list[list[str]]:
    """Return a row for each setting that differs."""
    return [[row.key, *(shorten(row.key, value) for value in row.values)] for row in found.settings]


def shorten(key: str, value: Any) -> str:
    """Return a value as people write it, and of a digest its beginning."""
    return plain(value)[:SHOWN] if key == "task.digest" else plain(value)


def figure_rows(found: Comparison, whole: bool) -> list[list[str]]:
    """Return a row for each figure, with the ends over seeds in its `whole` form."""
    solved = ["solved", *(f"{side.solved} of {len(side.runs)}" for side in found.sides)]
    return [
        solved,
        *([words(row.key), *(cell(row.key, side, whole) for side in row.sides)] for row in found.figures),
    ]


def cell(key: str, side: Spread | None, whole: bool) -> str:
    """Return the figure of a side."""
    if side is None:
        return "-"
    ends = f" ({number(key, side.least)} to {number(key, side.most)})"
    return number(key, side.mean) + (ends if whole and side.least != side.most else "")


def difference_rows(found: Comparison) -> list[list[str]]:
    """Return a row for each difference, if there are several seeds."""
    if all(len(side.runs) == 1 for side in found.sides):
        return []
    return [
        [f"{side.name} - {found.sides[0].name}", words(row.key), *cells_of(row.key, apart)]
        for i, side in enumerate(found.sides[1:])
        for row in found.figures
        if row.key not in WITHOUT_DIFFERENCE and (apart := row.differences[i]) is not None
    ]


def cells_of(key: str, apart: Difference) -> list[str]:
    """Return a difference, its interval, and over how many seeds it is."""
    bounds = "all alike" if apart.are_alike else "-"
    if apart.interval is not None:
        bounds = " to ".join(signed(key, bound) for bound in apart.interval)
    pairs = counted(apart.seeds_before, "pair")
    return [
        signed(key, apart.mean),
        bounds,
        pairs if apart.paired else f"{apart.seeds_before} and {apart.seeds_after}",
    ]


def words(key: str) -> str:
    """Return what a figure is called for people to read."""
    named = {"train_seconds": "seconds", "tokens_per_second": "tokens/s", "held_out_loss": "held-out loss"}
    return named.get(key, key.replace("_", " "))


def number(key: str, value: float) -> str:
    """Return a figure with as many digits as say something."""
    if key.startswith(SHARES):
        return share(value)
    return f"{value:{digits(key, value)}}"


def signed(key: str, value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+{digits(key, value)}}"


def digits(key: str, value: float) -> str:
    """Return the form in which a figure is written."""
    if key.startswith(SHARES):
        return ".3f"
    if key in LOSSES:
        return ".4f" if abs(value) < MOST_LOSS else ".2e"
    return ".2f" if key == "train_seconds" else ",.0f"


def markdown(found: Comparison) -> str:
    """Return the same tables as Markdown."""
    names = [side.name for side in found.sides]
    heads = [f"{side.name}: {escape(describe(side))}" for side in found.sides]
    blocks = ["\n".join(f"* {head}" for head in heads)]
    for title, rows in (("settings", setting_rows(found)), ("figures", figure_rows(found, True))):
        if rows:
            blocks.append(table_of([title, *names], rows))
    if rows := difference_rows(found):
        blocks += [table_of(["", "difference", "mean", "95 %", "over"], rows), LEGEND]
    blocks += [f"Note: {escape(note)}." for note in found.notes]
    return "\n\n".join(blocks) + "\n"


def table_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *([*map(escape, row)] for row in rows)]
    return "".join(map(table_row, lines)).rstrip("\n")


def csv(found: Comparison) -> str:
    """Return a row for each figure of each side, as in HEADER; the first side has no difference."""
    rows = [line(HEADER)]
    for row in found.figures:
        for i, (side, spread) in enumerate(zip(found.sides, row.sides, strict=True)):
            rows.append(line(csv_cells(found, row, side, spread, row.differences[i - 1] if i else None)))
    return "\n".join(rows) + "\n"


def csv_cells(
    found: Comparison, row: FigureRow, side: Side, spread: Spread | None, apart: Difference | None
) -> list[object]:
    """Return the cells of a figure of a side."""
    values = [spread.mean, spread.least, spread.most] if spread else [None] * 3
    label = escape_formula(label_of(found, side))
    low, high = apart.interval if apart and apart.interval else (None, None)
    paired = None if apart is None else str(apart.paired).lower()
    return [row.key, label, len(side.runs), *values, apart and apart.mean, low, high, paired]

"""Benchmarks as tables, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.records.bench import BenchEntry, BenchReport, LearningCurve
from tfcli.render.learning_curves import LEGEND as CURVE_LEGEND
from tfcli.render.learning_curves import brief_of, headings_of, needed_lines, rows_of, title_of
from tfcli.render.tables import count, plain_table, print_fitting, share
from tfcli.render.terminal import print_lines, print_wrapped

SOLVING = ("example", "solved", "steps", "seconds", "range", "whole", "tokens/s", "rate", "plain", "ratio")
SOLVING_BRIEF = (0, 1, 2, 3, 9)  # of these, for a narrow terminal
LENGTHS = ("example", "length", "exact", "worst", "tokens", "worst", "floor")
LENGTHS_BRIEF = (0, 1, 2, 3)
LEGEND = (
    "Medians over the seeds. seconds: of all attempts, until the held-out exact match is 1.0 twice in a row; "
    "whole: to the end of the training. rate: matrix operations, as a share of what the machine does in a "
    "large product. plain: seconds of torch's own encoder (1 layer, d_model 32, sinusoids, Adam 5e-4, batch "
    "128), at most 3,000 steps; > where it wasn't through on some seed. ratio: plain seconds over ours."
)
TOGETHER = (
    " The seeds of an example were trained as one program: seconds are each one's share of its time, and all"
    " shares add up to that."
)


def print_bench(console: Console, report: BenchReport) -> None:
    """Time to solved, then scores by length where they were asked for."""
    print_wrapped(console, Text(machine_line(report), "bold"))
    if rows := solve_rows(report):
        print_fitting(console, [columns_of(SOLVING, rows), columns_of(SOLVING, rows, SOLVING_BRIEF)])
    for curve in report.curves:
        print_curve(console, curve)
    for line in attempt_lines(report):
        print_wrapped(console, Text(line))
    print_wrapped(console, Text(legend_of(report), "dim"))
    if rows := length_rows(report):
        print_lines(console)
        print_fitting(console, [columns_of(LENGTHS, rows), columns_of(LENGTHS, rows, LENGTHS_BRIEF)])


def print_curve(console: Console, curve: LearningCurve) -> None:
    """Print a learning curve, and how many examples are needed."""
    print_lines(console)
    headings, rows = headings_of(curve, "\n"), rows_of(curve)
    print_wrapped(console, Text(title_of(curve), "bold"))
    print_fitting(console, [columns_of(headings, rows), columns_of(headings, rows, brief_of(curve))])
    for line in needed_lines(curve):
        print_wrapped(console, Text(line))


def columns_of(
    headings: Sequence[str], rows: Sequence[Sequence[str]], chosen: Sequence[int] | None = None
) -> Table:
    """Return a table of the chosen columns, or of all."""
    table, kept = plain_table(), chosen or range(len(headings))
    for i in kept:
        table.add_column(headings[i], justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(row[i] for i in kept))
    return table


def markdown(report: BenchReport) -> str:
    """Return the same as Markdown."""
    blocks = [machine_line(report)]
    if rows := solve_rows(report):
        blocks.append(table_of(SOLVING, rows))
    for curve in report.curves:
        blocks += [title_of(curve), table_of(headings_of(curve), rows_of(curve)), *needed_lines(curve)]
    blocks += [*attempt_lines(report), legend_of(report)]
    if length_rows(report):
        blocks.append(table_of(LENGTHS, length_rows(report)))
    return "\n\n".join(blocks) + "\n"


def table_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine_line(report: BenchReport) -> str:
    """Return a line about the machine that was measured on."""
    m = report.machine
    seeds = sorted({record.seed for entry in report.entries for record in entry.ours})
    return (
        f"{m.cores} cores, load {m.load:.1f}, torch {m.torch}, {m.matmul_gflops:.0f} GFLOP/s in a large "
        f"product; seeds {', '.join(map(str, seeds))}"
    )


def solve_rows(report: BenchReport) -> list[list[str]]:
    """Return a row for each example that is no learning curve."""
    drawn = {curve.example for curve in report.curves}
    return [solve_row(entry) for entry in report.entries if entry.example not in drawn]


def legend_of(report: BenchReport) -> str:
    """Return what the columns of the tables are."""
    together = TOGETHER if any(entry.together for entry in report.entries) else ""
    return (CURVE_LEGEND if report.curves else LEGEND) + together


def label_of(entry: BenchEntry) -> str:
    """Return what tells an entry from the others of its example."""
    start = "" if entry.start is None else f" from {Path(entry.start).name}"
    samples = "" if entry.train_samples is None else f", {count(entry.train_samples)} sequences"
    return f"{entry.example}{start}{samples}"


def solve_row(entry: BenchEntry) -> list[str]:
    """Return the cells of one example, as in SOLVING."""
    ours, plain = entry.ours, entry.plain
    seconds = [record.seconds for record in ours]
    more = "" if all(record.solved for record in plain) else ">"
    return [
        entry.example,
        f"{sum(record.solved for record in ours)} of {len(ours)}",
        count(round(median(record.steps for record in ours))),
        f"{median(seconds):.2f}",
        f"{min(seconds):.2f}-{max(seconds):.2f}",
        f"{median(record.whole_seconds for record in ours):.2f}",
        count(round(median(record.tokens_per_second for record in ours))),
        f"{median(record.share_of_machine or 0.0 for record in ours):.0%}",
        f"{more}{median(record.seconds for record in plain):.1f}" if plain else "-",
        f"{more}{entry.ratio:.1f}" if entry.ratio is not None else "-",
    ]


def attempt_lines(report: BenchReport) -> list[str]:
    """Return a line for each training that took more than one attempt."""
    return [
        f"{label_of(entry)}: seed {record.seed} took {record.attempts} attempts"
        for entry in report.entries
        for record in entry.ours
        if record.attempts > 1
    ]


def length_rows(report: BenchReport) -> list[list[str]]:
    """Return a row an example and length, as in LENGTHS."""
    return [
        [
            label_of(entry),
            count(spread.length),
            share(spread.exact_match_median),
            share(spread.exact_match_worst),
            share(spread.token_accuracy_median),
            share(spread.token_accuracy_worst),
            f"{spread.floor:.2f}",
        ]
        for entry in report.entries
        for spread in entry.lengths
    ]

"""Trainings that differ in their seed: where they stand, and what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.records.progress import Progress
from tfcli.records.results import SeedRecord, SeedsReport
from tfcli.render.reports import state
from tfcli.render.tables import count, plain_table, print_fitting, share
from tfcli.render.terminal import print_wrapped, showable

COLUMNS = ("seed", "outcome", "step", "seconds", "exact", "tokens", "run")


def status_of(latest: Sequence[Progress | None]) -> str:
    """Return a line on where several trainings stand: `solved=3/16 step=200/300 exact=0.870 loss=0.031`.

    Loss and exact match are medians of those that have begun, the step is that of the first that goes on.
    """
    begun = [progress for progress in latest if progress is not None]
    going_on = [progress for progress in begun if not progress.solved] or begun
    losses = [progress.loss for progress in begun if progress.loss is not None]
    exact = [progress.score.exact_match for progress in begun if progress.score]
    parts = [f"solved={sum(progress.solved for progress in begun)}/{len(latest)}"]
    if going_on:
        parts.append(f"step={going_on[-1].step}/{going_on[-1].steps}")
    parts.append(f"exact={share(median(exact) if exact else None)}")
    parts.append(f"loss={median(losses):.3g}" if losses else "loss=-")
    return " ".join(parts)


def print_seeds(console: Console, report: SeedsReport) -> None:
    """Print a row for each training, and how many were solved."""
    rows = [row_of(record) for record in report.seeds]
    narrow = len(COLUMNS) - 2
    print_fitting(console, [table_of(console, rows, width) for width in (len(COLUMNS), narrow)])
    for record in report.seeds:
        if record.problem is not None:
            print_wrapped(console, Text(f"seed {record.seed}: {record.problem}", "bold red"))
    print_wrapped(console, Text(summary_of(report), "bold"))


def row_of(record: SeedRecord) -> list[str]:
    """Return the cells of a training, as in COLUMNS."""
    found = record.outcome
    if found is None:
        return [
            str(record.seed),
            "not begun" if record.problem is None else "failed",
            "-",
            "-",
            "-",
            "-",
            "-",
        ]
    figures = [count(found.steps), f"{found.train_seconds:.2f}"]
    scores = [share(found.exact_match), share(found.token_accuracy)]
    return [str(record.seed), state(found), *figures, *scores, found.run]


def table_of(console: Console, rows: Sequence[Sequence[str]], width: int) -> Table:
    """Return a table of the first columns."""
    table = plain_table()
    for name in COLUMNS[:width]:
        table.add_column(name, justify="left" if name in ("outcome", "run") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(showable(console, cell) for cell in row[:width]))
    return table


def summary_of(report: SeedsReport) -> str:
    """Return how many trainings were solved, in how many steps, and what all took."""
    done = [record.outcome for record in report.seeds if record.outcome is not None]
    solved = sum(outcome.solved for outcome in done)
    steps = [outcome.steps for outcome in done]
    taken = f", after {median(steps):,.0f} steps (median), {max(steps):,} at most" if steps else ""
    return f"{solved} of {len(report.seeds)} solved{taken}; {report.seconds:.1f} s in all"

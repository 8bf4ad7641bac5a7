"""What was removed or renamed, in a line."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from tfcli.errors import counted
from tfcli.records.keeping import MoveReport, RemovalReport
from tfcli.render.terminal import print_wrapped, showable


def print_removal(console: Console, report: RemovalReport) -> None:
    """Print how many runs are gone, and which folders are still there."""
    number = len(report.removed)
    what = report.removed[0] if number == 1 else counted(number, "run")
    print_wrapped(console, Text(showable(console, f"{what} removed, {counted(report.freed, 'byte')}")))
    for folder in report.kept:
        said = f"{folder} is kept: it holds something that isn't a run's"
        print_wrapped(console, Text(showable(console, said)))


def print_move(console: Console, report: MoveReport) -> None:
    """Print what a run is called now."""
    print_wrapped(console, Text(showable(console, f"{report.before} is {report.run} now")))

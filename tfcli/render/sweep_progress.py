"""How a sweep is going: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tfcli.records.sweep import RunningRun, SweepProgress
from tfcli.render.progress import DRAW_EVERY, LINE_EVERY
from tfcli.render.tables import count, share
from tfcli.render.terminal import is_live, print_lines, showable

MOST_SHOWN = 16  # runs that are in training
BAR = 20  # columns, at most
HOUR, MINUTE = 3600, 60  # seconds


class SweepDisplay:
    """Shows how far a sweep is; to be used as a context. What can't be written any more isn't."""

    def __init__(self, console: Console, quiet: bool) -> None:
        self.console, self.quiet = console, quiet
        self.live = None
        if not quiet and is_live(console):
            self.live = Live(console=console, auto_refresh=False, transient=True)
        self.shown_at = time.monotonic() if self.live is None else 0.0
        self.latest: SweepProgress | None = None

    def __enter__(self) -> SweepDisplay:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            if self.live is not None:
                self.live.stop()
            elif self.latest is not None and not self.quiet:
                print_lines(self.console, plain_line(self.latest))

    def show(self, progress: SweepProgress) -> None:
        """Take note of how far it is; it may or may not be drawn."""
        self.latest = progress
        every = LINE_EVERY if self.live is None else DRAW_EVERY
        if self.quiet or time.monotonic() - self.shown_at < every:
            return
        self.shown_at = time.monotonic()
        with suppress(OSError):
            if self.live is not None:
                self.live.update(picture(self.console, progress), refresh=True)
            else:
                print_lines(self.console, plain_line(progress))
                self.latest = None


def picture(console: Console, progress: SweepProgress) -> RenderableType:
    """Return a bar for all runs, and a line for each that is in training."""
    bar = Table.grid(expand=True, padding=(0, 1))
    bar.add_column(no_wrap=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    bar.add_row(
        f"runs {count(progress.done)}/{count(progress.total)}",
        ProgressBar(total=progress.total, completed=progress.done),
        f"eta {duration(progress.eta)}",
    )
    failed = f"  failed {count(progress.failed)}" if progress.failed else ""
    figures = Text(f"solved {count(progress.solved)}{failed}  running {count(progress.given_out)}")
    return Group(bar, figures, table_of(console, progress.running[:MOST_SHOWN]))


def table_of(console: Console, running: Sequence[RunningRun]) -> Table:
    """Return a line for each run in training: what it is, a bar where there is room, and its figures."""
    grid, has_room = Table.grid(padding=(0, 1)), console.width >= 3 * BAR
    grid.add_column(no_wrap=True, overflow="ellipsis", max_width=console.width // 2)
    grid.add_column(no_wrap=True)
    if has_room:
        grid.add_column(width=BAR)
    for run in running:
        bar = [ProgressBar(total=run.steps, completed=run.step)] * has_room
        grid.add_row(Text(showable(console, run.label), "cyan"), figures_of(run), *bar)
    return grid


def figures_of(run: RunningRun) -> str:
    """Step and exact match of a run that is in training."""
    return f"{count(run.step)}/{count(run.steps)} exact {share(run.exact_match)}"


def plain_line(progress: SweepProgress) -> str:
    """`runs=12/32 solved=11 failed=0 running=2 eta=40s`."""
    eta = "-" if progress.eta is None else f"{progress.eta:.0f}s"
    return (
        f"runs={progress.done}/{progress.total} solved={progress.solved} failed={progress.failed} "
        f"running={progress.given_out} eta={eta}"
    )


def duration(seconds: float | None) -> str:
    """`40 s`, `12 min`, `3.5 h`; a dash where nobody knows."""
    if seconds is None:
        return "-"
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"

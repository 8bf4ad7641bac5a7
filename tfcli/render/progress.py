"""How a training run is going: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tfcli.records.inspection import AttentionRecord
from tfcli.records.progress import Progress
from tfcli.render.attention import Line, cells, choose_layout, columns, title_of
from tfcli.render.tables import count, nth_attempt, share
from tfcli.render.terminal import is_live, print_lines, showable, sparkline

LINE_EVERY = 2.0  # seconds between two plain lines
DRAW_EVERY = 0.1  # seconds between two pictures
LOOK = 0.1  # seconds for a person to see a map
SAY_EVERY = 0.5  # seconds between two lines in place
CLEAR = "\r\x1b[K"  # the line that the cursor is in
GAP = 3  # columns between figures and map
LEAST = 40  # columns for figures beside a map


class Display(Protocol):
    """Shows the progress records of one run; to be used as a context."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, progress: Progress) -> None:
        """Take note of a record; it may or may not be drawn."""


def make_display(console: Console, quiet: bool, slow: bool = False) -> Display:
    """Return the display that suits the console; a `slow` one lets people look at each map."""
    if quiet:
        return Silent()
    return Sturdy(LiveDisplay(console, slow) if is_live(console) else LineDisplay(console))


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, progress: Progress) -> None:
        """Nothing to do."""


class Sturdy(Silent):
    """Another display until that can't be written any more; then nothing."""

    def __init__(self, display: Display) -> None:
        self.display: Display = display

    def __enter__(self) -> Sturdy:
        self.attempt(self.display.__enter__)
        return self

    def __exit__(self, *error: Any) -> None:
        self.attempt(lambda: self.display.__exit__(*error))

    def show(self, progress: Progress) -> None:
        self.attempt(lambda: self.display.show(progress))

    def attempt(self, draw: Callable[[], object]) -> None:
        """Draw, as long as somebody reads it."""
        try:
            draw()
        except OSError:
            self.display = Silent()


class StatusLine:
    """A line that says how far a long piece of work is: in place on a terminal, every few seconds elsewhere.

    A program that is ended by a signal leaves the terminal as it should be.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.shown_at = time.monotonic()
        self.stands = False

    def show(self, text: str) -> None:
        """Say how far it is, unless that has just been said."""
        every = SAY_EVERY if is_live(self.console) else LINE_EVERY
        if time.monotonic() - self.shown_at < every:
            return
        with suppress(OSError):
            if is_live(self.console):
                self.console.file.write(f"{CLEAR}{text[: self.console.width - 1]}")
                self.console.file.flush()
                self.stands = True
            else:
                print_lines(self.console, text)
        self.shown_at = time.monotonic()

    def clear(self) -> None:
        """Take the line away, where it stands."""
        if self.stands:
            with suppress(OSError):
                self.console.file.write(CLEAR)
                self.console.file.flush()
            self.stands = False
        self.shown_at = time.monotonic()


class LineDisplay(Silent):
    """One plain line every few seconds, and one at the end, for logs."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.printed_at = time.monotonic()
        self.latest: Progress | None = None

    def __exit__(self, *_: object) -> None:
        self.print_latest()

    def show(self, progress: Progress) -> None:
        self.latest = progress
        if time.monotonic() - self.printed_at >= LINE_EVERY:
            self.print_latest()

    def print_latest(self) -> None:
        """Print the latest record, once."""
        if self.latest is not None:
            print_lines(self.console, plain_line(self.latest))
            self.printed_at, self.latest = time.monotonic(), None


class LiveDisplay(Silent):
    """A bar, the latest figures, and a small curve of the exact match.

    A `slow` one draws each map that comes, and waits.
    """

    def __init__(self, console: Console, slow: bool = False) -> None:
        self.console, self.slow = console, slow
        self.matches: list[float] = []
        self.map: AttentionRecord | None = None
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.drawn_at = 0.0

    def __enter__(self) -> LiveDisplay:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()
        if self.map is not None:  # what was watched is left standing
            for line in head_map(self.console, self.map):
                print_lines(self.console, line)

    def show(self, progress: Progress) -> None:
        is_new, self.map = progress.attention is not self.map, progress.attention
        if progress.fresh and progress.score:
            self.matches.append(progress.score.exact_match)
        if (self.slow and is_new) or time.monotonic() - self.drawn_at >= DRAW_EVERY:
            self.live.update(self.picture(progress), refresh=True)
            self.drawn_at = time.monotonic()
            if self.slow:
                time.sleep(LOOK)

    def picture(self, progress: Progress) -> RenderableType:
        """Return a few lines that fit a narrow terminal; beside or below them the map of the watched head."""
        figures = self.figures(progress, self.console.width)
        if progress.attention is None:
            return figures
        drawn = head_map(self.console, progress.attention)
        beside = self.console.width - max(map(columns, drawn)) - GAP
        if beside < LEAST:
            return Group(figures, "", *drawn)
        grid = Table.grid(padding=(0, GAP, 0, 0))
        grid.add_column(width=beside)
        grid.add_column(no_wrap=True)
        grid.add_row(self.figures(progress, beside), Group(*drawn))
        return grid

    def figures(self, progress: Progress, width: int) -> Group:
        """Bar, latest figures, curve."""
        bar = Table.grid(expand=True, padding=(0, 1))
        bar.add_column(no_wrap=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True)
        bar.add_row(
            f"step {count(progress.step)}/{count(progress.steps)}{nth_attempt(progress.attempt)}",
            ProgressBar(total=progress.steps, completed=progress.step),
            f"eta {progress.eta:.0f} s",
        )
        rate = f"{count(round(progress.tokens_per_second))} tokens/s"
        figures = [f"{name} {value}" for name, value in scores(progress).items()] + [rate]
        curve = Text("exact match ").append(sparkline(self.console, self.matches, width - 12), "green")
        return Group(bar, Text("  ".join(figures)), curve)


def head_map(console: Console, record: AttentionRecord) -> list[Line]:
    """Return the one head that is watched, in shades from 0 to 1."""
    [layer] = record.layers
    [head] = layer.heads
    tokens = [showable(console, token) for token in record.tokens]
    layout = choose_layout(tokens, console.width, numbers=False)
    return [Text(title_of(layer, head.head), "bold"), *cells(console, layout, head.weights, peak=1.0)]


def plain_line(progress: Progress) -> str:
    """`step=200/1000 loss=0.031 tokens=0.98 exact=0.87 tokens/s=31000 eta=4s`."""
    return (
        f"step={progress.step}/{progress.steps}"
        + (f" attempt={progress.attempt} " if progress.attempt > 1 else " ")
        + " ".join(f"{name}={value}" for name, value in scores(progress).items())
        + f" tokens/s={progress.tokens_per_second:.0f} eta={progress.eta:.0f}s"
    )


def scores(progress: Progress) -> dict[str, str]:
    """Loss, token accuracy and exact match; a dash where none is known yet."""
    score = progress.score
    return {
        "loss": "-" if progress.loss is None else f"{progress.loss:.3g}",
        "tokens": share(score.token_accuracy if score else None),
        "exact": share(score.exact_match if score else None),
    }

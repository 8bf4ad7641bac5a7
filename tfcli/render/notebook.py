"""In a notebook: coloured text, pages in frames, and the curve of a training as it grows."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from html import escape
from importlib import import_module
from typing import Any

from rich.console import Console

from tfcli.records.progress import Progress
from tfcli.render.curve import BLUE, HEIGHT, LEFT, ORANGE, TOP, WIDTH, framed
from tfcli.render.progress import Silent, plain_line

FRAME = '<iframe srcdoc="{page}" sandbox="allow-scripts" style="width:100%;height:640px;border:0"></iframe>'
PRE = '<pre style="line-height:1.2;white-space:pre;overflow-x:auto">{code}</pre>'
COLUMNS = 110  # of coloured text
DRAW_EVERY = 0.3  # seconds between two pictures


def is_notebook() -> bool:
    """Whether this runs in a notebook: in a kernel of IPython, rather than in a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def coloured(draw: Callable[[Console], None]) -> str:
    """Return as HTML what `draw` prints."""
    console = Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True)
    draw(console)
    return console.export_html(inline_styles=True, code_format=PRE)


def frame(page: str) -> str:
    """Return a page as an HTML element that can do nothing beyond itself."""
    return FRAME.format(page=escape(page))


class CurveDisplay(Silent):
    """The latest figures above the curves of loss and exact match, drawn anew in their place."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []
        self.drawn_at = 0.0
        self.ipython: Any = import_module("IPython.display")  # which is there: it runs the notebook
        self.handle: Any = None

    def __enter__(self) -> CurveDisplay:
        self.handle = self.ipython.display(self.ipython.HTML(""), display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.draw()

    def show(self, progress: Progress) -> None:
        if not (progress.fresh and progress.score and progress.loss is not None):
            return
        self.seen.append(progress)
        if time.monotonic() - self.drawn_at >= DRAW_EVERY:
            self.draw()

    def draw(self) -> None:
        """Draw all that has been seen."""
        if not self.seen:
            return
        self.handle.update(self.ipython.HTML(picture(self.seen)))
        self.drawn_at = time.monotonic()


def picture(seen: Sequence[Progress]) -> str:
    """Return an SVG of loss, in parts of the highest, and exact match by step."""
    losses = [progress.loss or 0.0 for progress in seen]
    matches = [progress.score.exact_match if progress.score else 0.0 for progress in seen]
    highest = max(losses) or 1.0
    first, last = seen[0].step, max(seen[-1].step, seen[0].step + 1)

    def line(values: Sequence[float], colour: str, more: str) -> str:
        points = " ".join(
            f"{LEFT + (p.step - first) / (last - first) * WIDTH:.1f},{TOP + (1 - value) * HEIGHT:.1f}"
            for p, value in zip(seen, values, strict=True)
        )
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" {more}/>'

    body = [
        line([loss / highest for loss in losses], ORANGE, 'stroke-dasharray="6 3"'),
        line(matches, BLUE, ""),
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = TOP + (1 - share) * HEIGHT
        body.insert(0, f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
        body.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>')
    for i in range(5):
        step = f'<text x="{LEFT + i * WIDTH / 4:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">'
        body.append(f"{step}{round(first + (last - first) * i / 4):,}</text>")
    at = TOP + HEIGHT + 44
    body.append(f'<text x="{LEFT}" y="{at}" fill="{BLUE}">exact match</text>')
    body.append(f'<text x="{LEFT + 110}" y="{at}" fill="{ORANGE}">loss, in parts of {highest:.3g}</text>')
    body.append(f'<text x="{LEFT + WIDTH}" y="{at}" text-anchor="end">step</text>')
    return framed(plain_line(seen[-1]), body)

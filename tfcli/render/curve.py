"""Scores by length as a curve: a few rows of bars on a terminal, a vector picture in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.text import Text

from tfcli.records.results import EvalReport, LengthScore
from tfcli.render.terminal import can_show, print_lines, print_wrapped
from tfcli.render.ticks import whole_ticks
from tfcli.render.untrusted import escape_markup

BARS = " ▁▂▃▄▅▆▇█"
ROWS = 5  # of the terminal
AXIS = 4  # columns of the terminal
FEWEST = 6  # lengths; fewer are as clear in the table

WIDTH, HEIGHT = 640, 300  # px, of the plot alone
LEFT, TOP, BOTTOM = 48, 36, 64  # px around it
FONT = 12  # px
BLUE, GREY, ORANGE = "#1450c8", "#777", "#c8641e"


def print_curve(console: Console, scores: Sequence[LengthScore]) -> None:
    """Exact match by length, each length a column, as many as fit."""
    if len(scores) < FEWEST:
        return
    room = console.width - AXIS
    shown = scores if len(scores) <= room else [scores[i * len(scores) // room] for i in range(room)]
    cell = max(1, min(3, room // len(shown)))
    bars = BARS if can_show(console, BARS) else " .:-=+*##"
    print_lines(console)
    for row in reversed(range(ROWS)):
        name = {ROWS - 1: "1.0", 0: "0.0"}.get(row, "")
        fills = [min(max(score.exact_match * ROWS - row, 0.0), 1.0) for score in shown]
        line = "".join(bars[round(fill * (len(bars) - 1))] * cell for fill in fills)
        print_lines(console, f"{name:<{AXIS}}{line}")
    left, right = str(shown[0].length), str(shown[-1].length)
    gap = max(1, cell * len(shown) - len(left) - len(right))
    print_lines(console, f"{'':<{AXIS}}{left}{' ' * gap}{right}")
    print_wrapped(console, Text("exact match by length", "dim"))


def render(report: EvalReport) -> str:
    """Return an SVG of exact match with interval, token accuracy and floor; trained lengths are shaded."""
    scale = Scale(report.lengths)
    low, high = report.trained_lengths
    left, right = (min(max(scale.x(n), LEFT), LEFT + WIDTH) for n in (low - 0.5, high + 0.5))
    body = [
        f'<rect x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{HEIGHT}" fill="#eef2fb"/>',
        *scale.axes(),
        f'<path d="{scale.band(report.lengths)}" fill="{BLUE}" fill-opacity="0.15"/>',
        scale.line(report.lengths, lambda score: score.floor, GREY, 'stroke-dasharray="2 4"'),
        scale.line(report.lengths, lambda score: score.token_accuracy, ORANGE, 'stroke-dasharray="6 3"'),
        scale.line(report.lengths, lambda score: score.exact_match, BLUE, ""),
        *(
            f'<circle cx="{scale.x(s.length):.1f}" cy="{scale.y(s.exact_match):.1f}" r="2.5" fill="{BLUE}">'
            f"<title>length {s.length}: exact match {s.exact_match:.4f}</title></circle>"
            for s in report.lengths
        ),
        *legend(),
    ]
    return framed(f"{report.run}: {report.task}, trained on lengths {low} to {high}", body)


def framed(title: str, body: Sequence[str], more: int = 0) -> str:
    """Return an SVG of a title and what is drawn below it, `more` pixels higher than others."""
    width, height = LEFT + WIDTH + 16, TOP + HEIGHT + BOTTOM + more
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'font-family="Helvetica, Arial, sans-serif" font-size="{FONT}" fill="#111">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text x="{LEFT}" y="22" font-weight="bold">{escape_markup(title)}</text>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


class Scale:
    """From lengths and scores to where they stand."""

    def __init__(self, scores: Sequence[LengthScore]) -> None:
        self.first, self.last = scores[0].length - 0.5, scores[-1].length + 0.5

    def x(self, length: float) -> float:
        """Pixels from the left."""
        return LEFT + (length - self.first) / (self.last - self.first) * WIDTH

    def y(self, share: float) -> float:
        """Pixels from the top."""
        return TOP + (1 - share) * HEIGHT

    def axes(self) -> list[str]:
        """Lines at quarters, and lengths below."""
        parts = []
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = self.y(share)
            parts.append(f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>')
        for length in whole_ticks(self.first, self.last):
            x = self.x(length)
            parts.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{length}</text>')
        return parts

    def line(
        self, scores: Sequence[LengthScore], value: Callable[[LengthScore], float], colour: str, more: str
    ) -> str:
        """Return a curve through the value of each length."""
        points = " ".join(f"{self.x(s.length):.1f},{self.y(value(s)):.1f}" for s in scores)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" {more}/>'

    def band(self, scores: Sequence[LengthScore]) -> str:
        """Return the outline of the intervals of the exact match."""
        lower = [(self.x(s.length), self.y(s.exact_match_interval[0])) for s in scores]
        upper = [(self.x(s.length), self.y(s.exact_match_interval[1])) for s in reversed(scores)]
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*lower, *upper]) + "z"


def legend() -> list[str]:
    """Explain the lines."""
    y, parts, x = TOP + HEIGHT + 44, [], LEFT
    for name, colour, dashes in (
        ("exact match, 95 % interval", BLUE, ""),
        ("token accuracy", ORANGE, 'stroke-dasharray="6 3"'),
        ("floor: reads nothing", GREY, 'stroke-dasharray="2 4"'),
    ):
        parts.append(f'<path d="M{x} {y - 4}h24" stroke="{colour}" stroke-width="1.6" {dashes}/>')
        parts.append(f'<text x="{x + 30}" y="{y}">{name}</text>')
        x += 50 + len(name) * 7
    parts.append(f'<text x="{LEFT + WIDTH}" y="{y}" text-anchor="end">length</text>')
    return parts

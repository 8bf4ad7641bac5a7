"""Curves of several runs over each other: letters on a terminal, lines with bands in a file."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from tfcli.records.comparison import Comparison, CurvePoint, Side
from tfcli.render.curve import HEIGHT, LEFT, TOP, WIDTH, framed
from tfcli.render.tables import plain
from tfcli.render.terminal import pad_or_cut, print_lines, print_wrapped
from tfcli.render.ticks import whole_ticks
from tfcli.render.untrusted import escape_markup

ROWS = 8  # of the terminal
AXIS = 6  # columns of the terminal
MOST_COLUMNS = 72
SEVERAL = "*"  # where curves meet
LABEL = 60  # columns of a label in a picture
LINE = 20  # px between two labels
# Okabe and Ito's, which people who see fewer colours can tell apart; then the same again in dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STYLES = ("blue", "dark_orange", "green", "magenta", "yellow", "cyan", "bold")


def label_of(found: Comparison, side: Side) -> str:
    """Return what tells a side from the others: its settings that differ, or its runs."""
    number = found.sides.index(side)
    settings = [f"{short_key(row.key)}={plain(row.values[number])}" for row in found.settings]
    return " ".join(settings) or ", ".join(run.removeprefix("runs/") for run in side.runs)


def short_key(key: str) -> str:
    """`model.positions` -> `positions`, and `code of model.positions` -> `code of positions`."""
    of, name = ("code of ", key.removeprefix("code of ")) if key.startswith("code of ") else ("", key)
    return of + name.partition(".")[2]


def print_curves(console: Console, found: Comparison) -> None:
    """Print the curve of each side in its letter."""
    drawn = [side for side in found.sides if side.curve]
    if not drawn or bounds_of(drawn)[0] == bounds_of(drawn)[1]:
        return
    first, last, top = *bounds_of(drawn), top_of(found, drawn)
    width = max(2, min(console.width - AXIS, MOST_COLUMNS))
    grid: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(ROWS)]
    for number, side in enumerate(found.sides):
        for column in range(width if side.curve else 0):
            value = mean_at(side.curve, first + (last - first) * column / (width - 1))
            if value is not None:
                grid[min(int(value / top * ROWS), ROWS - 1)][column].append(number)
    print_lines(console)
    for row in reversed(range(ROWS)):
        axis = {ROWS - 1: f"{top:.3g}", 0: "0"}.get(row, "")
        cells = [mark(found, sides) for sides in grid[row]]
        print_lines(console, Text.assemble(f"{axis:<{AXIS}}", *cells))
    left, right = f"{first:,}", f"{last:,}"
    print_lines(console, f"{'':<{AXIS}}{left}{right:>{width - len(left)}}")
    what = found.curve_of.replace("_", " ")
    print_wrapped(console, Text(f"{what} by step, means over seeds; {SEVERAL} where curves meet", "dim"))


def mark(found: Comparison, sides: Sequence[int]) -> tuple[str, str]:
    """Return what stands where some sides are."""
    if len(sides) != 1:
        return (SEVERAL if sides else " "), ""
    return found.sides[sides[0]].name, STYLES[sides[0] % len(STYLES)]


def bounds_of(sides: Sequence[Side]) -> tuple[int, int]:
    """Return the first and the last step of some curves."""
    return min(side.curve[0].step for side in sides), max(side.curve[-1].step for side in sides)


def top_of(found: Comparison, sides: Sequence[Side]) -> float:
    """Return the highest value of the axis: 1 of a share."""
    if not found.curve_of.endswith("loss"):
        return 1.0
    return max(point.most for side in sides for point in side.curve) or 1.0


def mean_at(curve: Sequence[CurvePoint], step: float) -> float | None:
    """Return the value of a curve at a step: that of the last evaluation, and after the end the last one."""
    known = [point.mean for point in curve if point.step <= step]
    return known[-1] if known else None


def render(found: Comparison) -> str:
    """Return an SVG of the curves, each with a band from the least to the most over its seeds.

    Raises:
        ValueError: no run has kept any.
    """
    drawn = [side for side in found.sides if side.curve]
    if not drawn:
        raise ValueError(f"no run has kept {found.curve_of.replace('_', ' ')} while it was trained")
    first, last = bounds_of(drawn)
    picture = Picture(first, max(last, first + 1), top_of(found, drawn))
    body = picture.axes()
    for side in drawn:
        body += picture.curve(side, found.sides.index(side))
    for number, side in enumerate(drawn):
        body += legend(found, side, TOP + HEIGHT + 44 + number * LINE)
    what = found.curve_of.replace("_", " ")
    return framed(f"{what} by step", body, (len(drawn) - 1) * LINE)


class Picture:
    """From steps and values to where they stand."""

    def __init__(self, first: int, last: int, top: float) -> None:
        self.first, self.last, self.top = first, last, top

    def x(self, step: float) -> float:
        """Pixels from the left."""
        return LEFT + (step - self.first) / (self.last - self.first) * WIDTH

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return TOP + (1 - value / self.top) * HEIGHT

    def axes(self) -> list[str]:
        """Lines at quarters, and steps below."""
        parts = []
        for i in range(5):
            value = self.top * i / 4
            parts.append(f'<path d="M{LEFT} {self.y(value):.1f}h{WIDTH}" stroke="#ddd"/>')
            parts.append(
                f'<text x="{LEFT - 8}" y="{self.y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
            )
        for step in whole_ticks(self.first, self.last):
            below = f'y="{TOP + HEIGHT + 18}" text-anchor="middle"'
            parts.append(f'<text x="{self.x(step):.1f}" {below}>{step:,}</text>')
        return parts

    def curve(self, side: Side, number: int) -> list[str]:
        """Return the line of a side as far as it was trained, and its band if it has several runs."""
        points = " ".join(f"{self.x(p.step):.1f},{self.y(p.mean):.1f}" for p in side.curve)
        parts = [f'<polyline points="{points}" fill="none" {pen(number)}/>']
        if len(side.runs) > 1:
            lower = [(p.step, p.least) for p in side.curve]
            upper = [(p.step, p.most) for p in reversed(side.curve)]
            outline = "L".join(f"{self.x(step):.1f} {self.y(value):.1f}" for step, value in [*lower, *upper])
            parts.insert(0, f'<path d="M{outline}z" fill="{colour(number)}" fill-opacity="0.12"/>')
        return parts


def legend(found: Comparison, side: Side, y: int) -> list[str]:
    """Explain a line, at a height."""
    label = pad_or_cut(label_of(found, side), LABEL).rstrip()
    seeds = f" ({len(side.runs)} seeds)" if len(side.runs) > 1 else ""
    return [
        f'<path d="M{LEFT} {y - 4}h24" {pen(found.sides.index(side))}/>',
        f'<text x="{LEFT + 30}" y="{y}">{side.name}: {escape_markup(label)}{seeds}</text>',
    ]


def pen(number: int) -> str:
    """Return how the line of a side is drawn."""
    dashes = ' stroke-dasharray="6 3"' if number >= len(COLOURS) else ""
    return f'stroke="{colour(number)}" stroke-width="1.6"{dashes}'


def colour(number: int) -> str:
    """Return the colour of a side."""
    return COLOURS[number % len(COLOURS)]

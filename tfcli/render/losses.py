"""A picture of a training: its loss, and that on held-out sequences, which rises where a model overfits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console

from tfcli.records.results import RunDetails
from tfcli.render.curve import BLUE, HEIGHT, LEFT, ORANGE, TOP, WIDTH, framed
from tfcli.render.terminal import sparkline
from tfcli.render.ticks import whole_ticks

BARS = 40  # evaluations, at most, that are drawn on a terminal


class Losses(NamedTuple):
    """The losses of a training at its evaluations, in nats per token."""

    steps: list[int]
    training: list[float]
    held_out: list[float]


def losses_of(history: Sequence[dict[str, Any]]) -> Losses | None:
    """Return the losses that a run's metrics hold; None if there are none."""
    names = ("step", "loss", "held_out_loss")
    rows = [[line.get(name) for name in names] for line in history]
    known = [row for row in rows if all(isinstance(value, int | float) for value in row)]
    return Losses(*map(list, zip(*known, strict=True))) if known else None


def describe(losses: Losses) -> str:
    """Say where the losses have come to, and where the held-out one was lowest."""
    lowest = min(range(len(losses.steps)), key=losses.held_out.__getitem__)
    said = f"{losses.training[-1]:.3f} in training, {losses.held_out[-1]:.3f} held out"
    if lowest < len(losses.steps) - 1:
        said += f", at its lowest {losses.held_out[lowest]:.3f} after {losses.steps[lowest]:,} steps"
    return said


def draw(console: Console, losses: Losses) -> dict[str, str]:
    """Return both losses as bars, on one scale, by what they are: over all evaluations, or as many as fit."""
    highest = max(*losses.training, *losses.held_out) or 1.0
    width = min(len(losses.steps), max(1, min(BARS, console.width // 2)))
    chosen = [i * (len(losses.steps) - 1) // max(1, width - 1) for i in range(width)]

    def bars(values: Sequence[float]) -> str:
        return sparkline(console, [min(max(values[i] / highest, 0.0), 1.0) for i in chosen], width)

    return {
        "  in training": f"{bars(losses.training)}  up to {highest:.2f}",
        "  held out": bars(losses.held_out),
    }


def render(details: RunDetails, losses: Losses) -> str:
    """Return an SVG of both losses by step."""
    highest = max(*losses.training, *losses.held_out) or 1.0
    first, last = losses.steps[0], max(losses.steps[-1], losses.steps[0] + 1)

    def x(step: float) -> float:
        return LEFT + (step - first) / (last - first) * WIDTH

    def y(loss: float) -> float:
        return TOP + (1 - loss / highest) * HEIGHT

    def line(values: Sequence[float], colour: str, more: str) -> str:
        points = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in zip(losses.steps, values, strict=True))
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" {more}/>'

    axes = []
    for i in range(5):
        loss = highest * i / 4
        axes.append(f'<path d="M{LEFT} {y(loss):.1f}h{WIDTH}" stroke="#ddd"/>')
        axes.append(f'<text x="{LEFT - 8}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.2f}</text>')
    for step in whole_ticks(first, last):
        below = f'y="{TOP + HEIGHT + 18}" text-anchor="middle"'
        axes.append(f'<text x="{x(step):.1f}" {below}>{step:,}</text>')
    key, at = [], TOP + HEIGHT + 44
    for i, (name, colour, dashes) in enumerate(
        [("training loss, nats per token", ORANGE, 'stroke-dasharray="6 3"'), ("held out", BLUE, "")]
    ):
        left = LEFT + i * 260
        key.append(f'<path d="M{left} {at - 4}h24" stroke="{colour}" stroke-width="1.6" {dashes}/>')
        key.append(f'<text x="{left + 30}" y="{at}">{name}</text>')
    key.append(f'<text x="{LEFT + WIDTH}" y="{at}" text-anchor="end">step</text>')
    curves = [line(losses.training, ORANGE, 'stroke-dasharray="6 3"'), line(losses.held_out, BLUE, "")]
    return framed(details.run, [*axes, *curves, *key])

"""Colours of weights on a terminal: the larger, the lighter, from black over blue to a light cyan.

Each weight has a background of its own, also 0: so the order doesn't depend on whether the terminal is dark
or light. A terminal of few colours gets its own, for the nearest to those of 24 bit don't keep the order.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style

ANCHORS = ((10, 14, 30), (20, 55, 145), (20, 125, 190), (75, 195, 215), (185, 250, 250))  # red, green, blue
# Of the 256 and of the 16 colours of terminals. Themes change the 16, but hardly their order.
FROM_256 = ("16", "17", "18", "19", "25", "31", "38", "80", "123", "159")
FROM_16 = ("black", "blue", "cyan", "bright_cyan")
SMALL = 0.05  # weights below it recede
LIGHT = 0.5  # weights from it on have a background that black letters are legible on


def shading(weight: float, system: str | None) -> Style:
    """Return the background of a weight 0-1, and letters that are legible on it.

    Args:
        system: the colours of the terminal, as rich names them; None where it has none.
    """
    if system is None:
        return Style(dim=weight < SMALL)
    if system in ("standard", "windows"):
        background, black, white = pick(FROM_16, weight), "black", "bright_white"
    elif system == "256":
        background, black, white = f"color({pick(FROM_256, weight)})", "color(16)", "color(231)"
    else:
        background, black, white = blend(weight), "rgb(0,0,0)", "rgb(255,255,255)"
    return Style(color=black if weight >= LIGHT else white, bgcolor=background, dim=weight < SMALL)


def pick(colours: Sequence[str], weight: float) -> str:
    """Return one of the colours, each for an equal share of the weights."""
    return colours[min(int(max(weight, 0.0) * len(colours)), len(colours) - 1)]


def blend(weight: float) -> str:
    """Return a 24-bit colour between the two anchors that a weight lies between."""
    place = min(max(weight, 0.0), 1.0) * (len(ANCHORS) - 1)
    i = min(int(place), len(ANCHORS) - 2)
    share = place - i
    red, green, blue = (
        round(low + (high - low) * share) for low, high in zip(ANCHORS[i], ANCHORS[i + 1], strict=True)
    )
    return f"rgb({red},{green},{blue})"

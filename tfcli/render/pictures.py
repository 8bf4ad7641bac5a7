"""Pictures that a model has read, and attention drawn on them: ink is light, and what is looked at glows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tfcli.records.inspection import AttentionRecord, HeadRecord, name_layer
from tfcli.render.terminal import can_show

HALF = "▀"  # its colour above, its background below
SHADES = " ░▒▓█"
ASCII_SHADES = " .:*#"
SMALLEST = 16  # columns of a picture in a terminal; each pixel takes as many as make it so wide
GLOW = (235, 95, 20)  # of the largest weight
TINT = 0.75  # of the glow of the largest weight; the rest is ink

Pixels = Sequence[Sequence[float]]  # rows of pixels, from 0 to 1
Colours = list[list[tuple[int, int, int]]]  # rows of pixels: red, green and blue, from 0 to 255


class Glance(NamedTuple):
    """What a head looks at where one symbol of the answer is read."""

    answer: str  # the symbol
    head: HeadRecord
    weights: list[float]  # of each patch, in the order of reading
    elsewhere: float  # on what is no patch


def find_glances(record: AttentionRecord, heads: Sequence[HeadRecord]) -> list[list[Glance]]:
    """Return where some heads look, for each symbol of the answer."""
    first = record.tokens.index(record.input[0])
    patches = slice(first, first + len(record.input))
    return [
        [
            Glance(symbol, head, list(row[patches]), 1 - sum(row[patches]))
            for head in heads
            for row in (head.weights[record.first_answer + i],)
        ]
        for i, symbol in enumerate(record.prediction)
    ]


def largest_weight(record: AttentionRecord) -> float:
    """Return the weight that glows most: the largest that is drawn."""
    glances = (found for layer in record.layers for row in find_glances(record, layer.heads) for found in row)
    return max(max(found.weights) for found in glances) or 1.0


def name_head(head: HeadRecord) -> str:
    """Return what a map is called among those of its layer."""
    return f"head {head.head}" if isinstance(head.head, int) else head.head


def title_of_glances(layer: tuple[int | None, int], answer: str) -> str:
    """Return the heading of what the heads of a layer look at for one symbol of the answer."""
    return f"{name_layer(*layer)}, for the answer {answer}"


def blend(picture: Pixels, weights: Sequence[float], peak: float) -> Colours:
    """Return the colours of a picture that glows where the weights of its patches are large."""
    side = len(picture)
    across = round(len(weights) ** 0.5)
    patch = side // across
    return [
        [mix(ink, weights[row // patch * across + column // patch] / peak) for column, ink in enumerate(line)]
        for row, line in enumerate(picture)
    ]


def mix(ink: float, glow: float) -> tuple[int, int, int]:
    """Return the colour of a pixel: grey as its ink, and tinted as much as it is looked at."""
    tint = TINT * glow
    red, green, blue = (round((1 - tint) * 255 * ink + tint * part) for part in GLOW)
    return red, green, blue


def draw(
    console: Console, picture: Pixels, weights: Sequence[float] = (0.0,), peak: float = 1.0
) -> list[Text]:
    """Return a picture as lines: half blocks where there are colours, else shades, without the glow."""
    wide = max(1, SMALLEST // len(picture))
    if not has_colours(console):
        shades = SHADES if can_show(console, SHADES) else ASCII_SHADES
        return [
            Text("".join(shades[round(ink * (len(shades) - 1))] * max(2, wide) for ink in row))
            for row in picture
        ]
    rows = [[colour for colour in row for _ in range(wide)] for row in blend(picture, weights, peak)]
    rows = [row for row in rows for _ in range(wide)]
    return [half_blocks(above, below) for above, below in list(pairwise(rows))[::2]]


def half_blocks(above: Sequence[tuple[int, int, int]], below: Sequence[tuple[int, int, int]]) -> Text:
    """Return two rows of pixels as one line."""
    line = Text()
    for upper, lower in zip(above, below, strict=True):
        line.append(HALF, Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
    return line


def has_colours(console: Console) -> bool:
    """Whether a picture can be drawn in colours."""
    return console.color_system is not None and not console.no_color and can_show(console, HALF)


def weight_rows(weights: Sequence[float]) -> Iterator[Text]:
    """Yield the weights of the patches as numbers, in the places of these."""
    across = round(len(weights) ** 0.5)
    for start in range(0, len(weights), across):
        yield Text(" ".join(f"{weight:.2f}" for weight in weights[start : start + across]))

"""Attention drawn on the picture that was read, as shapes: a row a layer and symbol of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from tfcli.records.inspection import AttentionRecord, LayerRecord
from tfcli.render.pictures import (
    Glance,
    Pixels,
    blend,
    find_glances,
    largest_weight,
    name_head,
    title_of_glances,
)
from tfcli.render.untrusted import escape_markup

FONT = 11  # px
SIDE = 120  # px of a picture
GAP = 24  # px between two
TITLE = 4 * FONT  # px above a row
TOP = 3 * FONT  # px, the caption


class GlanceGrid:
    """Where everything stands, and the shapes that stand there."""

    def __init__(self, record: AttentionRecord, picture: Pixels, caption: str) -> None:
        self.record, self.picture, self.caption = record, picture, caption
        self.peak = largest_weight(record)
        columns = max(len(layer.heads) for layer in record.layers)
        rows = len(record.layers) * len(record.prediction)
        self.legend = f"the brightest glow is a weight of {self.peak:.2f}"
        text = max(len(caption), len(self.legend), 40) * 0.62 * FONT
        self.width = GAP + max(columns * (SIDE + GAP), text + GAP)
        self.height = TOP + rows * (TITLE + SIDE + GAP) + 2 * FONT

    def shapes(self) -> Iterator[str]:
        """Yield the caption, each row, and the legend."""
        shown = escape_markup(self.caption)
        yield f'<title>{shown}</title>\n<text x="{GAP}" y="{2 * FONT}">{shown}</text>'
        y = float(TOP)
        for layer in self.record.layers:
            for glances in find_glances(self.record, layer.heads):
                yield from self.row(y, layer, glances)
                y += TITLE + SIDE + GAP
        yield f'<text x="{GAP}" y="{self.height - FONT:.1f}">{self.legend}</text>'

    def row(self, y: float, layer: LayerRecord, glances: Sequence[Glance]) -> Iterator[str]:
        """Yield a row: what each head of a layer looks at for one symbol of the answer."""
        title = escape_markup(title_of_glances((layer.loop, layer.layer), glances[0].answer))
        yield f'<text x="{GAP}" y="{y + FONT:.1f}" font-weight="bold">{title}</text>'
        for column, glance in enumerate(glances):
            x = GAP + column * (SIDE + GAP)
            name = escape_markup(f"{name_head(glance.head)}, elsewhere {glance.elsewhere:.2f}")
            yield f'<text x="{x}" y="{y + TITLE - FONT / 2:.1f}">{name}</text>'
            yield from self.draw(x, y + TITLE, glance.weights)

    def draw(self, x: float, y: float, weights: Sequence[float]) -> Iterator[str]:
        """Yield the picture with the glow of a head; pixels of one colour side by side are one shape."""
        size = SIDE / len(self.picture)
        yield f'<g transform="translate({x} {y:.1f}) scale({size:.3f})" shape-rendering="crispEdges">'
        for row, colours in enumerate(blend(self.picture, weights, self.peak)):
            column = 0
            for colour, same in groupby(colours):
                count = len(list(same))
                fill = "#" + "".join(f"{part:02x}" for part in colour)
                yield f'<path fill="{fill}" d="M{column} {row}h{count}v1h-{count}z"/>'
                column += count
        yield "</g>"

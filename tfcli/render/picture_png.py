"""Attention drawn on the picture that was read, by matplotlib: a row a layer and symbol of the answer."""

from __future__ import annotations

from matplotlib.figure import Figure

from tfcli.records.inspection import AttentionRecord
from tfcli.render.pictures import (
    Pixels,
    blend,
    find_glances,
    largest_weight,
    name_head,
    title_of_glances,
)

SIDE = 1.6  # inches of a picture


def make_figure(record: AttentionRecord, picture: Pixels, caption: str) -> Figure:
    """Return what each head looks at where the answer is read."""
    rows = [(layer, glances) for layer in record.layers for glances in find_glances(record, layer.heads)]
    columns, peak = max(len(glances) for _, glances in rows), largest_weight(record)
    size = (max(columns * (SIDE + 0.3), 5), len(rows) * (SIDE + 0.8) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(caption, fontsize=9, parse_math=False)
    figure.supxlabel(f"the brightest glow is a weight of {peak:.2f}", fontsize=8)
    for part, (layer, glances) in zip(figure.subfigures(len(rows), squeeze=False)[:, 0], rows, strict=True):
        part.suptitle(title_of_glances((layer.loop, layer.layer), glances[0].answer), fontsize=9)
        for axes, glance in zip(part.subplots(1, columns, squeeze=False)[0], glances, strict=False):
            axes.imshow(blend(picture, glance.weights, peak), interpolation="nearest")
            axes.set_title(f"{name_head(glance.head)}, elsewhere {glance.elsewhere:.2f}", fontsize=8)
            axes.set_xticks([])
            axes.set_yticks([])
    return figure

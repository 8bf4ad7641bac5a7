"""An attention record as a PNG, by matplotlib: the grid of layers x heads, and a legend."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font

from tfcli.records.inspection import AttentionRecord, View
from tfcli.render import picture_png
from tfcli.render.attention import title_of
from tfcli.render.svg import SHADES, caption, colour, scale_top, short

DOTS = 200  # an inch
SIDE = (1.6, 4.0)  # inches, the smallest and the largest side of a map
ROOM = 0.17  # inches, what a label needs
COLOURS = LinearSegmentedColormap.from_list("weights", ["white", colour(SHADES)])


def render(views: Sequence[View]) -> bytes:
    """Return the picture of the first view.

    Raises:
        ValueError: no font that is installed has some symbol.
    """
    record = views[0].record
    if record.picture is None:
        figure = make_figure(record)
    else:
        figure = picture_png.make_figure(record, record.picture, caption(record))
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DOTS)
    return data.getvalue()


def make_figure(record: AttentionRecord) -> Figure:
    """Return the grid of maps.

    Raises:
        ValueError: no font that is installed has some symbol.
    """
    rows, columns = len(record.layers), max(len(layer.heads) for layer in record.layers)
    side = min(SIDE[1], max(SIDE[0], ROOM * len(record.tokens)))
    figure = Figure(
        figsize=(max(columns * (side + 0.5) + 1, 5), rows * (side + 0.8) + 0.3), layout="constrained"
    )
    peak, fonts = scale_top(record), fonts_for(set(caption(record) + "".join(record.tokens)) - {" "})
    axes = figure.subplots(rows, columns, squeeze=False)
    every = max(1, round(ROOM * len(record.tokens) / side + 0.49))
    for line, layer in zip(axes, record.layers, strict=True):
        for axes_of_head, head in zip(line, layer.heads, strict=True):
            image = axes_of_head.imshow(
                head.weights, cmap=COLOURS, vmin=0, vmax=peak, interpolation="nearest"
            )
            axes_of_head.set_title(title_of(layer, head.head), fontsize=9)
            label(axes_of_head, [short(token) for token in record.tokens], every, fonts)
    thinned = "" if every == 1 else f"; one token in {every} is labelled"
    axes[-1][0].set_xlabel(f"key (what is looked at){thinned}", fontsize=8)
    figure.suptitle(caption(record), fontsize=9, family=fonts, parse_math=False)
    axes[-1][0].set_ylabel("query (who looks)", fontsize=8)
    figure.colorbar(image, ax=axes, label="weight", shrink=0.6)
    return figure


def label(axes_of_head: Axes, tokens: Sequence[str], every: int, fonts: Sequence[str]) -> None:
    """Tokens at the rows and above the columns."""
    at, shown = range(0, len(tokens), every), tokens[::every]
    turned = 90 if max(map(len, shown)) > 2 else 0
    # A $ in a symbol is no formula.
    axes_of_head.set_xticks(at, shown, fontsize=8, family=fonts, parse_math=False, rotation=turned)
    axes_of_head.set_yticks(at, shown, fontsize=8, family=fonts, parse_math=False)
    axes_of_head.xaxis.tick_top()
    axes_of_head.tick_params(length=0)


def fonts_for(characters: Iterable[str]) -> list[str]:
    """Return the default fonts, and others that have the characters which these lack."""
    chosen = list(rcParams["font.sans-serif"][:1])
    missing = {c for c in characters if not get_font(fontManager.findfont(chosen[0])).get_char_index(ord(c))}
    for entry in fontManager.ttflist:
        if not missing:
            break
        font = get_font(entry.fname)
        usable = font.scalable and "Last Resort" not in entry.name  # that one has a box for everything
        has = {c for c in missing if font.get_char_index(ord(c))} if usable else set()
        if has:
            chosen.append(entry.name)
            missing -= has
    if missing:
        raise ValueError(
            f"no installed font has {' '.join(sorted(missing))}; install one, or save as .svg or .html"
        )
    return chosen

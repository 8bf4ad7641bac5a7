"""An attention record as a vector picture, fit for a paper: the grid of layers x heads, and a legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from tfcli.records.inspection import AttentionRecord, View
from tfcli.records.results import judge
from tfcli.render.attention import title_of
from tfcli.render.picture_svg import GlanceGrid
from tfcli.render.terminal import pad_or_cut
from tfcli.render.untrusted import escape_markup

FONT = 11  # px
CHARACTER = 0.62 * FONT  # px, the width of a narrow one
MAP = 240  # px, about the side of a map of many tokens
SMALLEST, LARGEST = 3.0, 24.0  # px, the side of a cell; a label that needs more gets it where there is room
GAP = 28  # px between maps
TOP = 3 * FONT  # px, the caption
BAR = 120  # px, the legend's shades
CAPTION = 60  # columns of a terminal
LABEL = 16  # columns of a terminal, the widest label
SHADES = 32
BLUE = (20, 80, 200)
MAX_CELLS = 400_000  # shaded ones, about 15 bytes each


def render(views: Sequence[View]) -> str:
    """Return the picture of the first view.

    Raises:
        ValueError: there are too many weights to draw each as a shape.
    """
    record = views[0].record
    if record.picture is not None:
        glances = GlanceGrid(record, record.picture, caption(record))
        return document(glances.width, glances.height, glances.shapes())
    grid = Grid(record)
    body = [grid.title()]
    for row, layer in enumerate(record.layers):
        for column, head in enumerate(layer.heads):
            body.append(grid.map(row, column, title_of(layer, head.head), head.weights))
    body.append(grid.legend())
    return document(grid.width, grid.height, body)


def document(width: float, height: float, body: Iterable[str]) -> str:
    """Return a picture of that many pixels with some shapes."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" '
        f'font-size="{FONT}" fill="#111">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


class Grid:
    """Where everything stands, and the shapes that stand there."""

    def __init__(self, record: AttentionRecord) -> None:
        self.record = record
        self.n = len(record.tokens)
        self.peak = scale_top(record)
        self.cells = 0  # drawn so far
        self.labels_text = [short(token) for token in record.tokens]
        label = max(map(cell_len, self.labels_text)) * CHARACTER
        self.cell = max(SMALLEST, min(MAP / self.n, max(LARGEST, label + 6)))
        self.turned = label > self.cell  # column labels stand upright
        self.every = max(1, round((FONT + 1) / self.cell + 0.49))  # of so many labels one is written
        self.left = label + 8
        self.top = 2 * FONT + (label if self.turned else FONT)
        self.side = self.n * self.cell
        self.step_x = self.left + max(self.side, 14 * CHARACTER) + GAP
        self.step_y = self.top + self.side + GAP
        columns = max(len(layer.heads) for layer in record.layers)
        self.legend_text = "weight; rows: queries (who looks), columns: keys (what is looked at)"
        if self.every > 1:
            self.legend_text += f"; one token in {self.every} is labelled"
        text = max(BAR + 12 + cell_len(self.legend_text) * CHARACTER, cell_len(caption(record)) * CHARACTER)
        self.width = GAP + max(columns * self.step_x, text + GAP)
        self.height = TOP + len(record.layers) * self.step_y + 3 * FONT

    def title(self) -> str:
        """Return question and answer, for those who can't see the picture, too."""
        record = self.record
        text = f"{record.run}: attention for {record.text}, answer {' '.join(record.prediction)}"
        shown = escape_markup(caption(record))
        return f'<title>{escape_markup(text)}</title>\n<text x="{GAP}" y="{2 * FONT}">{shown}</text>'

    def map(self, row: int, column: int, title: str, weights: Sequence[Sequence[float]]) -> str:
        """One head: title, labels, and a path for the cells of each shade."""
        x, y = GAP + column * self.step_x + self.left, TOP + row * self.step_y + self.top
        paths: dict[int, list[str]] = {}
        for query, line in enumerate(weights):
            for key, weight in enumerate(line):
                shade = round(weight / self.peak * SHADES)
                if shade:
                    paths.setdefault(min(shade, SHADES), []).append(f"M{key} {query}h1v1h-1z")
        self.cells += sum(map(len, paths.values()))
        if self.cells > MAX_CELLS:
            raise ValueError(
                f"more than {MAX_CELLS} weights are too many for shapes; choose --layer and --head, "
                "or save as .html or .png"
            )
        shapes = [f'<path fill="{colour(shade)}" d="{"".join(d)}"/>' for shade, d in sorted(paths.items())]
        return "\n".join(
            [
                f'<g transform="translate({x:.1f} {y:.1f})">',
                f'<text y="{FONT - self.top:.1f}" font-weight="bold">{escape_markup(title)}</text>',
                *self.labels(),
                f'<g transform="scale({self.cell:.3f})" shape-rendering="crispEdges">',
                *shapes,
                "</g>",
                f'<rect width="{self.side:.1f}" height="{self.side:.1f}" fill="none" stroke="#888"/>',
                "</g>",
            ]
        )

    def labels(self) -> list[str]:
        """Return the tokens at the rows and above the columns, as many as there is room for."""
        texts = []
        for i in range(0, self.n, self.every):
            token, middle = escape_markup(self.labels_text[i]), (i + 0.5) * self.cell
            texts.append(f'<text x="-5" y="{middle + FONT * 0.36:.1f}" text-anchor="end">{token}</text>')
            if self.turned:
                placement = f'transform="translate({middle + FONT * 0.36:.1f} -5) rotate(-90)"'
            else:
                placement = f'x="{middle:.1f}" y="-5" text-anchor="middle"'
            texts.append(f"<text {placement}>{token}</text>")
        return texts

    def legend(self) -> str:
        """Explain rows, columns and shades."""
        y = self.height - 3 * FONT
        width = BAR / SHADES
        bar = "".join(
            f'<rect x="{GAP + i * width:.2f}" y="{y:.1f}" width="{width + 0.2:.2f}" height="{FONT}" '
            f'fill="{colour(i + 1)}"/>'
            for i in range(SHADES)
        )
        return (
            f'{bar}\n<text x="{GAP}" y="{y + 2 * FONT + 2:.1f}">0</text>'
            f'<text x="{GAP + BAR}" y="{y + 2 * FONT + 2:.1f}" text-anchor="end">{self.peak:.2g}</text>'
            f'<text x="{GAP + BAR + 12}" y="{y + FONT - 2:.1f}">{self.legend_text}</text>'
        )


def caption(record: AttentionRecord) -> str:
    """Return question and answer; of a long sequence, its length."""
    right = judge(record.prediction, record.target)
    verdict = "" if right is None else f", the answer is {'right' if right else 'wrong'}"
    text = f"{record.text} → {' '.join(record.prediction)}"
    if cell_len(text) > CAPTION:
        text = f"{len(record.input)} tokens"
    return f"{record.run}: {text}{verdict}"


def short(token: str) -> str:
    """Return a token that is no wider than a label may be; a ~ marks what is cut."""
    return token if cell_len(token) <= LABEL else pad_or_cut(token, LABEL)


def scale_top(record: AttentionRecord) -> float:
    """Return the weight of the darkest shade: 1, or the largest there is where all are small."""
    peak = max(
        weight for layer in record.layers for head in layer.heads for row in head.weights for weight in row
    )
    return 1.0 if peak > 0.5 else peak


def colour(shade: int) -> str:
    """White to blue in equal steps."""
    return "#" + "".join(f"{round(255 + (part - 255) * shade / SHADES):02x}" for part in BLUE)

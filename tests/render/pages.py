"""Attention records for pages: random weights, odd and long tokens."""

from __future__ import annotations

import math
import random

from tfcli.records.inspection import AttentionRecord, HeadRecord, LayerRecord, ScoreParts, View
from tfcli.render.page import UNITS

ODD = ["我", "苹果", "😀", "</script>", '"', "'", "&amp;", "<b>", "<!--", "\u2028", "{{data}}"]
LONG = [*ODD, "internationalisation" * 8]
PACKED = 0.5 / UNITS + 1e-6  # how far a weight of the page may be off


def record(tokens: list[str], layers: int = 2, heads: int = 4, seed: int = 0) -> AttentionRecord:
    """Rows of random weights that sum to 1; the answer is right."""
    rng = random.Random(seed)
    made = [
        LayerRecord(layer, [HeadRecord(head, rows(len(tokens), rng)) for head in range(heads)])
        for layer in range(layers)
    ]
    return AttentionRecord("runs/reverse", tokens, tokens, 0, tokens[::-1], tokens[::-1], made)


def rows(n: int, rng: random.Random) -> list[list[float]]:
    drawn = [[rng.random() ** 8 for _ in range(n)] for _ in range(n)]
    totals = map(sum, drawn)
    return [[value / total for value in row] for row, total in zip(drawn, totals, strict=True)]


def one_head(layer: int, head: int | str, weights: list[list[float]], copies: int = 1) -> list[View]:
    tokens = digits(len(weights))
    layers = [LayerRecord(layer, [HeadRecord(head, weights)] * copies)]
    return [View("the only one", AttentionRecord("runs/reverse", tokens, tokens, 0, tokens, tokens, layers))]


def digits(n: int) -> list[str]:
    return [str(i * 7 % 10) for i in range(n)]


def one(n: int, **shape: int) -> list[View]:
    return [View("the only one", record(digits(n), **shape))]


def steps() -> list[View]:
    """Two views of one length and a longer one."""
    return [
        View("step 25", record(digits(6), seed=1)),
        View("step 50", record(digits(6), seed=2)),
        View("longer", record(digits(9), seed=3)),
    ]


def scored(
    tokens: list[str], layers: int = 2, heads: int = 2, seed: int = 0, *, causal: bool = False
) -> View:
    """A view with scores, of which softmax makes the weights."""
    rng = random.Random(seed)
    made = [
        LayerRecord(layer, [scored_head(head, len(tokens), rng, causal) for head in range(heads)])
        for layer in range(layers)
    ]
    named = AttentionRecord("runs/reverse", tokens, tokens, 0, tokens, tokens, made, task="reverse")
    return View("the only one", named)


def scored_head(head: int, n: int, rng: random.Random, causal: bool) -> HeadRecord:
    def closed(query: int, key: int) -> bool:
        return causal and key > query

    content, position = (
        [[None if closed(i, j) else rng.gauss(0, spread) for j in range(n)] for i in range(n)]
        for spread in (1, 4)
    )
    weights = []
    for parts in zip(content, position, strict=True):
        odds = [0.0 if c is None or p is None else math.exp(c + p) for c, p in zip(*parts, strict=True)]
        weights.append([odd / sum(odds) for odd in odds])
    return HeadRecord(head, weights, scores=ScoreParts(content, position, None))


def film(n: int, steps: int = 4, **shape: int) -> list[View]:
    """A view for each of some steps of a training."""
    return [View(f"step {25 * i}", record(digits(n), seed=i, **shape), 25 * i) for i in range(steps)]

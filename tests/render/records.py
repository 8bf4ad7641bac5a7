"""Records to be rendered."""

from __future__ import annotations

from tfcli.records.inspection import AttentionRecord, HeadRecord, LayerRecord
from tfcli.records.results import LengthScore

SYMBOLS = {
    "digits": [str(i) for i in range(10)],
    "chinese": ["我", "喜欢", "吃", "苹果"],
    "words": ["alpha", "beta", "internationalisation"],
    "odd": ["[bold]", "</script>", "😀", '"'],
}


def weights(n: int, seed: int) -> list[list[float]]:
    """Rows that sum to 1, each with its peak at another key."""
    rows = [[1.0 + (n * 3 if (key + seed) % n == query else 0) for key in range(n)] for query in range(n)]
    return [[value / sum(row) for value in row] for row in rows]


def record(symbols: list[str], n: int, heads: int = 2, layers: int = 2) -> AttentionRecord:
    tokens = [symbols[i % len(symbols)] for i in range(n)]
    made = [
        LayerRecord(layer, [HeadRecord(h, weights(n, h)) for h in range(heads)]) for layer in range(layers)
    ]
    return AttentionRecord("runs/reverse", tokens, tokens, 0, tokens[::-1], tokens[::-1], made)


def score(length: int, exact: float, in_range: bool = True) -> LengthScore:
    return LengthScore(length, in_range, 500, None, exact, (0.1, 0.9), exact, (0.2, 1.0), 0.1, 0.0)

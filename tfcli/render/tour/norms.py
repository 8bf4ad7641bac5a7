"""The residual connection, and LayerNorm after it."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, pvariance

from rich.cells import cell_len

from tfcli.records.tour import TourRecord
from tfcli.render.tour.sheet import NUMBER, Sheet, two_decimals
from tfcli.texts import Language

EPSILON = 1e-5  # of LayerNorm


def show_norms(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Show what comes in, what attention adds, and what the norm makes of the sum."""
    added = record.row("residual")
    sheet.add_title(words.say("4/5 Residual and LayerNorm"))
    sheet.add(
        words.say(
            "What attention found is added to what came in, so that '{word}' doesn't lose itself: this is "
            "the residual connection. LayerNorm then brings the numbers of each word to mean 0 and variance "
            "1; a learned scale g and shift b follow. First the sum, then the norm: the order of the "
            "original paper, called post-norm.",
            word=record.word,
        )
    )
    sheet.add_formula("LayerNorm(x + attention(x))")
    add_spread(
        sheet,
        words,
        [
            ("x", record.row("embedding")),
            ("attention(x)", record.row("projection")),
            ("x + attention(x)", added),
            ("(...-mean)/sqrt(var)", standardize(added)),
            (f"g{sheet.dot}... + b", record.row("layer norm")),
        ],
    )
    [fact] = record.stage("layer norm").facts
    sheet.add(words.translate(fact))
    own = [record.row("attention weights", which)[record.query] for which in (0, 1)]
    sheet.ask(
        words.say(
            "Question: without the sum, how much of '{word}' itself would still be there?", word=record.word
        ),
        words.say(
            "Answer: only what it takes from itself, {own} in head {head} and {other} in head {second}. All "
            "else would be values of other words.",
            own=f"{own[0]:.2f}",
            head=record.heads[0],
            other=f"{own[1]:.2f}",
            second=record.heads[1],
        ),
    )


def add_spread(sheet: Sheet, words: Language, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
    """Add vectors with as many of their first numbers as fit beside their mean and variance."""
    headings = [words.say("mean"), words.say("variance")]
    taken = max(cell_len(name) for name, _ in rows) + sum(
        max(NUMBER, cell_len(text) + 2) for text in headings
    )
    fitting = max(0, (sheet.width - taken - 4) // NUMBER)
    cells = [
        (
            name,
            [*two_decimals(values[:fitting]), *two_decimals([fmean(values) + 0.0, pvariance(values)])],
        )
        for name, values in rows
    ]
    sheet.add_table([*map(str, range(fitting)), *headings], cells)


def standardize(values: Sequence[float]) -> list[float]:
    """Return numbers less their mean, over their standard deviation, as LayerNorm has it."""
    mean, deviation = fmean(values), sqrt(pvariance(values) + EPSILON)
    return [(value - mean) / deviation for value in values]

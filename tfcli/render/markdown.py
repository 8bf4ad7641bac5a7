"""An attention record as Markdown: a table a head."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tfcli.records.inspection import View
from tfcli.render.attention import title_of
from tfcli.render.untrusted import escape_controls

HARMLESS = "|".join(
    (
        r"(?<=\w)(?<!(?i:www))\.(?=\w)",  # 1.000, model.positions
        r"(?<=\w)-(?=\w)|(?<=[^\W_])_(?=[^\W_])",  # a-sweep, n_layers
        r"[-+](?=\d)|^-$|(?<=\w )-(?= \w)",  # +0.5, no figure, and B - A
        r":(?=\s)",
    )
)
MARKUP = re.compile(rf"(?P<harmless>{HARMLESS})|[&<>|*_`~\[\]\\#!+$:@.-]|(?m:(?<=^\d)|(?<=^\d\d))\)")


def render(views: Sequence[View]) -> Iterator[str]:
    """Yield the tables of the first view, weights with two decimals. Rows are queries, columns are keys."""
    record = views[0].record
    tokens = [escape(token) for token in record.tokens]
    facts = {"input": record.input if record.picture is None else [record.text], "answer": record.prediction}
    if any(record.target):
        facts["right is"] = [symbol or "." for symbol in record.target]
    said = ", ".join(f"{what} {' '.join(map(escape, symbols))}" for what, symbols in facts.items())
    yield f"# {escape(record.run)}\n\n{said}\n"
    for layer in record.layers:
        for head in layer.heads:
            yield f"\n## {title_of(layer, head.head)}\n\n"
            yield table_row(["query \\ key", *tokens])
            yield table_row(["---", *["---:"] * len(tokens)])
            for token, weights in zip(tokens, head.weights, strict=True):
                yield table_row([f"**{token}**", *(f"{weight:.2f}" for weight in weights)])


def table_row(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |\n"


def escape(text: str) -> str:
    """`text` with what Markdown or HTML would read as markup as character references; figures stay."""
    return MARKUP.sub(
        lambda match: match[0] if match["harmless"] else f"&#{ord(match[0])};", escape_controls(text)
    )

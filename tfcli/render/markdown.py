"""An attention record as Markdown: a table a head."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tfcli.records.inspection import View
from tfcli.render.attention import title_of
from tfcli.render.untrusted import escape_controls


def render(views: Sequence[View]) -> str:
    """Return the tables of the first view, weights with two decimals. Rows are queries, columns are keys."""
    record = views[0].record
    tokens = [escape(token) for token in record.tokens]
    blocks = [
        f"# {escape(record.run)}",
        f"input {' '.join(map(escape, record.input))}, answer {' '.join(map(escape, record.prediction))}, "
        f"right is {' '.join(map(escape, record.target))}",
    ]
    for layer in record.layers:
        for head in layer.heads:
            rows = [["query \\ key", *tokens], ["---", *["---:"] * len(tokens)]]
            rows += [
                [f"**{token}**", *(f"{weight:.2f}" for weight in weights)]
                for token, weights in zip(tokens, head.weights, strict=True)
            ]
            table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
            blocks.append(f"## {title_of(layer, head.head)}\n\n{table}")
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """`text` with what Markdown or HTML would read as markup written as character references."""
    return re.sub(r"[&<>|*_`~\[\]()\\#!+$:.-]", lambda match: f"&#{ord(match[0])};", escape_controls(text))

"""A page of documentation: formatted on a terminal, long ones in a pager; plain Markdown elsewhere."""

from __future__ import annotations

import re

from rich.console import Console

from tfcli.render.terminal import showable


def print_document(console: Console, text: str) -> None:
    """Print Markdown."""
    text = showable(console, re.sub(r"<!-- .*? -->\n?", "", text))
    if not console.is_terminal:
        print(text, end="", file=console.file)
        return
    from rich.markdown import Markdown

    page = Markdown(text, hyperlinks=False)
    if len(console.render_lines(page)) < console.height:
        console.print(page)
        return
    with console.pager(styles=True):
        console.print(page)

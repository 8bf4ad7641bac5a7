"""A page of documentation: formatted on a terminal, in a pager; plain Markdown elsewhere."""

from __future__ import annotations

import os
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

    os.environ.setdefault("LESS", "-FRX")  # pass colours on, and leave at once where all fits, as git has it
    with console.pager(styles=True):
        console.print(Markdown(text, hyperlinks=False))

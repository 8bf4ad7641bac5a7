"""A screen of the tour, as lines that fit the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tfcli.render.terminal import can_show, pad_or_cut, wrap_text

WIDEST = 100  # columns that are easy to read
NUMBER = 7  # columns of a number


class Sheet:
    """Lines that fit the width of a console: what is shown at first, a question, and its answer."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = min(console.width, WIDEST)
        self.dot, self.arrow = ("·", "→") if can_show(console, "·→") else ("*", "->")
        self.lines: list[Text] = []
        self.question: list[Text] = []
        self.answer: list[Text] = []

    def add_title(self, text: str) -> None:
        """Add a title, and a free line."""
        self.lines += wrap_text(self.console, Text(text, "bold cyan"), self.width)
        self.add_gap()

    def add_gap(self) -> None:
        """Add a free line."""
        self.lines.append(Text())

    def add(self, text: str) -> None:
        """Add a paragraph."""
        self.lines += wrap_text(self.console, Text(text), self.width)

    def add_formula(self, text: str) -> None:
        """Add a formula, or a line of code."""
        self.lines += [
            Text("  ").append_text(line)
            for line in wrap_text(self.console, Text(text, "italic"), self.width - 2)
        ]

    def add_table(self, headings: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Add a table of a label and cells a row; a label that is too wide is cut."""
        lines = [("", headings), *rows]
        widths = [max(map(cell_len, column)) for column in zip(*(row for _, row in lines), strict=True)]
        room = self.width - sum(widths) - 2 * len(widths) - 2
        label = min(max(cell_len(name) for name, _ in rows), max(1, room))
        for name, row in lines:
            cells = "".join(
                " " * (2 + width - cell_len(cell)) + cell for cell, width in zip(row, widths, strict=True)
            )
            self.lines.append(Text(f"  {pad_or_cut(name, label)}{cells}", "dim" if row is headings else ""))

    def add_vectors(self, rows: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Add a vector a row: as many of its numbers as fit, and dots for the others."""
        label = max(cell_len(name) for name, _ in rows)
        for name, values in rows:
            fitting = (self.width - label - 2) // NUMBER
            shown = len(values) if len(values) <= fitting else max(1, (self.width - label - 6) // NUMBER)
            numbers = "".join(f"{value:{NUMBER}.2f}" for value in values[:shown])
            more = " ..." if shown < len(values) else ""
            self.lines.append(Text(f"  {pad_or_cut(name, label)}{numbers}{more}"))

    def ask(self, question: str, answer: str) -> None:
        """Add the question of the stage, and what it is answered with."""
        self.question = [Text(), *wrap_text(self.console, Text(question, "bold yellow"), self.width)]
        self.answer = wrap_text(self.console, Text(answer, "green"), self.width)


def two_decimals(values: Sequence[float | None]) -> list[str]:
    """Return numbers as cells of a table."""
    return ["-" if value is None else f"{value:.2f}" for value in values]

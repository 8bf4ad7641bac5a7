"""The scores of a run by length, each row as it comes, then what is to be said of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.records.results import Answer, EvalReport, LengthScore
from tfcli.render.curve import print_curve
from tfcli.render.tables import count, interval, plain_table, share
from tfcli.render.terminal import can_show, print_block, print_lines, print_wrapped, showable

BAR = 8  # columns of a full bar
EXCERPT = 60  # tokens of a wrong answer
INTERVAL = len("0.00-1.00")


def print_eval(console: Console, report: EvalReport) -> None:
    """Print scores by length, then a few wrong answers."""
    lengths = [score.length for score in report.lengths]
    most = max((score.samples for score in report.lengths), default=0)
    printer = ScorePrinter(console, lengths, most)
    printer.begin(report)
    for score in report.lengths:
        printer.add(score)
    printer.end(report)


class ScorePrinter:
    """Prints the scores of a run length by length; all rows are as wide, whatever comes.

    Args:
        lengths: that will come.
        samples: of a length, at most.
    """

    def __init__(self, console: Console, lengths: Sequence[int], samples: int) -> None:
        self.console = console
        self.widths = {"length": max(map(len, map(str, lengths)), default=1), "samples": len(f"{samples}*")}
        self.latest: LengthScore | None = None
        unbounded = console.options.update(width=10_000)
        self.wide = True
        self.wide = console.measure(self.table(heads=True), options=unbounded).maximum <= console.width

    def begin(self, report: EvalReport) -> None:
        """Print what was trained."""
        low, high = report.trained_lengths
        said = f"{report.run}: {report.task}, trained on lengths {low} to {high}"
        print_wrapped(self.console, Text(said, "bold"))

    def add(self, score: LengthScore) -> None:
        """Print a row, below the heads if it is the first."""
        table = self.table(heads=self.latest is None)
        if self.latest is not None and self.latest.in_range != score.in_range:
            print_lines(self.console)
        table.add_row(*self.cells(score))
        print_block(self.console, table)
        self.latest = score

    def end(self, report: EvalReport) -> None:
        """Print the curve, what all there is was scored of, and a few wrong answers."""
        print_curve(self.console, report.lengths)
        few = [s for s in report.lengths if s.held_out_of is not None]
        if few:
            seen = ", ".join(f"{s.samples} of {count(s.held_out_of or 0)} at length {s.length}" for s in few)
            print_wrapped(self.console, Text(f"* every held-out sequence there is: {seen}", "dim"))
        for answer in report.wrong:
            print_wrong(self.console, answer)

    def table(self, *, heads: bool) -> Table:
        """Return a table without rows; in the wide form it has intervals and a bar."""
        table = plain_table()
        table.show_header = heads
        trained, bounds = "trained" if self.wide else "seen", [("95 %", INTERVAL)] * self.wide
        for head, width in [
            ("length", self.widths["length"]),
            (trained, 3),
            ("exact", 5),
            *bounds,
            ("tokens", 5),
            *bounds,
            ("floor", 4),
            ("samples", self.widths["samples"]),
        ]:
            table.add_column(head, justify="right", no_wrap=True, min_width=max(width, len(head)))
        if self.wide:
            table.add_column(no_wrap=True, min_width=BAR)
        return table

    def cells(self, score: LengthScore) -> list[Text | str]:
        """Return the cells of one length."""
        style = "green" if score.exact_match == 1 else "yellow" if score.exact_match >= 0.5 else "red"
        filled = round(score.exact_match * BAR)
        full, empty = "█░" if can_show(self.console, "█░") else "#."
        return [
            str(score.length),
            "yes" if score.in_range else "no",
            Text(share(score.exact_match), style),
            *[interval(score.exact_match_interval)] * self.wide,
            share(score.token_accuracy),
            *[interval(score.token_accuracy_interval)] * self.wide,
            f"{score.floor:.2f}",
            f"{score.samples}{'*' if score.held_out_of is not None else ''}",
            *[Text(full * filled + empty * (BAR - filled), style)] * self.wide,
        ]


def print_wrong(console: Console, answer: Answer) -> None:
    """Print a wrong answer: input, expected, got; of long ones the part around the first mistake."""
    n = max(len(answer.input), len(answer.target), len(answer.prediction))
    pairs = enumerate(zip_longest(answer.prediction, answer.target))
    mistake = next(i for i, (got, wanted) in pairs if got != wanted)
    first = max(0, min(mistake - EXCERPT // 2, n - EXCERPT))
    part = slice(first, first + EXCERPT)
    print_lines(console)
    if n > EXCERPT:
        print_wrapped(console, Text(f"tokens {first} to {min(first + EXCERPT, n) - 1} of {n}", "dim"))
    for name, tokens in (("input", answer.input), ("expected", answer.target), ("got", answer.prediction)):
        text = Text(f"{name:<9}", "bold")
        for i, token in enumerate(tokens[part], first):
            wrong = name == "got" and answer.target[i : i + 1] != [token]
            text.append(showable(console, token), "bold red" if wrong else "not bold")
            text.append(" ")
        print_wrapped(console, text, indent=9)

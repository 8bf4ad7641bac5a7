"""The scores of a run by length, each row as it comes, then what is to be said of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.records.results import Answer, AnswerScore, EvalReport, LengthScore
from tfcli.render.curve import print_curve
from tfcli.render.pictures import draw
from tfcli.render.tables import count, interval, plain_table, print_fitting, share
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
        self.wide, self.is_text = True, False

    def begin(self, report: EvalReport) -> None:
        """Print what was trained."""
        self.is_text = report.is_text
        unbounded = self.console.options.update(width=10_000)
        self.wide = (
            self.console.measure(self.table(heads=True), options=unbounded).maximum <= self.console.width
        )
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
        if not self.is_text:
            print_curve(self.console, report.lengths)
        few = [s for s in report.lengths if s.held_out_of is not None]
        if few:
            seen = ", ".join(f"{s.samples} of {count(s.held_out_of or 0)} at length {s.length}" for s in few)
            print_wrapped(self.console, Text(f"* every held-out sequence there is: {seen}", "dim"))
        if self.is_text:
            said = "bits per symbol, beside those by counts of symbols, and of symbols after two others"
            print_wrapped(self.console, Text(said, "dim"))
        if report.answers:
            print_by_answer(self.console, report.answers)
        for answer in report.wrong if not self.is_text else ():
            print_wrong(self.console, answer)

    def table(self, *, heads: bool) -> Table:
        """Return a table without rows; in the wide form it has intervals and a bar."""
        table = plain_table()
        table.show_header = heads
        trained, bounds = "trained" if self.wide else "seen", [("95 %", INTERVAL)] * self.wide
        first = [("bits", 5), ("unigram", 5), ("trigram", 5)] if self.is_text else [("exact", 5), *bounds]
        for head, width in [
            ("length", self.widths["length"]),
            (trained, 3),
            *first,
            ("tokens", 5),
            *bounds,
            ("floor", 4),
            ("samples", self.widths["samples"]),
        ]:
            table.add_column(head, justify="right", no_wrap=True, min_width=max(width, len(head)))
        if self.wide and not self.is_text:
            table.add_column(no_wrap=True, min_width=BAR)
        return table

    def cells(self, score: LengthScore) -> list[Text | str]:
        """Return the cells of one length."""
        style = "green" if score.exact_match == 1 else "yellow" if score.exact_match >= 0.5 else "red"
        filled = round(score.exact_match * BAR)
        full, empty = "█░" if can_show(self.console, "█░") else "#."
        exact, bounds = Text(share(score.exact_match), style), interval(score.exact_match_interval)
        first: list[Text | str] = [exact, *[bounds] * self.wide]
        if self.is_text:
            first = [f"{bits or 0:.3f}" for bits in (score.bits, score.unigram_bits, score.trigram_bits)]
        return [
            str(score.length),
            "yes" if score.in_range else "no",
            *first,
            share(score.token_accuracy),
            *[interval(score.token_accuracy_interval)] * self.wide,
            f"{score.floor:.2f}",
            f"{score.samples}{'*' if score.held_out_of is not None else ''}",
            *[Text(full * filled + empty * (BAR - filled), style)] * (self.wide and not self.is_text),
        ]


def print_by_answer(console: Console, scores: Sequence[AnswerScore]) -> None:
    """Print how well each answer is given where it is right."""
    print_lines(console)
    print_fitting(console, [table_by_answer(console, scores, wide) for wide in (True, False)])


def table_by_answer(console: Console, scores: Sequence[AnswerScore], wide: bool) -> Table:
    """Return a row an answer; in the wide form with intervals and counts."""
    table = plain_table()
    for head in ("right is", "exact", *(("95 %", "samples") if wide else ()), "else mostly"):
        table.add_column(head, justify="left" if head in ("right is", "else mostly") else "right")
    for score in scores:
        more = [interval(score.exact_match_interval), count(score.samples)] if wide else []
        table.add_row(
            showable(console, " ".join(score.answer)),
            share(score.exact_match),
            *more,
            showable(console, " ".join(score.mistaken_for)),
        )
    return table


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
    lines = {"input": answer.input, "expected": answer.target, "got": answer.prediction}
    if answer.picture is not None:
        del lines["input"]
        for drawn in draw(console, answer.picture):
            print_lines(console, drawn)
    for name, tokens in lines.items():
        text = Text(f"{name:<9}", "bold")
        for i, token in enumerate(tokens[part], first):
            wrong = name == "got" and answer.target[i : i + 1] != [token]
            text.append(showable(console, token), "bold red" if wrong else "not bold")
            text.append(" ")
        print_wrapped(console, text, indent=9)

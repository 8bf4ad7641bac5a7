"""The tour as screens: what a stage says, with the model's own numbers, a question and its answer."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from tfcli.records.tour import TourRecord
from tfcli.render.terminal import print_lines
from tfcli.render.tour.attending import show_attending
from tfcli.render.tour.going_on import show_going_on
from tfcli.render.tour.heads import show_heads
from tfcli.render.tour.norms import show_norms
from tfcli.render.tour.scores import show_scores
from tfcli.render.tour.sheet import Sheet
from tfcli.render.tour.simplified import show_simplified
from tfcli.texts import Language

SCREENS: tuple[Callable[[TourRecord, Language, Sheet], None], ...] = (
    show_attending,
    show_scores,
    show_heads,
    show_norms,
    show_simplified,
    show_going_on,
)


def make_sheets(console: Console, record: TourRecord, words: Language) -> list[Sheet]:
    """Return the screens of the tour, for the width of a console."""
    sheets = []
    for show in SCREENS:
        sheet = Sheet(console)
        show(record, words, sheet)
        sheets.append(sheet)
    return sheets


def print_tour(console: Console, record: TourRecord, words: Language) -> None:
    """Print all of it, each answer below its question."""
    for number, sheet in enumerate(make_sheets(console, record, words)):
        if number:
            print_lines(console)
        for line in [*sheet.lines, *sheet.question, *sheet.answer]:
            print_lines(console, line)


def make_pages(console: Console, record: TourRecord, words: Language) -> list[list[Text]]:
    """Return what is shown after each key: a stage with its question, then with its answer.

    What doesn't fit the height of the console goes on on pages of its own.
    """
    height = max(1, console.height - 1)  # the last line says which keys there are
    pages = []
    for sheet in make_sheets(console, record, words):
        asked = [*sheet.lines, *sheet.question]
        if len(asked) + len(sheet.answer) <= height:
            pages += [asked, [*asked, *sheet.answer]] if sheet.question else [asked]
            continue
        whole = split(sheet.lines, height)
        room = height - len(sheet.question) - len(sheet.answer)
        if len(whole[-1]) > room:
            whole.append([])
        pages += [*whole[:-1], [*whole[-1], *sheet.question]]
        if sheet.question:
            pages.append([*pages[-1], *sheet.answer])
    return pages


def split(lines: list[Text], height: int) -> list[list[Text]]:
    """Return lines in pages of that many."""
    return [lines[first : first + height] for first in range(0, len(lines), height)]


def draw_screen(console: Console, lines: list[Text], footer: str) -> None:
    """Draw lines from the top of the screen, and a last one at its foot."""
    console.clear()
    for line in lines:
        print_lines(console, line)
    print_lines(console, "\n" * max(0, console.height - len(lines) - 2))
    console.print(Text(footer, "reverse"), end="", no_wrap=True, overflow="crop")

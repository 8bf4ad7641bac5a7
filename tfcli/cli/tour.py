"""`tour`: the stages of self-attention, a screen each."""

import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, LangOption
from tfcli.cli.output import choose_words, hint, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from tfcli.records.tour import TourRecord
    from tfcli.texts import Language

FORWARD = {
    " ",
    "\r",
    "\n",
    "n",
    "j",
    "l",
    "\x1b[C",
    "\x1b[B",
    "\x1bOC",
    "\x1bOB",
    "\x1b[6~",
    "\xe0M",
    "\xe0P",
}
BACK = {
    "b",
    "p",
    "k",
    "h",
    "\x7f",
    "\x08",
    "\x1b[D",
    "\x1b[A",
    "\x1bOD",
    "\x1bOA",
    "\x1b[5~",
    "\xe0K",
    "\xe0H",
}
LEAVE = {"q", "Q", "\x1b", "\x04"}


@app.command()
def tour(
    lang: LangOption = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print all of it, as into a pipe.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Walk through self-attention on a sentence, a screen a stage.

    Small models are trained for it in some seconds, and nothing is written. Space goes on, b goes back, q
    leaves. Each stage ends with a question; the next key shows the answer.

    Example: tfcli tour --lang zh
    """
    from tfcli.render.terminal import is_live, make_console

    console = make_console()
    words = choose_words(lang)
    hint(words.say("Small models are trained for the tour, which takes some seconds ..."))
    from tfcli.commands.tour import make_tour

    record = make_tour((lang or "en") if as_json else words.code)  # JSON is the same in every locale
    if as_json:
        print_json(record)
    elif plain or not is_live(console) or console.is_dumb_terminal or not sys.stdin.isatty():
        from tfcli.render.tour import print_tour

        print_tour(console, record, words)
    else:
        walk(console, record, words)


def walk(console: "Console", record: "TourRecord", words: "Language") -> None:
    """Show a screen after each key, until the last one is left.

    Raises:
        typer.Exit: Ctrl-C was pressed.
    """
    from tfcli.render.tour import draw_screen, make_pages

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # the terminal has to be restored
    at = 0
    try:
        with console.screen(hide_cursor=True):
            while True:
                pages = make_pages(console, record, words)  # for the size that it has now
                at = min(at, len(pages) - 1)
                footer = words.say(
                    "{number} of {count}: space on, b back, q leave", number=at + 1, count=len(pages)
                )
                draw_screen(console, pages[at], footer)
                key = typer.getchar()
                if key in LEAVE or (key in FORWARD and at == len(pages) - 1):
                    return
                at += (key in FORWARD) - (key in BACK and at > 0)
    except (KeyboardInterrupt, EOFError):
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGINT, before)

"""What every command prints in the same way: JSON on stdout, a hint on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

import typer

from tfcli.texts import ENGLISH, Code, Language, choose_language

if TYPE_CHECKING:
    from rich.console import Console


_RESULTS: ContextVar[TextIO | None] = ContextVar("results", default=None)  # the stdout that JSON goes to


def echo(text: str, *, nl: bool = True) -> None:
    """Print text on stdout as it is, but for control characters that somebody put into it."""
    from tfcli.render.untrusted import escape_controls

    typer.echo(escape_controls(text), nl=nl)


@contextmanager
def results_alone() -> Iterator[None]:
    """Within this only JSON goes to stdout: what parts of one's own print, and libraries, goes to stderr."""
    token = _RESULTS.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _RESULTS.reset(token)


def find_stdout() -> TextIO:
    """Return the stdout that results go to."""
    return _RESULTS.get() or sys.stdout


def print_json(record: Any, *, indent: bool = True) -> None:
    """Print a record as JSON on stdout, in ASCII where stdout isn't Unicode. A NaN is a bug, and raises."""
    from tfcli.render.json_pieces import json_pieces
    from tfcli.render.untrusted import escape_controls

    stdout = find_stdout()
    unicode = (stdout.encoding or "").lower().startswith("utf")
    for piece in json_pieces(record, indent=indent, ascii_only=not unicode):
        stdout.write(escape_controls(piece))
    stdout.flush()


def print_result(record: Any, show: Callable[[Console, Any], None], *, as_json: bool) -> None:
    """Print a record as JSON, or by `show` on a console for stdout."""
    from tfcli.render.terminal import make_console

    if as_json:
        print_json(record)
    else:
        show(make_console(), record)


def choose_words(asked: Code | None) -> Language:
    """Return the language for what is printed: English where stdout can't show the one that is wanted."""
    from tfcli.render.terminal import can_show, make_console

    words = choose_language(asked)
    console = make_console()
    if can_show(console, words.sample):
        return words
    hint(f"stdout takes {console.encoding}, and can't show Chinese: set PYTHONIOENCODING=utf-8")
    return ENGLISH


def warn(text: str) -> None:
    """Print a word on what isn't as it should be, on stderr, and log it."""
    from tfcli.records.events import Warned, emit

    emit(Warned(text))
    hint(text)


def hint(text: str) -> None:
    """Print a word on what to try next, on stderr, if that can still be written to."""
    from tfcli.render.terminal import make_console, print_message

    with suppress(OSError):
        print_message(make_console(stderr=True), " ".join(text.splitlines()))

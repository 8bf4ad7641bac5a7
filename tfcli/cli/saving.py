"""`--save` and `--open`: a file that isn't overwritten, and a browser that shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tfcli.cli.output import echo, hint, print_json
from tfcli.errors import TfcliError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tfcli.records.inspection import View
NEEDS = {".png": "matplotlib"}  # what isn't installed with tfcli itself


def check_target(path: Path, suffixes: Sequence[str], *, force: bool) -> None:
    """See to it, before any work, that a file of one of these formats can be made there.

    Raises:
        UsageError: an unknown suffix, a library that isn't installed, or a file that is there already.
    """
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise UsageError(f"--save {path}: the suffix says the format, one of {' '.join(suffixes)}")
    needed = NEEDS.get(suffix)
    if needed and not is_installed(needed):
        raise UsageError(f"--save {path}: {suffix} needs {needed}: pip install {needed}, or save as .svg")
    if os.path.lexists(path) and not path.is_file():
        raise UsageError(f"--save {path}: there is something that isn't a file; choose another name")
    if path.exists() and not force:
        raise UsageError(f"--save {path}: exists already; --force overwrites it")
    if not path.parent.is_dir():
        raise UsageError(f"--save {path}: there is no folder {path.parent}")


def is_installed(module: str) -> bool:
    """Whether a library is there."""
    try:
        return find_spec(module) is not None
    except ValueError:  # it was tried before, and failed
        return False


def write(path: Path, content: Callable[[], str | Iterable[bytes]]) -> None:
    """Write a file, in the pieces that its content comes in; a link is written through.

    Raises:
        UsageError: the format can't hold the content.
        TfcliError: the file can't be written.
    """
    from tfcli.runs.writing import write_atomically

    try:
        made = content()
        write_atomically(path.resolve(), [made.encode()] if isinstance(made, str) else made)
    except ValueError as error:
        raise UsageError(f"--save {path}: {error}") from error
    except OSError as error:
        raise TfcliError(f"--save {path}: {error.strerror}") from error


def tell_size(path: Path) -> None:
    """Print the name and size of what was written."""
    echo(f"{path}: {path.stat().st_size:,} bytes")


class Output(NamedTuple):
    """Where a record goes: to a file, a browser, or the terminal as JSON or as tables."""

    save: Path | None
    open_page: bool
    as_json: bool

    @property
    def suffix(self) -> str | None:
        """Of the file to write; a temporary page if there is none to open but one is wanted."""
        if self.save is not None:
            return self.save.suffix.lower()
        return ".html" if self.open_page else None

    @property
    def is_page(self) -> bool:
        """Whether it is a page, which can switch between views."""
        return self.suffix == ".html"

    @property
    def has_views(self) -> bool:
        """Whether the file holds several views as such; a picture shows one."""
        return self.suffix in (".html", ".csv")

    def give(self, record: Any, views: Sequence[View], show: Callable[[Console, Any], None]) -> None:
        """Hand a record out: as a file of `views`, as JSON, or by `show` on the terminal.

        Raises:
            UsageError: the format can't hold it.
            TfcliError: the file can't be written.
        """
        from tfcli.render.files import render
        from tfcli.render.terminal import make_console

        if self.suffix is not None:
            self.write(lambda path: render(record, views, path), "attention.html")
        if self.as_json:
            print_json(record)
        elif self.suffix is None:
            show(make_console(), record)

    def write(self, content: Callable[[Path], str | Iterable[bytes]], name: str) -> None:
        """Write the file, of that name if none is given, and show it in a browser if asked to."""
        import tempfile
        import webbrowser

        path = self.save or Path(tempfile.mkdtemp(prefix="tfcli-")) / name
        write(path, lambda: content(path))
        if not self.as_json and self.save is not None:
            tell_size(path)
        if self.open_page and not webbrowser.open(path.resolve().as_uri()):
            hint(f"there is no browser to open; the page is {path}")

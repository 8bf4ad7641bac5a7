"""`--save` and `--open`: a file that isn't overwritten, and a browser that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from tfcli.cli.output import hint
from tfcli.errors import UsageError

if TYPE_CHECKING:
    from tfcli.internals import AttentionRecord, View


def check_target(path: Path, *, force: bool) -> None:
    """See to it, before any work, that a file can be made there.

    Raises:
        UsageError: an unknown suffix, a library that isn't installed, or a file that is there already.
    """
    from tfcli.render.files import FORMATS, NEEDS

    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"--save {path}: the suffix says the format, one of {' '.join(FORMATS)}")
    needed = NEEDS.get(suffix)
    if needed and not is_installed(needed):
        raise UsageError(f"--save {path}: {suffix} needs {needed}: pip install {needed}, or save as .svg")
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


class Output(NamedTuple):
    """Where the maps go: to a file, a browser, or the terminal as JSON or tables."""

    save: Path | None
    open_page: bool
    as_json: bool

    @property
    def is_file(self) -> bool:
        """Whether there is a file to write, a temporary one included."""
        return self.save is not None or self.open_page

    @property
    def is_page(self) -> bool:
        """Whether that is a page, which can switch between several views."""
        return self.is_file and (self.save is None or self.save.suffix.lower() == ".html")


def save_attention(views: Sequence[View], output: Output) -> None:
    """Write the file, a temporary page if no path is given, and show it in a browser if asked to.

    Raises:
        UsageError: the format can't hold it, or the file can't be written.
    """
    import tempfile
    import webbrowser

    from tfcli.render.files import render
    from tfcli.runs import write_atomically

    path = output.save or Path(tempfile.mkdtemp(prefix="tfcli-")) / "attention.html"
    try:
        write_atomically(path, render(views, path))
    except ValueError as error:
        raise UsageError(f"--save {path}: {error}") from error
    except OSError as error:
        raise UsageError(f"--save {path}: {error.strerror}") from error
    if not output.as_json and output.save is not None:
        typer.echo(f"{path}: {path.stat().st_size:,} bytes")
    if output.open_page and not webbrowser.open(path.resolve().as_uri()):
        hint(f"there is no browser to open; the page is {path}")


def by_sequence(records: Sequence[AttentionRecord]) -> list[View]:
    """Records as views, each named by its sequence."""
    from tfcli.internals import View

    return [View(" ".join(record.tokens), record) for record in records]

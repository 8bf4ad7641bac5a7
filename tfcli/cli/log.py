"""`--log`: what happens, as lines of JSON in a file."""

import errno
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

import tfcli
from tfcli.cli.output import hint
from tfcli.errors import UsageError
from tfcli.records.events import LOGGER, CommandEnded, CommandStarted, Event, Failed, emit


class JsonLines(logging.Handler):
    """Appends each event to a file at once, a line by one write, so that several processes may share it.

    Raises:
        UsageError: the file can't be opened. What can't be written later is said once, and left out.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        try:
            # A pipe that nobody reads is an error then, and nothing to wait for.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
            self.file = os.open(path, flags, 0o666)
            os.set_blocking(self.file, True)
        except OSError as error:
            raise UsageError(f"--log {path}: {error.strerror}; name a file that can be written") from error
        self.ends_within_a_line = self.has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write an event; what others tell the logger isn't ours to write."""
        if not isinstance(record.msg, Event):
            return
        try:
            self.write(to_json(record, record.msg))
        except (OSError, ValueError) as error:
            self.tell_once(getattr(error, "strerror", None) or str(error))

    def write(self, text: str) -> None:
        """Append a line, and end one before it that could be written in part only.

        Raises:
            OSError: it can't be written, or not to its end.
        """
        data = "\n" * self.ends_within_a_line + text + "\n"
        self.ends_within_a_line = os.write(self.file, data.encode()) < len(data)
        if self.ends_within_a_line:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def tell_once(self, problem: str) -> None:
        """Say that something can't be logged, unless that was said."""
        if not self.has_failed:
            self.has_failed = True
            with suppress(RuntimeError):  # of a stderr that a signal found in the middle of a write
                hint(f"--log {self.path}: {problem}; the work goes on, and not all of it is logged")

    def close(self) -> None:
        """Close the file."""
        super().close()
        os.close(self.file)


def to_json(record: logging.LogRecord, event: Event) -> str:
    """Return an event as JSON, in ASCII: no character of what others wrote does anything on a terminal.

    Raises:
        ValueError: a number isn't finite.
    """
    time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
    fields: dict[str, Any] = asdict(event)  # type: ignore[call-overload]  # each event is a dataclass
    return json.dumps({"time": time, "pid": record.process, "event": event.name(), **fields}, allow_nan=False)


@contextmanager
def log_command(path: Path, words: list[str]) -> Iterator[None]:
    """Log a command from its start to its end.

    Raises:
        UsageError: the file can't be opened.
    """
    handler, level, started, code = JsonLines(path), LOGGER.level, time.monotonic(), 1
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    emit(CommandStarted(words, find_folder(), find_versions()))
    try:
        yield
        code = 0
    except typer.Exit as stop:
        code = stop.exit_code
        raise
    except Exception as bug:
        emit(Failed(f"{type(bug).__name__}: {bug}", code))
        raise
    finally:
        emit(CommandEnded(code, time.monotonic() - started))
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(level)
        handler.close()


def find_folder() -> str:
    """Return the current folder; nothing where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def find_versions() -> dict[str, str]:
    """Return the versions of what works here, as far as it is installed, without an import of torch."""
    versions = {"tfcli": tfcli.__version__, "python": platform.python_version()}
    with suppress(metadata.PackageNotFoundError):
        versions["torch"] = metadata.version("torch")
    return versions

"""The one place where errors become messages: a line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import typer
from typer.core import TyperGroup

from tfcli.cli.output import find_stdout, hint
from tfcli.errors import NO_MEMORY, ConfigError, TfcliError, UsageError, on_one_line
from tfcli.runs.company import is_helper

MOST_LINES, LONGEST_LINE = 100, 4_000  # of a message, whatever it repeats of what somebody wrote


class Boundary(TyperGroup):
    """Turns an error that a user can mend into a message on stderr and an exit code. Bugs keep tracebacks."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:
            return super().parse_args(ctx, args)  # shows the help
        ctx.meta["words"] = list(args)
        with explained_errors(debug=False):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not is_helper():
            tell_repeats(command, typer.Context(command, parent=ctx), rest)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        debug, log = ctx.params.get("debug", False), ctx.params.get("log")
        with explained_errors(debug=debug), ExitStack() as stack:
            if log is not None and not is_helper():
                from tfcli.cli.log import log_command  # which takes a few milliseconds

                stack.enter_context(log_command(log, ctx.meta["words"]))
            with explained_errors(debug=debug):
                return super().invoke(ctx)


def tell_repeats(command: Any, context: Any, args: list[str]) -> None:
    """Note which options are given twice, of which only the last counts."""
    with suppress(typer.TyperException):  # what can't be read is told when the command reads it
        _, _, given = command.make_parser(context).parse_args(list(args))
        single = [
            one for one in given if not getattr(one, "multiple", True) and not getattr(one, "is_flag", False)
        ]
        for option in dict.fromkeys(one for one in single if single.count(one) > 1):
            hint(f"note: {option.opts[0]} is given twice; the last counts")


@contextmanager
def explained_errors(*, debug: bool) -> Iterator[None]:
    """Explain an error that a user can mend, and end with its exit code; before that show the traceback."""
    try:
        yield
    except (TfcliError, typer.TyperException, OSError, MemoryError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            stop_writing()  # whoever reads has seen enough
            raise typer.Exit(0) from error
        message, code = message_and_code(error)
        if message is None:
            raise
        if is_helper() and isinstance(error, TfcliError):  # rank 0 says the same
            raise typer.Exit(code) from error
        if debug:
            traceback.print_exc()
        raise fail(message, code) from error


def stop_writing() -> None:
    """Let nothing more go to a stdout that nobody reads: Python would fail to write the rest at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), find_stdout().fileno())


def message_and_code(error: Exception) -> tuple[str | None, int]:
    """Return the message for an error and the exit code; no message for a bug."""
    if isinstance(error, ConfigError):
        return "\n".join(error.problems), error.exit_code
    if isinstance(error, TfcliError):
        return on_one_line(str(error)), error.exit_code
    if isinstance(error, typer.TyperException):
        from tfcli.cli.usage import usage_message

        return on_one_line(usage_message(error)), error.exit_code
    if isinstance(error, ValueError) and is_missing_extra(error):
        return on_one_line(str(error)), UsageError.exit_code
    if isinstance(error, OSError) and error.strerror is not None:
        return on_one_line(f"{error.filename or 'output'}: {error.strerror}"), 1
    if isinstance(error, MemoryError) or re.search(NO_MEMORY, str(error)):
        return "not enough memory for this; try a smaller model, batch, length or number of samples", 1
    return None, 1


def is_missing_extra(error: ValueError) -> bool:
    """Whether a task lacks the library of its sequences, which shows when they are first needed."""
    from tfcli.registry import import_task_module

    missing: type[ValueError] = import_task_module("extras").MissingExtraError
    return isinstance(error, missing)


def fail(message: str, code: int) -> typer.Exit:
    """Print and log a message: an error a line, wrapped at words on a terminal. Return the exit to raise."""
    from tfcli.records.events import Failed, emit
    from tfcli.render.terminal import make_console, print_message

    emit(Failed(message, code))
    with suppress(OSError):  # where nobody can read it, the exit code still tells
        for line in message.split("\n")[:MOST_LINES]:
            print_message(make_console(stderr=True), f"error: {line[:LONGEST_LINE]}")
    return typer.Exit(code)

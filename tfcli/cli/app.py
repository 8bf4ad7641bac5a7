"""The application: what `tfcli` itself takes."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

import tfcli
from tfcli.cli.boundary import Boundary
from tfcli.cli.options import expand_user
from tfcli.runs.company import refuse_company

app = typer.Typer(
    cls=Boundary,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train small Transformer encoders on toy sequence tasks, measure them, and look inside.\n\n"
    'First steps: tfcli train reverse, then tfcli eval, then tfcli attn "7 1 4 9".',
)


def print_version(asked: bool) -> None:
    """`--version`."""
    if asked:
        typer.echo(f"tfcli {tfcli.__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Show the traceback of every error. A training that diverges says which value first wasn't "
            "finite, and takes longer.",
        ),
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="FILE",
            help="Append what happens to a file, a line of JSON an event.",
            callback=expand_user,
        ),
    ] = None,
) -> None:
    """Look at what comes before a command, and make the streams ready for it."""
    refuse_company(context.invoked_subcommand)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the encoding lacks is written as an escape
            stream.reconfigure(errors="backslashreplace")

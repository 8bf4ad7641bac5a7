"""`show`: an example with all its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tfcli.cli.app import app
from tfcli.cli.options import (
    JsonOption,
    SourceArgument,
)
from tfcli.cli.output import print_json

if TYPE_CHECKING:  # to import what these need takes longer than --help
    pass


@app.command()
def show(source: SourceArgument, as_json: JsonOption = False) -> None:
    """Show an example with all its settings.

    What it prints is a configuration file, to be changed and trained.

    Example: tfcli show reverse > mine.yaml
    """
    from tfcli.commands.catalog import find_example

    example = find_example(source)
    print_json(example) if as_json else typer.echo(example.text, nl=False)

"""`ls`, `show` and `validate`: what there is, without running it."""

from __future__ import annotations

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.boundary import fail
from tfcli.cli.options import Json, Source
from tfcli.cli.output import print_json


@app.command("ls")
def list_all(as_json: Json = False) -> None:
    """List the tasks, examples and runs.

    Example: tfcli ls
    """
    from tfcli.commands.catalog import catalog
    from tfcli.render.reports import print_catalog
    from tfcli.render.terminal import make_console

    found = catalog()
    print_json(found) if as_json else print_catalog(make_console(), found)


@app.command()
def show(source: Source, as_json: Json = False) -> None:
    """Show an example with all its settings.

    What it prints is a configuration file, to be changed and trained.

    Example: tfcli show reverse > mine.yaml
    """
    from tfcli.commands.catalog import show as find_example

    example = find_example(source)
    print_json(example) if as_json else typer.echo(example.text, nl=False)


@app.command()
def validate(
    source: Annotated[str, typer.Argument(metavar="FILE", help="FILE.yaml, FILE.yaml:NAME or an example.")],
    as_json: Json = False,
) -> None:
    """Check a configuration file.

    Example: tfcli validate mine.yaml
    """
    from tfcli.commands.catalog import validate as check

    result = check(source)
    if as_json:
        print_json(result)
    elif result.valid:
        names = f" ({', '.join(result.configs)})" if len(result.configs) > 1 else ""
        typer.echo(f"{source}: valid{names}")
    if not result.valid:
        raise fail("\n".join(result.errors), 2)

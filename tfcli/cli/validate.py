"""`validate`: check a configuration file."""

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.boundary import fail
from tfcli.cli.options import JsonOption
from tfcli.cli.output import echo, print_json


@app.command()
def validate(
    source: Annotated[str, typer.Argument(metavar="FILE", help="FILE.yaml, FILE.yaml:NAME or an example.")],
    as_json: JsonOption = False,
) -> None:
    """Check a configuration file.

    Example: tfcli validate mine.yaml
    """
    from tfcli.commands.catalog import validate_source

    result = validate_source(source)
    if as_json:
        print_json(result)
    elif result.valid:
        names = f" ({', '.join(result.configs)})" if len(result.configs) > 1 else ""
        echo(f"{source}: valid{names}")
    if not result.valid:
        raise fail("\n".join(result.errors), 2)

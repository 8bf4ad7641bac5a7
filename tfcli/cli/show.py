"""`show`: an example with all its settings."""

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, SourceArgument
from tfcli.cli.output import echo, print_json
from tfcli.errors import UsageError


@app.command()
def show(
    source: SourceArgument = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of configuration files instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an example with all its settings.

    What it prints is a configuration file, to be changed and trained.

    Example: tfcli show reverse > mine.yaml
    """
    from tfcli.commands.catalog import find_example, make_schema
    from tfcli.config.files import example_names

    if schema:
        if source is not None:
            raise UsageError(f"--schema is that of every configuration; leave {source} out")
        print_json(make_schema())
        return
    if source is None:
        raise UsageError(
            f"name an example or a file: tfcli show reverse (examples: {', '.join(example_names())})"
        )
    example = find_example(source)
    if as_json:
        print_json(example)
    else:
        echo(example.text, nl=False)

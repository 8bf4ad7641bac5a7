"""`show`: an example with all its settings."""

from os.path import lexists
from pathlib import Path
from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, SourceArgument, expand_user
from tfcli.cli.output import echo, hint, print_json
from tfcli.errors import UsageError


@app.command()
def show(
    source: SourceArgument = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Write it to a new file, .yaml, instead.", callback=expand_user
        ),
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of configuration files instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an example with all its settings.

    What it prints is a configuration file, to be changed and trained.

    Example: tfcli show reverse --out mine.yaml
    """
    from tfcli.commands.catalog import find_example, make_schema
    from tfcli.config.files import example_names

    if out is not None and (schema or as_json):
        raise UsageError("--out writes a configuration file; leave --schema and --json out")
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
    if out is not None:
        write_configuration(out, example.text)
    elif as_json:
        print_json(example)
    else:
        echo(example.text, nl=False)


def write_configuration(path: Path, text: str) -> None:
    """Write a configuration file, in UTF-8: what a shell makes of `>` is read back on no system but its own.

    Raises:
        UsageError: the name isn't that of one, or is taken.
        OSError: it can't be written.
    """
    from tfcli.runs.writing import write_atomically

    if path.suffix.lower() not in (".yaml", ".yml"):
        raise UsageError(f"--out {path}: a configuration file is called so: {path.stem or 'mine'}.yaml")
    if lexists(path):
        raise UsageError(f"--out {path}: exists already; choose another name")
    if not path.parent.is_dir():
        raise UsageError(f"--out {path}: there is no folder {path.parent}")
    write_atomically(path, [text.encode()])
    hint(f"next: tfcli train {path}")

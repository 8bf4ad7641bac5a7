"""`ls`: the tasks, examples and runs there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfcli.cli.app import app
from tfcli.cli.options import (
    JsonOption,
)
from tfcli.cli.output import print_json

if TYPE_CHECKING:  # to import what these need takes longer than --help
    pass


@app.command("ls")
def list_all(as_json: JsonOption = False) -> None:
    """List the tasks, examples and runs.

    Example: tfcli ls
    """
    from tfcli.commands.catalog import list_catalog
    from tfcli.render.reports import print_catalog
    from tfcli.render.terminal import make_console

    found = list_catalog()
    print_json(found) if as_json else print_catalog(make_console(), found)

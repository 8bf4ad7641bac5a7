"""`patch`: activation patching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import (
    JsonOption,
    RunArgument,
)
from tfcli.cli.output import print_json

if TYPE_CHECKING:  # to import what these need takes longer than --help
    pass


@app.command()
def patch(
    clean: Annotated[str, typer.Option("--clean", help="A sequence, such as '1 2 3 4'.")],
    corrupt: Annotated[str, typer.Option("--corrupt", help="One as long, with another answer.")],
    run: RunArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Show which part carries the difference between two sequences.

    The corrupt sequence is answered with one part at a time as it is for the clean one; how much of the clean
    answer comes back is what that part carries (activation patching).

    Example: tfcli patch reverse --clean '1 2 3 4' --corrupt '1 2 5 4'
    """
    from tfcli.runs import find

    path = find(run)
    from tfcli.checkpoints import load_run
    from tfcli.commands.inspect import patch_run
    from tfcli.render.patching import print_patching
    from tfcli.render.terminal import make_console

    record = patch_run(load_run(path), clean, corrupt)
    print_json(record) if as_json else print_patching(make_console(), record)

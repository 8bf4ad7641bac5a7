"""`mv`: give a run another name."""

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, complete_runs
from tfcli.cli.output import hint, print_result


@app.command()
def mv(
    old: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's name or path.", autocompletion=complete_runs)
    ],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="Its new name below runs/, or a path, with a slash in it.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Rename a run, or move it to another folder.

    Nothing is overwritten, and a run in training stays where it is.

    Example: tfcli mv reverse-2 baseline
    """
    from tfcli.render.keeping import print_move
    from tfcli.runs.moving import move_run

    report = move_run(old, new)
    print_result(report, print_move, as_json=as_json)
    for note in report.notes:
        hint(f"note: {note}")

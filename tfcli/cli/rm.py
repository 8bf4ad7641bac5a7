"""`rm`: remove runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, complete_runs
from tfcli.cli.output import hint, print_result
from tfcli.errors import UsageError, counted


@app.command()
def rm(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Names or paths of runs, or of a folder of runs.",
            autocompletion=complete_runs,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove runs.

    What tfcli wrote into their folders is removed; anything else in them is kept, and told. If one of them is
    no run, or is in training, nothing is removed.

    Example: tfcli rm reverse-2 reverse-3 --yes
    """
    from tfcli.runs.removing import find_removable, remove_runs, size_of

    found = find_removable(runs)
    if not yes and not is_agreed(found, size_of(found)):
        hint("nothing was removed")
        raise typer.Exit(1)
    from tfcli.render.keeping import print_removal

    report = remove_runs(found)
    print_result(report, print_removal, as_json=as_json)
    for note in report.notes:
        hint(f"note: {note}")


def is_agreed(runs: list[Path], size: int) -> bool:
    """Whether somebody at a terminal wants runs to be removed.

    Raises:
        UsageError: there is nobody.
    """
    from tfcli.runs.start import name_some

    what = f"{counted(len(runs), 'run')} ({counted(size, 'byte')})"
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"nobody is here to ask whether to remove {what}; add --yes. Nothing was removed")
    return typer.confirm(f"remove {what}: {name_some([str(run) for run in runs])}?", err=True)

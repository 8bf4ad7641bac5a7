"""`ls`: the tasks, examples and runs there are."""

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, complete_conditions, complete_keys, complete_runs
from tfcli.cli.output import hint, print_result


@app.command("ls")
def list_all(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Only these: names or paths of runs, or of a folder of runs.",
            autocompletion=complete_runs,
        ),
    ] = None,
    sort: Annotated[
        list[str] | None,
        typer.Option(
            "--sort",
            metavar="KEY",
            help="Order runs by a setting or a result, the largest last; -KEY: the smallest last. Several: "
            "the first counts most.",
            autocompletion=complete_keys,
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="KEY=VALUE",
            help="Only runs that are so; = != < <= > >=, in quotes. Several: all must hold.",
            autocompletion=complete_conditions,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the tasks, examples and runs.

    With RUN, --sort or --where, on a terminal, the runs alone, with what they are sorted or chosen by.

    Example: tfcli ls --where model.positions=ends --where "exact_match>=0.9" --sort steps
    """
    from tfcli.commands.catalog import list_catalog
    from tfcli.render.reports import print_catalog, print_runs

    found = list_catalog(runs or [], where or [], sort or [], hint)
    if as_json or not (sort or where or runs):
        print_result(found, print_catalog, as_json=as_json)
        return
    if found.runs:
        print_result(found.runs, print_runs, as_json=False)

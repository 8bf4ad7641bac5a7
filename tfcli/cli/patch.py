"""`patch`: activation patching."""

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, RunArgument, TrustOption
from tfcli.cli.output import print_result


@app.command()
def patch(
    clean: Annotated[str, typer.Option("--clean", help='A sequence, such as "1 2 3 4".')],
    corrupt: Annotated[str, typer.Option("--corrupt", help="One as long, with another answer.")],
    run: RunArgument = None,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which part carries the difference between two sequences.

    The corrupt sequence is answered with one part at a time as it is for the clean one; how much of the clean
    answer comes back is what that part carries (activation patching).

    Example: tfcli patch reverse --clean "1 2 3 4" --corrupt "1 2 5 4"
    """
    from tfcli.runs.folders import find

    path = find(run)
    from tfcli.commands.inspect import patch_run
    from tfcli.render.patching import print_patching

    record = patch_run(load(path, trust), clean, corrupt)
    print_result(record, print_patching, as_json=as_json)

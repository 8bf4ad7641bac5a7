"""`inspect`: a run's settings, size and training, or the roles of its heads."""

from pathlib import Path
from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, RunArgument, TrustOption
from tfcli.cli.output import hint, print_result
from tfcli.errors import UsageError


@app.command()
def inspect(
    run: RunArgument = None,
    heads: Annotated[
        bool, typer.Option("--heads", help="What role each head plays, and whether it matters.")
    ] = False,
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=1, max=100_000, help="Held-out sequences for --heads; else 512."),
    ] = None,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run's settings, size and training, or its heads.

    Example: tfcli inspect reverse --heads
    """
    if heads:
        inspect_heads(run, samples or 512, trust or [], as_json)
        return
    if samples is not None:
        raise UsageError("--samples is about --heads")
    if trust:
        raise UsageError("--trust is about --heads; nothing runs here")
    from tfcli.render.reports import print_details
    from tfcli.runs.edits import find_edits
    from tfcli.runs.folders import find
    from tfcli.runs.headers import read_header
    from tfcli.runs.summaries import details

    path = find(run)
    found = details(path)
    for edit in find_edits(path, read_header(path).config):
        hint(f"note: {edit}")
    print_result(found, print_details, as_json=as_json)


def inspect_heads(run: str | None, samples: int, trust: list[Path], as_json: bool) -> None:
    """`inspect --heads`, which needs torch."""
    from tfcli.runs.folders import find

    path = find(run)
    from tfcli.commands.inspect import report_run
    from tfcli.render.heads import print_heads

    report = report_run(load(path, trust), samples)
    print_result(report, print_heads, as_json=as_json)

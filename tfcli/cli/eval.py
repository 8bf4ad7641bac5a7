"""`eval`: score a run length by length."""

from pathlib import Path
from typing import Annotated

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, RunArgument, TrustOption
from tfcli.cli.output import print_json
from tfcli.errors import UsageError


@app.command("eval")
def evaluate(
    run: RunArgument = None,
    lengths: Annotated[
        str | None,
        typer.Option(
            "--lengths",
            help="Such as 1:40, 41:500:50 or 10,41,500; the trained ones and some beyond if left out.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=1_000_000, help="Held-out sequences a length.")
    ] = 500,
    wrong: Annotated[int, typer.Option("--wrong", min=0, help="How many wrong answers to show.")] = 3,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31, help="Of the held-out sequences drawn.")
    ] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the curve instead: .svg, or .json for its numbers.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a run length by length.

    The sequences are held out: the run was not trained on them.

    Example: tfcli eval reverse --lengths 1:40
    """
    from tfcli.cli.ranges import parse_lengths
    from tfcli.runs.folders import find

    if force and save is None:
        raise UsageError("--force is about the file of --save")
    path, chosen = find(run), parse_lengths(lengths) if lengths is not None else None
    if save is not None:
        saving.check_target(save, [".svg", ".json"], force=force)
    from tfcli.checkpoints import load_run
    from tfcli.commands.evaluate import evaluate_run
    from tfcli.render import curve
    from tfcli.render.files import json_text
    from tfcli.render.reports import print_eval
    from tfcli.render.terminal import make_console

    report = evaluate_run(load_run(path, trust or []), chosen, samples, seed, device, wrong)
    if save is not None:
        saving.write(
            save, lambda: json_text(report) if save.suffix.lower() == ".json" else curve.render(report)
        )
    if as_json:
        print_json(report)
    elif save is not None:
        saving.tell_size(save)
    else:
        print_eval(make_console(), report)

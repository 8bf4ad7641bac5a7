"""`export`: write a run for another library."""

from pathlib import Path
from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, RunArgument, TrustOption, expand_user
from tfcli.cli.output import hint, print_result


@app.command()
def export(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="onnx, hf or transformer-lens.",
            autocompletion=lambda: ["onnx", "hf", "transformer-lens"],
        ),
    ],
    run: RunArgument = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The file, or the folder; RUN.onnx, RUN-hf or RUN-lens if left out.",
            callback=expand_user,
        ),
    ] = None,
    padding: Annotated[
        bool,
        typer.Option(
            "--padding", help="Of onnx: a second input, may_attend, for sequences of mixed lengths."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what an earlier export wrote.")] = False,
    trust: TrustOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and nothing else.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run for another library: an ONNX file, or the weights by the names of others.

    An ONNX file holds nearly any run. A folder as Hugging Face saves it is one of a BERT, RoBERTa,
    DistilBERT or GPT-2, for runs with the same parts; one for TransformerLens is of its HookedTransformer or
    HookedEncoder.

    Example: tfcli export reverse --to onnx
    """
    from tfcli.runs.folders import find

    path = find(run)
    from tfcli.commands.export_targets import choose_target

    target = choose_target(path, to, out, padding=padding, force=force)
    from tfcli.commands.exporting import export_run
    from tfcli.render.reports import print_export

    report = export_run(load(path, trust), to, target, padding=padding)
    if quiet and not as_json:
        return
    print_result(report, print_export, as_json=as_json)
    for note in () if quiet else report.notes:
        hint(f"note: {note}")

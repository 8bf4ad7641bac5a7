"""`import`: make a run of a pretrained model."""

from pathlib import Path
from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, expand_user
from tfcli.cli.output import hint, print_result


@app.command("import")
def import_(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Of a model, as Hugging Face saves it.", callback=expand_user),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The run's folder; runs/NAME of the folder if left out.", callback=expand_user
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a run of a pretrained model: BERT, RoBERTa, DistilBERT or GPT-2.

    Its folder is on this machine already, and nothing in it is run: config.json, model.safetensors, and
    tokenizer.json or vocab.txt are read. The run answers as the original does, and is looked into like any
    other.

    Example: tfcli import models/bert --out runs/bert
    """
    from tfcli.commands.importing import import_model
    from tfcli.render.reports import print_import

    report = import_model(folder, out)
    print_result(report, print_import, as_json=as_json)
    for note in report.notes:
        hint(f"note: {note}")

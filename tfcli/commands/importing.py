"""`import`: a pretrained model becomes a run, with its tokenizer beside its weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from tfcli.building.texts import make_task
from tfcli.checkpoints.saving import count_parameters, save_run
from tfcli.config.messages import explain
from tfcli.config.schema import RunConfig
from tfcli.config.writing import to_yaml
from tfcli.devices import list_versions
from tfcli.errors import UsageError
from tfcli.pretrained.conversion import Converted, convert
from tfcli.pretrained.folder import check_folder
from tfcli.pretrained.tokenizer import SEPARATOR, TOKENIZER, read_tokenizer
from tfcli.records.results import ImportReport, TrainSummary
from tfcli.runs import folders, writing


def import_model(folder: Path, out: Path | None) -> ImportReport:
    """Make a run of the model in a folder as Hugging Face saves it.

    Raises:
        UsageError: the folder holds no model that can be imported, or the run can't be made.
    """
    check_folder(folder)
    tokenizer = read_tokenizer(folder)
    converted = convert(folder, tokenizer.token_to_id(SEPARATOR))
    text = tokenizer.to_str().encode()
    config = make_run_config(folder, converted)
    task = make_task(config.task, tokenizer, folder)  # before a folder is made
    path = folders.create(folder.resolve().name, out)
    writing.write_atomically(path / TOKENIZER, text)
    writing.write_atomically(path / folders.CONFIG, to_yaml(config).encode())
    code = {"task.tokenizer": hashlib.sha256(text).hexdigest()}
    summary = TrainSummary(
        False, False, 0, None, None, 0.0, 0.0, list_versions(), code=code, architecture=converted.architecture
    )
    save_run(path / folders.WEIGHTS, config, converted.model, summary)
    return ImportReport(
        run=str(path),
        architecture=converted.architecture,
        head=converted.head,
        layers=config.model.n_layers,
        heads=config.model.n_heads,
        vocab_size=task.vocab_size,
        longest=converted.longest,
        labels=converted.labels,
        parameters=count_parameters(converted.model),
        notes=converted.notes,
    )


def make_run_config(folder: Path, converted: Converted) -> RunConfig:
    """Return the configuration of the run that a model becomes.

    Raises:
        UsageError: the model doesn't suit a run.
    """
    is_classifier, is_causal = bool(converted.labels), converted.config.mask.name == "causal"
    task = {
        "name": "subwords",
        "tokenizer": TOKENIZER,
        "vocab_size": converted.model.layout.n_symbols,
        "max_length": converted.longest,
        "layout": "first" if is_classifier else "next" if is_causal else "aligned",
        "labels": converted.labels or None,
    }
    try:
        return RunConfig.model_validate({"task": task, "model": converted.config})
    except ValidationError as error:
        raise UsageError(f"{folder}: {explain(error.errors()[0])}") from error

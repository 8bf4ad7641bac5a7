"""Save what a training has come to: its weights, and the state from which it can go on."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from torch import Tensor

from tfcli.checkpoints.sealing import load_tensors, write_sealed
from tfcli.config.schema import RunConfig
from tfcli.errors import DivergedError
from tfcli.model.encoder import Encoder
from tfcli.model.faults import is_finite
from tfcli.records.progress import Standing
from tfcli.records.results import TrainSummary
from tfcli.runs import folders, headers


def save_run(file: Path, config: RunConfig, model: Encoder, summary: TrainSummary) -> None:
    """Write the weights, with the configuration and the summary, in one step.

    Raises:
        DivergedError: some weights are no longer numbers.
        OSError: they can't be written.
    """
    check_numbers(model, summary.steps)
    texts = {"config": config.model_dump_json(), "summary": json.dumps(asdict(summary))}
    write_sealed(file, headers.FORMAT, texts, model.state_dict())


def mark_diverged(run: Path) -> None:
    """Note with the weights of a run that what was learned after them were no numbers.

    Those of a training that had come to its end before, and went on, stay what they were.

    Raises:
        TfcliError: there are none, or they are damaged.
        OSError: they can't be written.
    """
    header, file = headers.read_header(run), folders.weights_of(run)
    if not header.summary.interrupted:
        return
    summary = json.dumps(asdict(replace(header.summary, diverged=True)))
    texts = {"config": header.config.model_dump_json(), "summary": summary}
    write_sealed(file, headers.FORMAT, texts, load_tensors(file, header.digest))


def save_state(file: Path, config: RunConfig, standing: Standing, tensors: dict[str, Tensor]) -> None:
    """Write all that a training needs to go on, in one step.

    Raises:
        OSError: it can't be written.
    """
    texts = {"config": config.model_dump_json(), "standing": json.dumps(asdict(standing))}
    write_sealed(file, headers.STATE_FORMAT, texts, tensors)


def check_numbers(model: Encoder, steps: int) -> None:
    """See to it that the weights are numbers.

    Raises:
        DivergedError: some no longer are.
    """
    if not all_finite(model.state_dict()):
        raise DivergedError(f"the weights became infinite by step {steps}; try a smaller train.learning_rate")


def all_finite(tensors: dict[str, Tensor]) -> bool:
    """Whether all the numbers are numbers."""
    return all(map(is_finite, tensors.values()))


def count_parameters(model: Encoder) -> int:
    """How many numbers the model has learned."""
    return sum(parameter.numel() for parameter in model.parameters())

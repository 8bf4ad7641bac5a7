"""Save and load the weights of a run: safetensors, all else as text in its header. No pickled objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from tfcli import runs
from tfcli.config import RunConfig
from tfcli.errors import TfcliError
from tfcli.model import Encoder
from tfcli.task_registry import load_task

if TYPE_CHECKING:
    from tasks.base import Task


class LoadedRun(NamedTuple):
    """A trained model with what it was trained on, ready to answer."""

    path: Path
    config: RunConfig
    task: Task
    model: Encoder


def build_model(config: RunConfig, task: Task) -> Encoder:
    """A model with fresh weights, drawn from torch's global random numbers."""
    return Encoder(config.model, task.vocab_size, task.max_length)


def n_parameters(model: Encoder) -> int:
    """How many numbers the model has learned."""
    return sum(parameter.numel() for parameter in model.parameters())


def save_run(path: Path, config: RunConfig, model: Encoder, summary: dict[str, Any]) -> None:
    """Write the weights, with the configuration and the summary, in one step."""
    # Clones, since the parameters are views of one vector while they are trained.
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    metadata = {
        "format": runs.FORMAT,
        "config": json.dumps(config.model_dump(mode="json")),
        "summary": json.dumps(summary),
    }
    runs.write_atomically(path / runs.WEIGHTS, save(tensors, metadata))


def load_run(path: Path) -> LoadedRun:
    """The trained model of a run, on the CPU, in evaluation mode.

    Raises:
        TfcliError: the checkpoint is missing, damaged or foreign, or its task can't be loaded.
    """
    header = runs.read_header(path)
    weights = path / runs.WEIGHTS
    try:
        config = RunConfig.model_validate(header.config)
        tensors = load_file(weights)
    except (ValidationError, SafetensorError) as error:
        raise damaged(weights, error) from error
    task = load_task(config.task)
    model = build_model(config, task)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise damaged(weights, error) from error
    return LoadedRun(path, config, task, model.eval())


def damaged(path: Path, error: Exception) -> TfcliError:
    """A checkpoint that can't be used, with the first line of why."""
    return TfcliError(f"{path} is damaged: {str(error).splitlines()[0]}; train the run again")

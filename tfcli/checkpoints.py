"""Save and load the weights of a run: safetensors, all else as text in its header. No pickled objects."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from tfcli import runs
from tfcli.config import RunConfig
from tfcli.errors import DivergedError, UsageError
from tfcli.layouts import Layout
from tfcli.model import Encoder
from tfcli.results import TrainSummary
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
    return Encoder(config.model, layout_of(config, task), task.max_length)


def checked_model(config: RunConfig, lengths: Iterable[int] = ()) -> tuple[Task, Encoder]:
    """The task of a configuration, and a model that can read what it trains on, and inputs of `lengths`.

    Raises:
        UsageError: the task can't be loaded, or the model can't read so long an input.
    """
    task = load_task(config.task)
    model = build_model(config, task)
    setting = "task.max_length"
    try:
        model.check(task.fit(task.max_length))
        setting = "--lengths"
        for length in lengths:
            model.check(task.fit(length))
    except ValueError as error:
        raise UsageError(f"{setting}: {error}") from error
    return task, model


def layout_of(config: RunConfig, task: Task) -> Layout:
    """How a configuration lays its task out."""
    return Layout(
        task.vocab_size,
        len(task.answer_symbols),
        task.answer_length,
        appended=config.task.layout == "appended",
        begin=config.model.begin_token,
    )


def n_parameters(model: Encoder) -> int:
    """How many numbers the model has learned."""
    return sum(parameter.numel() for parameter in model.parameters())


def save_run(file: Path, config: RunConfig, model: Encoder, summary: TrainSummary) -> None:
    """Write the weights, with the configuration and the summary, in one step.

    Raises:
        DivergedError: some weights are no longer numbers.
    """
    # Clones, since the parameters are views of one vector while they are trained.
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    if not all_finite(tensors):
        raise DivergedError(
            f"the weights became infinite by step {summary.steps}; try a smaller train.learning_rate"
        )
    metadata = {
        "format": runs.FORMAT,
        "config": config.model_dump_json(),
        "summary": json.dumps(asdict(summary)),
    }
    runs.write_atomically(file, save(tensors, metadata))


def load_run(path: Path, snapshot: Path | None = None) -> LoadedRun:
    """The model of a run, as trained or as in a snapshot, on the CPU, in evaluation mode.

    Raises:
        TfcliError: the checkpoint is missing, damaged or foreign, or its task can't be loaded.
    """
    weights = snapshot or path / runs.WEIGHTS
    config = runs.read_header(path, weights).config
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise runs.damaged(weights, str(error)) from error
    task = load_task(config.task)
    model = build_model(config, task)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:  # torch's message: a heading, then a line each
        raise runs.damaged(weights, str(error).splitlines()[1].strip()) from error
    if not all_finite(tensors):
        raise runs.damaged(weights, "some weights aren't finite numbers")
    return LoadedRun(path, config, task, model.eval())


def all_finite(tensors: dict[str, Tensor]) -> bool:
    """Whether all the numbers are numbers."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors.values())

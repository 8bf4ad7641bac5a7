"""`train`: a configuration -> a run."""

from __future__ import annotations

import json
import platform
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import tfcli
from tfcli import runs
from tfcli.checkpoints import checked_model, n_parameters, save_run
from tfcli.commands.sequences import readable
from tfcli.config import RunConfig, TrainConfig
from tfcli.config_files import to_yaml
from tfcli.devices import choose_device, prepare
from tfcli.errors import TfcliError
from tfcli.evaluation import held_out_set, score
from tfcli.inspection.attention import attention
from tfcli.internals import Choice
from tfcli.model import Encoder
from tfcli.progress import Progress, StepRecord
from tfcli.results import TrainReport, TrainSummary
from tfcli.task_registry import load_task
from tfcli.training import train

if TYPE_CHECKING:
    from tasks.base import Task

SAVE_EVERY = 30.0  # seconds between two checkpoints of a run that goes on
STREAK = 2  # looks in a row at which all held-out answers must be right


def train_run(
    config: RunConfig, name: str, out: Path | None, watch: Choice | None = None
) -> Iterator[Progress | TrainReport]:
    """Train as configured into a new run folder: a record a step, then the report.

    With `watch`, records have the attention of the chosen heads on a held-out sequence. Ctrl-C ends the
    training after the step it falls into; what was learned is saved.

    Raises:
        UsageError: the device, the task or the folder isn't to be had.
        DivergedError: the loss is no longer a number.
    """
    device = prepare(config.train)
    task, model = checked_model(config)
    model = model.to(device)
    path = runs.create(name, out)
    runs.write_atomically(path / runs.CONFIG, to_yaml(config).encode())
    saved = time.perf_counter()
    metrics_file = (path / runs.METRICS).open("w", encoding="utf-8")
    with writing(path), metrics_file as metrics, deferred_interrupt() as interrupted:
        for progress in snapshotted(path, config, model, watched(model, task, config.train, watch)):
            yield progress
            if progress.fresh:
                print(metrics_line(progress), file=metrics, flush=True)
                if time.perf_counter() - saved > SAVE_EVERY:
                    save_run(path / runs.WEIGHTS, config, model, summary(progress, interrupted=True))
                    saved = time.perf_counter()
            if interrupted or (progress.solved and config.train.stop_when_solved):
                break
        if not progress.fresh:  # what is saved is scored as it is
            now = score(model, held_out_set(task, config.train.eval_samples, device))
            progress = replace(progress, score=now, solved=False)
        final = summary(progress, interrupted=bool(interrupted))
        save_run(path / runs.WEIGHTS, config, model, final)
    figures_and_state = {key: value for key, value in asdict(final).items() if key != "versions"}
    yield TrainReport(
        run=str(path), task=config.task.name, parameters=n_parameters(model), **figures_and_state
    )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What can't be written names the run that it belongs to."""
    try:
        yield
    except OSError as error:
        raise TfcliError(f"{path} can't be written: {error.strerror}; the run is incomplete") from error


def snapshotted(
    path: Path, config: RunConfig, model: Encoder, records: Iterable[Progress]
) -> Iterator[Progress]:
    """The same records; on the way, the weights are saved every `train.snapshot_every` steps, from 0 on."""
    every = config.train.snapshot_every
    if every is None:
        yield from records
        return
    (path / runs.SNAPSHOTS).mkdir()
    untrained = Progress(0, config.train.steps, 0.0, 0, None, None, fresh=False, solved=False)
    for progress in chain([untrained], records):
        if progress.step % every == 0:
            unscored = replace(progress, score=None)
            file = runs.snapshot_path(path, progress.step)
            save_run(file, config, model, summary(unscored, interrupted=True))
        if progress.step:
            yield progress


def watched(
    model: Encoder,
    task: Task,
    config: TrainConfig,
    watch: Choice | None = None,
    records: Iterable[StepRecord] | None = None,
) -> Iterator[Progress]:
    """Train, and look at the held-out set, and at the heads to watch, whenever the loss is read.

    `records` are those of another training of `model` than ours.
    """
    device = choose_device(config.device)
    held_out = held_out_set(task, config.eval_samples, device)
    sequence = readable(task, device) if watch else None
    loss, found, seen, streak = None, None, None, 0
    started = time.perf_counter()
    for record in train(model, task, config) if records is None else records:
        if record.loss is not None:
            loss, found = record.loss, score(model, held_out)
            streak = streak + 1 if found.exact_match == 1 else 0
            if watch and sequence is not None:
                seen = attention(model, task, sequence, "", watch)
        yield Progress(
            step=record.step,
            steps=config.steps,
            seconds=time.perf_counter() - started,
            tokens=record.tokens,
            loss=loss,
            score=found,
            fresh=record.loss is not None,
            solved=streak >= STREAK,
            attention=seen,
        )


def few_sequences(config: RunConfig) -> str | None:
    """A note where the task has so few sequences that the held-out set is smaller than was asked for."""
    task = load_task(config.task)
    if task.n_held_out(task.max_length) is None:
        return None
    lengths = {task.fit(n) for n in range(task.min_length, task.max_length + 1)}
    counted = [(task.n_sequences(n), task.n_held_out(n)) for n in lengths]
    there_are, held_out = sum(n for n, _ in counted), sum(n or 0 for _, n in counted)
    if held_out >= config.train.eval_samples:
        return None
    return f"there are only {there_are} such sequences; {held_out} of them are held out, and all are scored"


def metrics_line(progress: Progress) -> str:
    """A look at the held-out set as a line of JSON."""
    return json.dumps({"step": progress.step, "loss": progress.loss, **figures(progress)})


def summary(progress: Progress, *, interrupted: bool) -> TrainSummary:
    """What is known of a training run when its weights are saved."""
    versions = {
        "tfcli": tfcli.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
    return TrainSummary(
        solved=progress.solved,
        interrupted=interrupted,
        steps=progress.step,
        versions=versions,
        **figures(progress),
    )


def figures(progress: Progress) -> dict[str, Any]:
    """The figures of a record, by their names in JSON."""
    return {
        "exact_match": progress.score.exact_match if progress.score else None,
        "token_accuracy": progress.score.token_accuracy if progress.score else None,
        "train_seconds": progress.seconds,
        "tokens_per_second": progress.tokens_per_second,
    }


@contextmanager
def deferred_interrupt() -> Iterator[list[int]]:
    """A list that Ctrl-C or SIGTERM puts something into instead of breaking off; a second one breaks off."""
    caught: list[int] = []

    def note(number: int, frame: object) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

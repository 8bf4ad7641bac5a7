"""The commands that need torch: train, eval, attn, predict. Each wires the parts and returns records."""

from __future__ import annotations

import json
import platform
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import tfcli
from tfcli import runs
from tfcli.checkpoints import LoadedRun, build_model, load_run, n_parameters, save_run
from tfcli.config import RunConfig, TrainConfig, check_device
from tfcli.config_files import to_yaml
from tfcli.devices import choose_device, prepare
from tfcli.errors import UsageError
from tfcli.evaluation import answer, answers, held_out_set, score, score_length, spread
from tfcli.inspection import attention
from tfcli.model import Encoder
from tfcli.results import (
    Answer,
    AttentionRecord,
    EvalReport,
    LengthScore,
    Progress,
    TrainReport,
    TrainSummary,
)
from tfcli.suggestions import did_you_mean
from tfcli.task_registry import load_task
from tfcli.training import train

if TYPE_CHECKING:
    from tasks.base import Task

SAVE_EVERY = 30.0  # seconds between two checkpoints of a run that goes on
STREAK = 2  # looks in a row at which all held-out answers must be right


def train_run(config: RunConfig, name: str, out: Path | None) -> Iterator[Progress | TrainReport]:
    """Train as configured into a new run folder: a record a step, then the report.

    Ctrl-C ends the training after the step it falls into; what was learned is saved.

    Raises:
        UsageError: the device, the task or the folder isn't to be had.
        DivergedError: the loss is no longer a number.
    """
    device = prepare(config.train)
    task = load_task(config.task)
    model = build_model(config, task).to(device)
    path = runs.create(name, out)
    runs.write_atomically(path / runs.CONFIG, to_yaml(config).encode())
    saved = time.perf_counter()
    with (path / runs.METRICS).open("w", encoding="utf-8") as metrics, deferred_interrupt() as interrupted:
        for progress in watched(model, task, config.train):
            yield progress
            if progress.fresh:
                print(metrics_line(progress), file=metrics, flush=True)
                if time.perf_counter() - saved > SAVE_EVERY:
                    save_run(path, config, model, summary(progress, interrupted=True))
                    saved = time.perf_counter()
            if interrupted or (progress.solved and config.train.stop_when_solved):
                break
        if not progress.fresh:  # what is saved is scored as it is
            now = score(model, held_out_set(task, config.train.eval_samples, device))
            progress = replace(progress, score=now, solved=False)
        final = summary(progress, interrupted=bool(interrupted))
        save_run(path, config, model, final)
    figures_and_state = {key: value for key, value in asdict(final).items() if key != "versions"}
    yield TrainReport(
        run=str(path), task=config.task.name, parameters=n_parameters(model), **figures_and_state
    )


def watched(model: Encoder, task: Task, config: TrainConfig) -> Iterator[Progress]:
    """Train, and look at the held-out set whenever the loss is read."""
    held_out = held_out_set(task, config.eval_samples, choose_device(config.device))
    loss, found, streak = None, None, 0
    started = time.perf_counter()
    for record in train(model, task, config):
        if record.loss is not None:
            loss, found = record.loss, score(model, held_out)
            streak = streak + 1 if found.exact_match == 1 else 0
        yield Progress(
            step=record.step,
            steps=config.steps,
            seconds=time.perf_counter() - started,
            tokens=record.tokens,
            loss=loss,
            score=found,
            fresh=record.loss is not None,
            solved=streak >= STREAK,
        )


def few_sequences(config: RunConfig) -> str | None:
    """A note where the task has so few sequences that the held-out set is smaller than was asked for."""
    task = load_task(config.task)
    if task.n_held_out(task.max_length) is None:
        return None
    counted = [(task.n_sequences(n), task.n_held_out(n)) for n in range(task.min_length, task.max_length + 1)]
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


def evaluate(
    run: Path, lengths: list[int] | None, samples: int, seed: int, device: str, wrong: int
) -> EvalReport:
    """Score a run length by length; without `lengths` those it was trained on and some beyond.

    Raises:
        UsageError: a length that the model can't take.
    """
    loaded = load_run(run)
    low, high = loaded.task.min_length, loaded.task.max_length
    if lengths is None:
        lengths = default_lengths(loaded)
    try:
        model = loaded.model.to(choose_device(check_device(device)))
    except ValueError as error:
        raise UsageError(f"--device {device}: {error}") from error
    scores: list[LengthScore] = []
    mistakes: list[Answer] = []
    for length in lengths:
        try:
            result, wrong_answers = score_length(model, loaded.task, length, samples, seed)
        except ValueError as error:
            raise UsageError(f"{run}: {error}; choose other --lengths") from error
        scores.append(result)
        mistakes += [mistake for mistake, _ in zip(wrong_answers, range(wrong - len(mistakes)), strict=False)]
    return EvalReport(str(run), loaded.config.task.name, (low, high), scores, mistakes)


def default_lengths(loaded: LoadedRun) -> list[int]:
    """Up to 20 of the trained lengths, then 1.5, 2 and 3 times the longest, where the model can take them."""
    high, longest = loaded.task.max_length, loaded.model.positions.longest
    beyond = [
        length for length in (high * 3 // 2, high * 2, high * 3) if longest is None or length <= longest
    ]
    return sorted({*spread(loaded.task.min_length, high, 20), *beyond})


def attend(
    run: Path, sequence: str | None, *, seed: int, layers: list[int], heads: list[int], mean: bool
) -> AttentionRecord:
    """The attention of a run on a sequence; without one, a held-out sequence is drawn.

    Raises:
        UsageError: a sequence, layer or head that the run doesn't have.
    """
    loaded = load_run(run)
    inputs = drawn(loaded, seed) if sequence is None else encoded(loaded, sequence)
    try:
        return attention(
            loaded.model, loaded.task, inputs, run=str(run), layers=layers, heads=heads, mean=mean
        )
    except ValueError as error:
        raise UsageError(f"{run}: {error}") from error


def predict(run: Path, sequences: Iterable[tuple[str, str]]) -> Iterator[Answer]:
    """The answer of a run to each sequence, as they come. Each has a word before it on where it is from.

    Raises:
        UsageError: a sequence that the run can't take.
    """
    loaded = load_run(run)
    for origin, sequence in sequences:
        if not sequence.strip() and origin:  # a blank line is answered by one, so that lines stay paired
            yield Answer([], [], [], correct=True)
            continue
        inputs = encoded(loaded, sequence, origin)[None]
        try:
            predictions = answers(loaded.model, inputs)
        except ValueError as error:
            raise UsageError(f"{run}: {origin}{error}") from error
        yield answer(loaded.task, inputs[0], predictions[0], loaded.task.target(inputs)[0])


def encoded(loaded: LoadedRun, sequence: str, origin: str = "") -> torch.Tensor:
    """A sequence as ids [T]. What can't be read may have been meant as the name of a run."""
    try:
        return torch.tensor(loaded.task.encode(sequence))
    except ValueError as error:
        may_be_a_name = sequence.strip() and not origin
        near = did_you_mean(sequence, runs.run_names())
        no_run = f", and no run is called that{near}" if may_be_a_name else ""
        raise UsageError(f"{loaded.path}: {origin}{error}{no_run}") from error


def drawn(loaded: LoadedRun, seed: int) -> torch.Tensor:
    """A held-out sequence [T] of a readable length: the longest trained one up to 8."""
    task = loaded.task
    length = max(task.min_length, min(task.max_length, 8))
    return task.sample_held_out(1, length, torch.Generator().manual_seed(seed)).inputs[0]

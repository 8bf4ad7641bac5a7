"""`train`: a configuration -> a run."""

from __future__ import annotations

import json
import platform
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import tfcli
from tfcli import runs
from tfcli.building import build_for_training, build_task, start_training
from tfcli.checkpoints import count_parameters, save_run
from tfcli.config.files import to_yaml
from tfcli.config.schema import RunConfig
from tfcli.config.trust import remember
from tfcli.devices import prepare
from tfcli.errors import TfcliError
from tfcli.evaluation import draw_example, held_out_set, score
from tfcli.inspection.attention import record_attention
from tfcli.model.encoder import Encoder
from tfcli.records.inspection import AttentionRecord, Choice
from tfcli.records.progress import Progress
from tfcli.records.results import TrainReport, TrainSummary
from tfcli.training.monitor import monitor

if TYPE_CHECKING:
    from tasks.base import Task

SAVE_EVERY = 30.0  # seconds between two checkpoints of a run that goes on


def train_run(
    config: RunConfig,
    name: str,
    out: Path | None,
    show: Callable[[Progress], None] = lambda progress: None,
    watch: Choice | None = None,
) -> TrainReport:
    """Train as configured into a new run folder, and `show` each step's record.

    With `watch`, records have the attention of the chosen heads on a held-out sequence. Ctrl-C ends the
    training after the step it falls into; what was learned is saved.

    Raises:
        UsageError: the device, the task or the folder isn't to be had.
        DivergedError: the loss is no longer a number.
    """
    device = prepare(config.train)
    task, model = build_for_training(config)
    model = model.to(device)
    held_out = held_out_set(task, config.train.eval_samples, device)
    remember(config)
    path = runs.create(name, out)
    runs.write_atomically(path / runs.CONFIG, to_yaml(config).encode())
    if config.train.snapshot_every is not None:
        (path / runs.SNAPSHOTS).mkdir()
        save_snapshot(path, config, model, summarize_untrained())
    saved = time.perf_counter()
    metrics_file = (path / runs.METRICS).open("w", encoding="utf-8")
    with name_run_in_errors(path), metrics_file as metrics, defer_interrupt() as interrupt:
        attempts = start_training(model, task, config)
        observe = None if watch is None else make_observer(model, task, watch, device)
        for progress in monitor(attempts, model, held_out, observe):
            if is_snapshot(progress.step, config):
                unscored = replace(progress, score=None)
                save_snapshot(path, config, model, summarize(unscored, interrupted=True))
            show(progress)
            if progress.fresh:
                print(metrics_line(progress), file=metrics, flush=True)
                if time.perf_counter() - saved > SAVE_EVERY:
                    save_run(path / runs.WEIGHTS, config, model, summarize(progress, interrupted=True))
                    saved = time.perf_counter()
            if interrupt.caught or (progress.solved and config.train.stop_when_solved):
                break
        if not progress.fresh:  # what is saved is scored as it is
            progress = replace(progress, score=score(model, held_out), solved=False)
        final = summarize(progress, interrupted=interrupt.caught)
        save_run(path / runs.WEIGHTS, config, model, final)
    figures_and_state = {key: value for key, value in asdict(final).items() if key != "versions"}
    return TrainReport(
        run=str(path), task=config.task.name, parameters=count_parameters(model), **figures_and_state
    )


def make_observer(
    model: Encoder, task: Task, watch: Choice, device: torch.device
) -> Callable[[], AttentionRecord]:
    """Return a function that records the attention of the chosen heads, always on one held-out sequence."""
    sequence = draw_example(task, device)
    return lambda: record_attention(model, task, sequence, "", watch)


@contextmanager
def name_run_in_errors(path: Path) -> Iterator[None]:
    """Name the run in an error about what can't be written."""
    try:
        yield
    except OSError as error:
        raise TfcliError(f"{path} can't be written: {error.strerror}; the run is incomplete") from error


def is_snapshot(step: int, config: RunConfig) -> bool:
    """Whether a snapshot of the weights is kept after a step."""
    every = config.train.snapshot_every
    return every is not None and step % every == 0


def save_snapshot(path: Path, config: RunConfig, model: Encoder, summary: TrainSummary) -> None:
    """Keep the weights of a run as they are now."""
    save_run(runs.snapshot_path(path, summary.steps), config, model, summary)


def note_few_sequences(config: RunConfig) -> str | None:
    """Note where the task has so few sequences that the held-out set is smaller than was asked for."""
    task = build_task(config.task)
    if task.n_held_out(task.max_length) is None:
        return None
    lengths = {task.nearest_length(n) for n in range(task.min_length, task.max_length + 1)}
    counted = [(task.n_sequences(n), task.n_held_out(n)) for n in lengths]
    there_are, held_out = sum(n for n, _ in counted), sum(n or 0 for _, n in counted)
    if held_out >= config.train.eval_samples:
        return None
    return f"there are only {there_are} such sequences; {held_out} of them are held out, and all are scored"


def metrics_line(progress: Progress) -> str:
    """Return an evaluation as a line of JSON."""
    return json.dumps(
        {"step": progress.step, "attempt": progress.attempt, "loss": progress.loss, **figures(progress)}
    )


def summarize(progress: Progress, *, interrupted: bool) -> TrainSummary:
    """Summarize a training when its weights are saved."""
    return TrainSummary(
        solved=progress.solved,
        interrupted=interrupted,
        steps=progress.step,
        attempts=progress.attempt,
        versions=list_versions(),
        **figures(progress),
    )


def summarize_untrained() -> TrainSummary:
    """Summarize a training before its first step."""
    return TrainSummary(False, True, 0, None, None, 0.0, 0.0, list_versions())


def list_versions() -> dict[str, str]:
    """Return the versions that a run was trained with."""
    return {
        "tfcli": tfcli.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def figures(progress: Progress) -> dict[str, Any]:
    """Return the figures of a record, by their names in JSON."""
    return {
        "exact_match": progress.score.exact_match if progress.score else None,
        "token_accuracy": progress.score.token_accuracy if progress.score else None,
        "train_seconds": progress.seconds,
        "tokens_per_second": progress.tokens_per_second,
    }


@dataclass
class Interrupt:
    """Whether somebody wants to stop."""

    caught: bool = False


@contextmanager
def defer_interrupt() -> Iterator[Interrupt]:
    """Note Ctrl-C or SIGTERM instead of breaking off; a second one breaks off."""
    interrupt = Interrupt()

    def note(number: int, frame: object) -> None:
        if interrupt.caught:
            raise KeyboardInterrupt
        interrupt.caught = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

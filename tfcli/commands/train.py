"""`train`: a configuration -> a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tfcli.building import build_for_training, build_task, start_training
from tfcli.checkpoints import count_parameters
from tfcli.commands.interrupts import defer_interrupt
from tfcli.commands.recording import Recorder, summarize
from tfcli.config.schema import RunConfig
from tfcli.config.trust import remember
from tfcli.devices import prepare
from tfcli.errors import DivergedError, TfcliError
from tfcli.evaluation import draw_example, held_out_set, score
from tfcli.inspection.attention import record_attention
from tfcli.model.encoder import Encoder
from tfcli.records.inspection import AttentionRecord, Choice
from tfcli.records.progress import Progress
from tfcli.records.results import TrainReport
from tfcli.runs import folders, locks
from tfcli.training.monitor import monitor

if TYPE_CHECKING:
    from tasks.base import Task


class BrokenOffError(TfcliError):
    """Somebody wouldn't wait for the end of a step."""

    exit_code = 130


def train_run(
    config: RunConfig,
    name: str,
    out: Path | None,
    show: Callable[[Progress], None] = lambda progress: None,
    watch: Choice | None = None,
    warn: Callable[[str], None] = lambda problem: None,
) -> TrainReport:
    """Train as configured into a new run folder, `show` each step's record, and `warn` of what can't be kept.

    With `watch`, records have the attention of the chosen heads on a held-out sequence. Ctrl-C ends the
    training after the step it falls into; what was learned is saved.

    Raises:
        UsageError: the device, the task or the folder isn't to be had.
        DivergedError: the loss is no longer a number.
        BrokenOffError: Ctrl-C came again.
    """
    device = prepare(config.train)
    task, model = build_for_training(config)
    model = model.to(device)
    held_out = held_out_set(task, config.train.eval_samples, device)
    remember(config)
    observe = None if watch is None else make_observer(model, task, watch, device)
    path = folders.create(name, out)
    recorder = Recorder(path, config, model, warn)
    with locks.hold(path), defer_interrupt() as interrupt, save_what_there_is(recorder):
        for progress in monitor(start_training(model, task, config), model, held_out, observe):
            recorder.record(progress)
            show(progress)
            if interrupt.caught or (progress.solved and config.train.stop_when_solved):
                break
        if not progress.fresh:  # what is saved is scored as it is
            progress = replace(progress, score=score(model, held_out), solved=False)
        final = summarize(progress, interrupted=interrupt.caught)
        path = recorder.save(final)
    figures_and_state = {key: value for key, value in asdict(final).items() if key != "versions"}
    return TrainReport(
        run=str(path), task=config.task.name, parameters=count_parameters(model), **figures_and_state
    )


@contextmanager
def save_what_there_is(recorder: Recorder) -> Iterator[None]:
    """Whatever ends a training, keep the weights that it has come to, if they are numbers."""
    try:
        yield
    except KeyboardInterrupt:  # within a step, whose weights may be half of the old and half of the new
        raise BrokenOffError(f"broken off: {recorder.kept}") from None
    except DivergedError:
        raise
    except Exception:
        with suppress(TfcliError):
            recorder.save_latest()
        raise
    finally:
        recorder.close()


def make_observer(
    model: Encoder, task: Task, watch: Choice, device: torch.device
) -> Callable[[], AttentionRecord]:
    """Return a function that records the attention of the chosen heads, always on one held-out sequence."""
    sequence = draw_example(task, device)
    return lambda: record_attention(model, task, sequence, "", watch)


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

"""`attn`, `inspect --heads` and the like: what a run does inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli import registry
from tfcli.checkpoints.loading import LoadedRun, load_run
from tfcli.config.comparison import is_same_run
from tfcli.config.relocation import relocate
from tfcli.config.trust import files_of
from tfcli.devices import few_threads
from tfcli.errors import TfcliError, UsageError
from tfcli.evaluation import HELD_OUT_SEED, draw_example, held_out_set, predict_ids, score, spread
from tfcli.inspection.ablation import report_heads
from tfcli.inspection.attention import record_attention
from tfcli.inspection.patching import patch_parts
from tfcli.inspection.roles import find_roles, pick_clearest
from tfcli.inspection.tracing import trace_sequence
from tfcli.records.inspection import (
    AttentionRecord,
    Choice,
    HeadsReport,
    Moment,
    OverTimeRecord,
    PatchRecord,
    TraceRecord,
)
from tfcli.runs import folders, headers

if TYPE_CHECKING:
    from tasks.base import Batch

MORE = 7  # sequences beside the one that was asked for, to switch between
MORE_WEIGHTS = 30_000  # ... of so many weights in all
SAMPLES = 256  # held-out sequences at each moment of a run over time
MOMENTS = 24  # at most


@contextmanager
def looking_at(run: LoadedRun, length: int, samples: int = 1) -> Iterator[None]:
    """Turn what the model or the task refuses into an error that its user can mend.

    What is looked at are so many sequences of up to that length: they decide on the threads.
    """
    try:
        with few_threads(run.config.model, samples * length, length):
            yield
    except ValueError as error:
        raise UsageError(f"{run.path}: {error}") from error


def resolve_sequence(run: LoadedRun, sequence: str | None, seed: int) -> Tensor:
    """Return the sequence [T] that was typed; a held-out one of a readable length if there is none."""
    if sequence is None and not run.task.DRAWS:
        raise UsageError(f"{run.path}: its model reads text; write one in quotes behind the name of the run")
    if sequence is None:
        return draw_example(run.task, torch.device("cpu"), seed)
    return run.encode(sequence, may_be_run=True)


def attend(run: LoadedRun, inputs: Tensor, choice: Choice) -> AttentionRecord:
    """Record the attention of a run on `inputs` [T].

    Raises:
        UsageError: a layer or head that the run doesn't have, or a sequence that is too long.
    """
    with looking_at(run, len(inputs)):
        name = run.config.task.name
        return record_attention(run.model, run.task, inputs, str(run.path), choice, task_name=name)


def attend_more(run: LoadedRun, inputs: Tensor, choice: Choice, seed: int) -> list[AttentionRecord]:
    """Record the same, and that of some held-out sequences of the same length, fewer where they are long."""
    first = attend(run, inputs, choice)
    size = sum(len(layer.heads) for layer in first.layers) * len(inputs) ** 2
    count = min(MORE, MORE_WEIGHTS // size) if run.task.DRAWS else 0
    others = inputs[None]
    if count:
        generator = torch.Generator().manual_seed(seed)
        others = run.task.sample_held_out(count + 1, len(inputs), generator).inputs
    different = [row for row in others if not torch.equal(row, inputs)][:count]
    return [first, *(attend(run, row, choice) for row in different)]


def report_run(run: LoadedRun, samples: int, lines: Iterable[tuple[str, str]] | None = None) -> HeadsReport:
    """Report what role each head of a run plays over held-out sequences, and whether it matters.

    Args:
        lines: sequences to look at instead, each with a word before it on where it is from. What the whole
            model answers to them counts as right.

    Raises:
        UsageError: there is nothing to look at, or a line that the run can't take.
    """
    if lines is not None:
        batches = batches_of(run, lines)
    elif run.task.DRAWS:
        batches = held_out_set(run.task, samples, torch.device("cpu"), HELD_OUT_SEED + 1)
    else:
        raise UsageError(f"{run.path}: its model reads text; --text FILE has some, a line each")
    largest, longest = (max(batch.inputs.shape[axis] for batch in batches) for axis in (0, 1))
    with few_threads(run.config.model, largest * longest, longest):
        return report_heads(
            run.model,
            run.task,
            batches,
            run=str(run.path),
            name=run.config.task.name,
            held_out=lines is None,
        )


def batches_of(run: LoadedRun, lines: Iterable[tuple[str, str]]) -> list[Batch]:
    """Return lines of text as batches, those of a length together, with what the model answers to them.

    Raises:
        UsageError: there is no line, or one that the run can't take.
    """
    by_length: dict[int, list[Tensor]] = {}
    for origin, line in lines:
        if line.strip():
            inputs = run.encode(line, origin)
            with looking_at(run, len(inputs)):
                run.model.check(len(inputs))
            by_length.setdefault(len(inputs), []).append(inputs)
    if not by_length:
        raise UsageError(f"{run.path}: there is no line of text to look at")
    stacked = [torch.stack(rows) for _, rows in sorted(by_length.items())]
    return [registry.make_batch(inputs, predict_ids(run.model, inputs)) for inputs in stacked]


def trace_run(
    run: LoadedRun,
    inputs: Tensor,
    *,
    layers: Sequence[int] = (),
    heads: Sequence[int] = (0,),
    position: int | None = None,
    loops: Sequence[int] = (),
    stages: Sequence[str] = (),
) -> TraceRecord:
    """Trace the forward pass of a run for `inputs` [T], stage by stage.

    Raises:
        UsageError: a layer, head, position or stage that isn't there, or a sequence that is too long.
    """
    with looking_at(run, len(inputs)):
        return trace_sequence(
            run.model,
            run.task,
            inputs,
            run=str(run.path),
            task_name=run.config.task.name,
            layers=layers,
            heads=heads,
            position=position,
            loops=loops,
            stages=stages,
        )


def patch_run(run: LoadedRun, clean: str, corrupt: str) -> PatchRecord:
    """Measure what each part of a run on `clean` restores in the run on `corrupt`.

    Raises:
        UsageError: a sequence that the run can't take, or two that can't be compared.
    """
    pair = run.encode(clean, "--clean: "), run.encode(corrupt, "--corrupt: ")
    with looking_at(run, max(map(len, pair))):
        return patch_parts(run.model, run.task, *pair, str(run.path))


def load_snapshot(run: LoadedRun, step: int, file: Path) -> LoadedRun:
    """Load the run as it was at a step.

    Raises:
        TfcliError: the file is damaged, or of another run or step.
    """
    header = headers.read_header(run.path, file)
    config = relocate(header.config, run.path, header.summary.code)
    if header.summary.steps != step or not is_same_run(config, run.config):
        raise TfcliError(f"{file} is of another run or step")
    return load_run(run.path, [path for _, path in files_of(run.config)], file)


def record_over_time(run: LoadedRun, inputs: Tensor, choice: Choice) -> OverTimeRecord:
    """Record a run's heads at its snapshots and at its end: roles, and maps for `inputs` [T].

    Raises:
        UsageError: the run has no snapshots, or no such layer or head.
    """
    saved = folders.snapshots(run.path)
    if not saved:
        raise UsageError(f"{run.path} has no snapshots; train with train.snapshot_every=25 to keep some")
    files: dict[int, Path | None] = {**saved, headers.read_header(run.path).summary.steps: None}
    steps = sorted(files)
    batches = held_out_set(run.task, SAMPLES, torch.device("cpu"), HELD_OUT_SEED + 1)
    if not choice.layers and not choice.heads:
        told = pick_clearest(find_roles(run.model, run.task, batches))
        choice = replace(
            choice,
            loops=[told.loop or 0],
            layers=[told.layer],
            heads=[told.head] if choice.combine == "each" else [],
        )
    moments, left_out = [], []
    for i in spread(0, len(steps) - 1, MOMENTS):
        file = files[steps[i]]
        try:
            then = run if file is None else load_snapshot(run, steps[i], file)
        except TfcliError as error:
            left_out.append(str(error).partition("; train")[0])
            continue
        roles = find_roles(then.model, run.task, batches)
        moments.append(Moment(steps[i], score(then.model, batches), roles, attend(then, inputs, choice)))
    return OverTimeRecord(str(run.path), run.config.task.name, len(saved), moments, left_out)

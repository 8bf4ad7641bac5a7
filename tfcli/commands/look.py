"""`attn`, `inspect --heads` and the like: what a run does inside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from tfcli import runs
from tfcli.checkpoints import load_run
from tfcli.commands.sequences import drawn, encoded, held_out
from tfcli.errors import UsageError
from tfcli.evaluation import HELD_OUT_SEED, held_out_set, score, spread
from tfcli.inspection.ablation import heads_report
from tfcli.inspection.attention import attention
from tfcli.inspection.patching import patching
from tfcli.inspection.roles import clearest, head_roles
from tfcli.inspection.stages import stages
from tfcli.internals import (
    AttentionRecord,
    Choice,
    HeadsReport,
    Moment,
    OverTimeRecord,
    PatchRecord,
    TraceRecord,
)

MORE = 7  # sequences beside the one that was asked for, to switch between
SAMPLES = 256  # held-out sequences at each moment
MOMENTS = 24  # at most, of a run over time
MORE_WEIGHTS = 30_000  # ... of so many weights in all


def attend(
    run: Path, sequence: str | None, seed: int, choice: Choice, more: int = 0
) -> list[AttentionRecord]:
    """The attention of a run on a sequence; without one, a held-out sequence is drawn.

    After it, that of up to `more` held-out sequences of the same length, fewer where they are long.

    Raises:
        UsageError: a sequence, layer or head that the run doesn't have.
    """
    loaded = load_run(run)
    inputs = drawn(loaded, seed) if sequence is None else encoded(loaded, sequence)
    try:
        first = attention(loaded.model, loaded.task, inputs, str(run), choice)
        size = sum(len(layer.heads) for layer in first.layers) * len(inputs) ** 2
        count = min(more, MORE_WEIGHTS // size)
        others = held_out(loaded, count, len(inputs), seed) if count else inputs[:0]
        return [first, *(attention(loaded.model, loaded.task, row, str(run), choice) for row in others)]
    except ValueError as error:
        raise UsageError(f"{run}: {error}") from error


def heads(run: Path, samples: int) -> HeadsReport:
    """What role each head of a run plays over held-out sequences, and whether it matters."""
    loaded = load_run(run)
    batches = held_out_set(loaded.task, samples, torch.device("cpu"), HELD_OUT_SEED + 1)
    return heads_report(loaded.model, loaded.task, batches, run=str(run), name=loaded.config.task.name)


def trace(
    run: Path, sequence: str | None, seed: int, *, layers: list[int], head: int, position: int | None
) -> TraceRecord:
    """The forward pass of a run for a sequence, stage by stage; without one, a held-out sequence is drawn.

    Raises:
        UsageError: a sequence, layer, head or position that isn't there.
    """
    loaded = load_run(run)
    inputs = drawn(loaded, seed) if sequence is None else encoded(loaded, sequence)
    try:
        return stages(
            loaded.model, loaded.task, inputs, run=str(run), layers=layers, head=head, position=position
        )
    except ValueError as error:
        raise UsageError(f"{run}: {error}") from error


def patch(run: Path, clean: str, corrupt: str) -> PatchRecord:
    """What each part of a run on `clean` restores in the run on `corrupt`.

    Raises:
        UsageError: a sequence that the run can't take, or two that can't be compared.
    """
    loaded = load_run(run)
    try:
        return patching(
            loaded.model,
            loaded.task,
            encoded(loaded, clean, "--clean: "),
            encoded(loaded, corrupt, "--corrupt: "),
            str(run),
        )
    except ValueError as error:
        raise UsageError(f"{run}: {error}") from error


def over_time(run: Path, sequence: str | None, seed: int, choice: Choice) -> OverTimeRecord:
    """A run's heads at its snapshots and at its end: what they look at, and their maps for one sequence.

    Raises:
        UsageError: the run has no snapshots, or no such sequence, layer or head.
    """
    loaded = load_run(run)
    saved = runs.snapshots(run)
    if not saved:
        raise UsageError(f"{run} has no snapshots; train with train.snapshot_every=25 to keep some")
    trained = runs.read_header(run).summary.steps
    files: dict[int, Path | None] = {**saved, trained: None}
    steps = sorted(files)
    batches = held_out_set(loaded.task, SAMPLES, torch.device("cpu"), HELD_OUT_SEED + 1)
    inputs = drawn(loaded, seed) if sequence is None else encoded(loaded, sequence)
    if not choice.layers and not choice.heads:
        told = clearest(head_roles(loaded.model, loaded.task, batches))
        choice = replace(choice, layers=[told.layer], heads=[told.head] if choice.combine == "each" else [])
    moments = []
    for i in spread(0, len(steps) - 1, MOMENTS):
        model = load_run(run, files[steps[i]]).model
        try:
            seen = attention(model, loaded.task, inputs, str(run), choice)
        except ValueError as error:
            raise UsageError(f"{run}: {error}") from error
        roles = head_roles(model, loaded.task, batches)
        moments.append(Moment(steps[i], score(model, batches), roles, seen))
    return OverTimeRecord(str(run), loaded.config.task.name, len(saved), moments)

"""The sequences that a person types, or leaves to be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tfcli import runs
from tfcli.checkpoints import LoadedRun
from tfcli.devices import seeded
from tfcli.errors import UsageError
from tfcli.suggestions import did_you_mean

if TYPE_CHECKING:
    from tasks.base import Task


def encoded(loaded: LoadedRun, sequence: str, origin: str = "", may_be_run: bool = False) -> torch.Tensor:
    """A sequence as ids [T]. One word that can't be read may have been meant as the name of a run.

    Raises:
        UsageError: it is empty, or holds what isn't a symbol of the task.
    """
    try:
        return torch.tensor(loaded.task.encode(sequence))
    except ValueError as error:
        no_run = ""
        if may_be_run and len(sequence.split()) == 1:
            no_run = f", and no run is called that{did_you_mean(sequence, runs.run_names())}"
        raise UsageError(f"{loaded.path}: {origin}{error}{no_run}") from error


def asked(loaded: LoadedRun, sequence: str | None, seed: int) -> torch.Tensor:
    """The sequence [T] that was typed; a held-out one of a readable length if there is none."""
    if sequence is None:
        return readable(loaded.task, torch.device("cpu"), seed)
    return encoded(loaded, sequence, may_be_run=True)


def readable(task: Task, device: torch.device, seed: int = 0) -> torch.Tensor:
    """A held-out sequence [T] of the longest trained length up to 8."""
    length = max(task.min_length, min(task.max_length, 8))
    return task.sample_held_out(1, length, seeded(device, seed)).inputs[0]


def held_out(loaded: LoadedRun, count: int, length: int, seed: int) -> torch.Tensor:
    """Held-out sequences [B, T], up to `count` of them."""
    return loaded.task.sample_held_out(count, length, torch.Generator().manual_seed(seed)).inputs

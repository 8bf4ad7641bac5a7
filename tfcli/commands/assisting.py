"""What the other ranks of a training do: they take each step with rank 0, and write and print nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from tfcli.building.trainings import Training
from tfcli.commands.resume import find_start
from tfcli.commands.train import make_training
from tfcli.config.schema import RunConfig
from tfcli.config.trust import require
from tfcli.devices import with_threads
from tfcli.runs.company import leave_signals_to_parent
from tfcli.training.ranks import DismissedError, Ranks


def assist_run(config: RunConfig, ranks: Ranks) -> None:
    """Take part in the training of a new run.

    Raises:
        UsageError, DivergedError: as rank 0.
        LostProcessError: rank 0 has ended.
    """
    leave_signals_to_parent()
    assist(make_training(with_threads(config), None, ranks=ranks)[0], ranks)


def assist_resumed(path: Path, overrides: Sequence[str], trust: Iterable[Path], ranks: Ranks) -> None:
    """Take part in the training of a run that goes on.

    Raises:
        UsageError, TfcliError, DivergedError: as rank 0.
        LostProcessError: rank 0 has ended.
    """
    leave_signals_to_parent()
    config, saved = find_start(path, overrides, lambda problem: None)
    require(config, path, trust)
    assist(make_training(config, saved, ranks=ranks)[0], ranks)


def assist(training: Training, ranks: Ranks) -> None:
    """Take each step with rank 0, until that takes no more."""
    with suppress(DismissedError):
        for attempt in training:
            for _ in attempt.records:
                pass
        ranks.wait_for_dismissal()

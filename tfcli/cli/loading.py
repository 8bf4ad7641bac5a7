"""Load a run, and say what is strange about it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfcli.cli.output import hint

if TYPE_CHECKING:  # to import what this needs takes longer than --help
    from tfcli.checkpoints.loading import LoadedRun


def load(path: Path, trust: Iterable[Path] | None) -> "LoadedRun":
    """Return the model of a run, ready to answer.

    Raises:
        UsageError, TfcliError: as `tfcli.checkpoints.load_run`.
    """
    from tfcli.checkpoints.loading import load_run

    run = load_run(path, trust or ())
    for note in run.notes:
        hint(f"note: {note}")
    return run

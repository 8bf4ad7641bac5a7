"""What somebody has changed in a run since it was trained."""

from __future__ import annotations

from pathlib import Path

from tfcli.config import files
from tfcli.config.comparison import differences
from tfcli.config.schema import RunConfig
from tfcli.errors import TfcliError
from tfcli.runs.folders import CONFIG


def find_edits(run: Path, trained: RunConfig) -> list[str]:
    """Return in what the configuration in the folder isn't the one that the weights were trained with."""
    path = run / CONFIG
    try:
        written = files.load_config(str(path))
    except TfcliError:  # it is gone, or of an earlier version; nothing reads it where there are weights
        return []
    return [
        f"{path} says {key} = {new}, and the run was trained with {old}; that is what counts"
        for key, old, new in differences(trained, written)
    ]

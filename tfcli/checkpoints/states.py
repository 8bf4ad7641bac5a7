"""Load the state from which a training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from tfcli.checkpoints.sealing import load_tensors
from tfcli.config.schema import RunConfig
from tfcli.records.progress import Standing
from tfcli.runs import folders, headers


class SavedState(NamedTuple):
    """A training that can go on."""

    config: RunConfig
    standing: Standing
    tensors: dict[str, Tensor]


def load_state(run: Path) -> SavedState | None:
    """Return the state of a training, if it has saved one.

    Raises:
        TfcliError: it is damaged, or of another tfcli.
    """
    path = run / folders.STATE
    try:
        header = headers.read_state_header(path)
    except FileNotFoundError:
        return None
    if not header.standing.is_coherent(header.config.train.steps):
        raise headers.damage_error(path, "its steps and its attempts contradict each other")
    return SavedState(header.config, header.standing, load_tensors(path, header.digest))

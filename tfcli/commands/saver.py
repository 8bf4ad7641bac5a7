"""Keeps the weights of a training, and the state from which it can go on, wherever they can be written."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError

from tfcli.building.trainings import Training
from tfcli.checkpoints.saving import check_numbers, mark_diverged, save_run, save_state
from tfcli.config.writing import to_yaml
from tfcli.devices import list_versions
from tfcli.errors import TfcliError
from tfcli.records.events import Saved, emit
from tfcli.records.progress import Progress
from tfcli.records.results import TrainSummary
from tfcli.runs import folders, writing

UNSAVABLE = (ValueError, KeyError, OverflowError, SafetensorError)  # what an own optimizer may keep
SAVE_EVERY = 5.0  # seconds between two saves at most: what a kill can lose, beside the current step
MOST_TIME = 0.02  # share of the training that saving may take; large models are saved less often


class Saver:
    """Saves a training every few seconds.

    Where the run folder can't be written, weights and state go to a folder of their own among the temporary
    files. The state comes first and holds the weights, too: a kill between the two does no harm.

    Args:
        path: the run folder.
        warn: is told what couldn't be written.
    """

    def __init__(self, path: Path, training: Training, warn: Callable[[str], None]) -> None:
        self.path, self.config, self.training, self.warn = path, training.config, training, warn
        self.folder: Path | None = None  # with the latest weights
        self.step = 0  # that they are of
        self.every = SAVE_EVERY
        self.saved_at = time.monotonic() - SAVE_EVERY / 2
        self.fallback: Path | None = None
        self.given_up: set[str] = set()

    def begin_again(self, latest: Progress) -> None:
        """Save the state from which a training goes on: its configuration may be another one."""
        self.folder, self.step = self.path, latest.step
        self.write_state(self.path, latest)

    def is_due(self, *, fresh: bool) -> bool:
        """Whether it is time to save; earlier if the model has just been scored."""
        return time.monotonic() - self.saved_at >= (self.every / 2 if fresh else self.every)

    def save(self, summary: TrainSummary, latest: Progress | None) -> Path:
        """Save the weights, elsewhere if need be, and return the folder that they are in.

        With the `latest` progress, from which the training can go on, the state as well.

        Raises:
            TfcliError: they can be written nowhere.
            DivergedError: they are no longer numbers.
        """
        started = time.monotonic()
        check_numbers(self.training.model, summary.steps)
        try:
            self.folder = self.write(self.path, summary, latest)
        except OSError as problem:
            try:
                self.folder = self.write(self.make_fallback(), summary, latest)
            except OSError:
                why = f"{self.path} can't be written ({problem.strerror}), nor a temporary folder"
                raise TfcliError(f"{why}; the model of step {summary.steps:,} is lost") from problem
            self.warn_once(
                f"{self.path} can't be written ({problem.strerror}); the model is in {self.folder}"
            )
        self.step, self.saved_at = summary.steps, time.monotonic()
        emit(Saved(str(self.path), self.step, str(self.folder), self.saved_at - started))
        self.every = max(SAVE_EVERY, (self.saved_at - started) / MOST_TIME)
        return self.folder

    def write(self, folder: Path, summary: TrainSummary, latest: Progress | None) -> Path:
        """Write state and weights to a folder. Without the state there is still a model."""
        if latest is not None:
            self.write_state(folder, latest)
        save_run(folder / folders.WEIGHTS, self.config, self.training.model, summary)
        return folder

    def write_state(self, folder: Path, latest: Progress) -> None:
        """Write the state to a folder, if that is possible."""
        try:
            standing, tensors = self.training.standing(latest, list_versions()), self.training.tensors()
            save_state(folder / folders.STATE, self.config, standing, tensors)
        except (OSError, *UNSAVABLE) as error:
            self.warn_once(
                f"{folder}: the state can't be written ({getattr(error, 'strerror', None) or error}); "
                "the training goes on, but --resume can't go on from here"
            )

    def make_fallback(self) -> Path:
        """Return a run folder among the temporary files."""
        if self.fallback is None:
            folder = Path(tempfile.mkdtemp(prefix=f"tfcli-{self.path.name}-"))
            writing.write_atomically(folder / folders.CONFIG, to_yaml(self.config).encode())
            self.fallback = folder
        return self.fallback

    def warn_once(self, problem: str) -> None:
        """Say what can't be written, unless it has been said."""
        if problem not in self.given_up:
            self.given_up.add(problem)
            self.warn(problem)

    def mark_diverged(self) -> None:
        """Note with what was saved on the way, if that is possible, that the training came to no numbers."""
        if self.folder is not None:
            with suppress(OSError, TfcliError):
                mark_diverged(self.folder)

    @property
    def kept(self) -> str:
        """What is left of the training where it breaks off."""
        if self.folder is None:
            return "nothing of it was saved"
        return f"{self.folder} holds the model of step {self.step:,}; what it learned since is lost"

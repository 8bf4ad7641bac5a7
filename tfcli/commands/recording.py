"""What a training leaves in its run folder. Nothing that can't be written ends the training."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import torch

import tfcli
from tfcli.checkpoints import save_run
from tfcli.config.files import to_yaml
from tfcli.config.schema import RunConfig
from tfcli.errors import TfcliError
from tfcli.model.encoder import Encoder
from tfcli.records.progress import Progress
from tfcli.records.results import TrainSummary
from tfcli.runs import folders, writing

SAVE_EVERY = 5.0  # seconds between two checkpoints at most: what a kill can lose, beside the current step
MOST_TIME = 0.01  # share of the training that saving may take; large models are saved less often


class Recorder:
    """Writes the metrics, the snapshots and the weights of a training.

    What can't be written is said once and given up, but for the weights: these go to a folder of their own
    among the temporary files, and the training goes on.

    Args:
        path: the run folder, which is made.
        warn: is told what couldn't be written.

    Raises:
        UsageError: there can't be such a folder.
    """

    def __init__(self, path: Path, config: RunConfig, model: Encoder, warn: Callable[[str], None]) -> None:
        self.path, self.config, self.model, self.warn = path, config, model, warn
        self.saved_as: Path | None = None  # the folder with the latest weights
        self.saved_step = 0
        self.every = (
            SAVE_EVERY  # seconds until they are saved again; half of it, if they have just been scored
        )
        self.saved_at = time.monotonic() - SAVE_EVERY / 2
        self.fallback: Path | None = None
        self.given_up: set[str] = set()
        self.latest: Progress | None = None
        self.metrics: TextIO | None = None
        try:
            writing.write_atomically(path / folders.CONFIG, to_yaml(config).encode())
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise TfcliError(f"{path} can't be written: {error.strerror}; nothing was trained") from error
        self.attempt("the metrics", self.open_metrics)
        if config.train.snapshot_every is not None:
            self.snapshot(summarize_untrained())

    def attempt(self, what: str, write: Callable[[], object]) -> None:
        """Write something, unless that has failed before."""
        if what in self.given_up:
            return
        try:
            write()
        except OSError as error:
            self.given_up.add(what)
            self.warn(
                f"{self.path}: {what} can't be written ({error.strerror}); the training goes on without"
            )

    def open_metrics(self) -> None:
        """Begin the file of metrics."""
        self.metrics = (self.path / folders.METRICS).open("w", encoding="utf-8")

    def record(self, progress: Progress) -> None:
        """Write what is to be kept of a step."""
        self.latest = progress
        every = self.config.train.snapshot_every
        if every is not None and progress.step % every == 0:
            self.snapshot(summarize(replace(progress, score=None), interrupted=True))
        if progress.fresh:
            self.attempt("the metrics", lambda: print(metrics_line(progress), file=self.metrics, flush=True))
        since = time.monotonic() - self.saved_at
        if progress.fresh and since >= self.every / 2:
            self.save(summarize(progress, interrupted=True))
        elif since >= self.every:
            self.save_latest()

    def snapshot(self, summary: TrainSummary) -> None:
        """Keep the weights as they are now beside the others."""
        file = folders.snapshot_path(self.path, summary.steps)

        def write() -> None:
            file.parent.mkdir(exist_ok=True)
            save_run(file, self.config, self.model, summary)

        self.attempt("snapshots", write)

    def save(self, summary: TrainSummary) -> Path:
        """Save the weights, elsewhere if need be, and return the folder that they are in.

        Raises:
            TfcliError: they can be written nowhere.
            DivergedError: they are no longer numbers.
        """
        started = time.monotonic()
        problem = self.try_to_save(lambda: self.path, summary)
        if problem is not None:
            if self.try_to_save(self.make_fallback, summary) is not None:
                why = f"{self.path} can't be written ({problem.strerror}), nor a temporary folder"
                raise TfcliError(f"{why}; the model of step {summary.steps:,} is lost")
            if "weights" not in self.given_up:
                self.given_up.add("weights")
                self.warn(
                    f"{self.path} can't be written ({problem.strerror}); the model is in {self.saved_as}"
                )
        self.every = max(SAVE_EVERY, (self.saved_at - started) / MOST_TIME)
        return self.saved_as or self.path

    def try_to_save(self, find_folder: Callable[[], Path], summary: TrainSummary) -> OSError | None:
        """Save the weights in a folder, or return why that isn't possible."""
        try:
            folder = find_folder()
            save_run(folder / folders.WEIGHTS, self.config, self.model, summary)
        except OSError as error:
            return error
        self.saved_as, self.saved_step, self.saved_at = folder, summary.steps, time.monotonic()
        return None

    def save_latest(self) -> None:
        """Save the weights of the latest step, if there was one; they may have been changed since a score."""
        if self.latest is not None:
            self.save(summarize(replace(self.latest, score=None, solved=False), interrupted=True))

    def make_fallback(self) -> Path:
        """Return a run folder among the temporary files."""
        if self.fallback is None:
            folder = Path(tempfile.mkdtemp(prefix=f"tfcli-{self.path.name}-"))
            writing.write_atomically(folder / folders.CONFIG, to_yaml(self.config).encode())
            self.fallback = folder
        return self.fallback

    def close(self) -> None:
        """Close the file of metrics."""
        if self.metrics is not None:
            with suppress(OSError):  # each line has been flushed
                self.metrics.close()

    @property
    def kept(self) -> str:
        """What is left of the training where it breaks off."""
        if self.saved_as is None:
            return "nothing of it was saved"
        return f"{self.saved_as} holds the model of step {self.saved_step:,}; what it learned since is lost"


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

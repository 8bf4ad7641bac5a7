"""What a training leaves in its run folder. Nothing that can't be written ends the training."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import torch

from tfcli.building.trainings import Training
from tfcli.checkpoints.saving import save_run
from tfcli.commands.outcome import metrics, metrics_line, summarize, summarize_untrained
from tfcli.commands.saver import Saver
from tfcli.config.writing import to_yaml
from tfcli.errors import TfcliError
from tfcli.loggers.several import Loggers
from tfcli.records.events import Evaluated, SnapshotSaved, TrainingEnded, TrainingStarted, emit
from tfcli.records.progress import Progress, Standing
from tfcli.records.results import TrainSummary
from tfcli.runs import folders, summaries, writing


class Recorder:
    """Writes the metrics, the snapshots, the weights of a training, and the state from which it can go on.

    What can't be written is said once and given up, but for the weights, which a `Saver` keeps. `begin` or
    `go_on` comes first.

    Args:
        path: the run folder, which is made.
        warn: is told what couldn't be written.
    """

    def __init__(self, path: Path, training: Training, warn: Callable[[str], None]) -> None:
        self.path, self.config, self.training, self.warn = path, training.config, training, warn
        self.saver = Saver(path, training, warn)
        self.loggers = Loggers(training.config.train.log, warn)
        self.given_up: set[str] = set()
        self.latest: Progress | None = None
        self.metrics: TextIO | None = None

    def begin(self) -> None:
        """Begin a run in its folder.

        Raises:
            TfcliError: nothing can be written there.
        """
        self.write_config()
        self.tell_start(0)
        self.attempt("the metrics", lambda: self.open_metrics(0, 0))
        if self.config.train.snapshot_every is not None:
            self.snapshot(summarize_untrained(self.training))

    def go_on(self, standing: Standing) -> None:
        """Go on in the folder of a run, as it was when its state was saved.

        Raises:
            TfcliError: nothing can be written there.
        """
        self.latest = standing.progress
        self.write_config()
        self.tell_start(standing.progress.step)
        self.saver.begin_again(standing.progress)
        unscored = standing.progress.unscored
        read_at = standing.progress.step - len(standing.losses)
        self.attempt("the metrics", lambda: self.open_metrics(read_at - unscored, 0 if unscored else read_at))

    def write_config(self) -> None:
        """Write the configuration.

        Raises:
            TfcliError: it can't be written.
        """
        try:
            writing.write_atomically(self.path / folders.CONFIG, to_yaml(self.config).encode())
        except OSError as error:
            raise TfcliError(
                f"{self.path} can't be written: {error.strerror}; nothing was trained"
            ) from error

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

    def open_metrics(self, last_step: int, expected: int) -> None:
        """Open the metrics behind those of a step; later ones will come again. The last is `expected`."""
        path = self.path / folders.METRICS
        lines = summaries.lines_of_metrics(path, last_step)
        if expected and not (lines and json.loads(lines[-1])["step"] == expected):
            self.warn(f"{path} has no line of step {expected:,}; new ones follow all the same")
        writing.write_atomically(path, "".join(lines).encode())
        self.metrics = path.open("a", encoding="utf-8")

    def record(self, progress: Progress) -> None:
        """Write what is to be kept of a step."""
        self.latest = progress
        every = self.config.train.snapshot_every
        if every is not None and progress.step % every == 0:
            self.snapshot(summarize(self.training, replace(progress, score=None), interrupted=True))
        if progress.fresh:
            emit(Evaluated(str(self.path), **metrics(progress)))
            self.attempt("the metrics", lambda: print(metrics_line(progress), file=self.metrics, flush=True))
            self.loggers.log(progress.step, {k: v for k, v in metrics(progress).items() if k != "step"})
        if self.saver.is_due(fresh=progress.fresh):
            self.saver.save(summarize(self.training, as_it_is(progress), interrupted=True), progress)

    def snapshot(self, summary: TrainSummary) -> None:
        """Keep the weights as they are now beside the others."""
        file = folders.snapshot_path(self.path, summary.steps)

        def write() -> None:
            file.parent.mkdir(exist_ok=True)
            if file.parent.is_symlink():
                raise OSError(0, "their folder is a link to another")
            save_run(file, self.config, self.training.model, summary)
            emit(SnapshotSaved(str(self.path), summary.steps, str(file)))

        self.attempt("snapshots", write)

    def save(self, summary: TrainSummary) -> Path:
        """Save what the training has come to, and return the folder that it is in.

        Raises:
            TfcliError: it can be written nowhere.
            DivergedError: the weights are no longer numbers.
        """
        return self.saver.save(summary, self.latest)

    def save_weights(self) -> None:
        """Save the weights of the latest step, if there was one, where a step was left in its middle."""
        if self.latest is not None:
            self.saver.save(summarize(self.training, as_it_is(self.latest), interrupted=True), None)

    def save_as_it_stands(self) -> str:
        """Save all from which the training can go on after its latest step, and say where that is."""
        if self.latest is not None:
            summary = summarize(self.training, as_it_is(self.latest), interrupted=True)
            with suppress(TfcliError):
                self.saver.save(summary, self.latest)
        if self.saver.folder is None:
            return self.saver.kept
        return f"`tfcli train --resume {self.saver.folder}` goes on after step {self.saver.step:,}"

    def tell_start(self, step: int) -> None:
        """Log that the training goes on after a step, here and elsewhere; 0 at its start."""
        config, device = self.config.model_dump(mode="json"), str(self.training.trainer.device)
        emit(TrainingStarted(str(self.path), step, config, device, torch.get_num_threads()))
        self.loggers.begin(self.path, config, step)

    def tell_end(self, how: str) -> None:
        """Log how the training ended."""
        emit(TrainingEnded(str(self.path), self.latest.step if self.latest else 0, how))

    def close(self) -> None:
        """Close the file of metrics, and what loggers have open."""
        self.loggers.close()
        if self.metrics is not None:
            with suppress(OSError):  # each line has been flushed
                self.metrics.close()


def as_it_is(progress: Progress) -> Progress:
    """Return a progress without a score of earlier steps: the weights have been changed since."""
    return progress if progress.fresh else replace(progress, score=None, streak=0)

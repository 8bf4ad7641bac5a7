"""What a training has come to, as it is saved with the weights and written to the metrics."""

from __future__ import annotations

import json
from math import log
from typing import Any

from tfcli.building.trainings import Training
from tfcli.config.train_section import TrainConfig
from tfcli.devices import list_versions
from tfcli.records.progress import Progress
from tfcli.records.results import TrainSummary

FAR = 2  # times the loss of guessing: fresh weights start below, and whatever learns ends below it
MARGIN = 1.0  # nats, for tasks with so few answers that guessing costs next to nothing


def is_over(progress: Progress, config: TrainConfig) -> bool:
    """Whether a training has come to its end."""
    if progress.unscored:
        return False
    end_of_attempt = progress.step == progress.steps
    solved = progress.solved and (config.stop_when_solved or end_of_attempt)
    return solved or progress.step >= config.steps


def summarize(training: Training, progress: Progress, *, interrupted: bool) -> TrainSummary:
    """Summarize a training when its weights are saved."""
    return TrainSummary(
        solved=progress.solved,
        interrupted=interrupted,
        diverged=not interrupted and not progress.solved and is_told_by_loss(training, progress),
        steps=progress.step,
        attempts=progress.attempt,
        versions=list_versions(),
        device=str(training.trainer.device),
        code=training.code,
        together=training.trainer.together,
        **figures(progress),
    )


def is_told_by_loss(training: Training, progress: Progress) -> bool:
    """Whether the loss says that a training has diverged; early on it says what it started from."""
    warm = progress.step > training.config.train.warmup_steps
    return warm and has_diverged(progress, len(training.task.answer_symbols))


def has_diverged(progress: Progress, n_answers: int) -> bool:
    """Whether the loss is far above what it costs to guess among all symbols of the answers: log(n) nats."""
    return progress.loss is not None and progress.loss > FAR * log(n_answers) + MARGIN


def ending(summary: TrainSummary) -> str:
    """Return how a training ended that was saved: solved, over, interrupted or diverged."""
    if summary.solved or summary.interrupted:
        return "interrupted" if summary.interrupted else "solved"
    return "diverged" if summary.diverged else "over"


def summarize_untrained(training: Training) -> TrainSummary:
    """Summarize a training before its first step."""
    device = str(training.trainer.device)
    return TrainSummary(False, True, 0, None, None, 0.0, 0.0, list_versions(), 1, device, training.code)


def metrics(progress: Progress) -> dict[str, Any]:
    """Return what is kept of an evaluation, by the names in JSON."""
    score = progress.score
    return {
        "step": progress.step,
        "attempt": progress.attempt,
        "loss": progress.loss,
        "held_out_loss": score.loss if score else None,
        **figures(progress),
    }


def metrics_line(progress: Progress) -> str:
    """Return an evaluation as a line of JSON."""
    return json.dumps(metrics(progress))


def figures(progress: Progress) -> dict[str, Any]:
    """Return the figures of a record, by their names in JSON."""
    return {
        "exact_match": progress.score.exact_match if progress.score else None,
        "token_accuracy": progress.score.token_accuracy if progress.score else None,
        "train_seconds": progress.seconds,
        "tokens_per_second": progress.tokens_per_second,
    }

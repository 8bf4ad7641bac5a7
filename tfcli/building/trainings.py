"""From a configuration to the training of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli import registry
from tfcli.building import parts
from tfcli.building.models import build_model
from tfcli.config.schema import RunConfig
from tfcli.config.train_section import TrainConfig
from tfcli.config.trust import digest, files_of
from tfcli.model.encoder import Encoder
from tfcli.records.progress import Progress, Standing
from tfcli.training.loop import Attempt, Trainer
from tfcli.training.optimizers import Optimizer
from tfcli.training.ranks import Ranks
from tfcli.training.schedules import Schedule

if TYPE_CHECKING:
    from tasks.base import Task


def build_optimizer(config: TrainConfig, model: Encoder) -> Optimizer:
    """Return the optimizer of a configuration, which takes the parameters of `model` into one vector.

    Raises:
        UsageError: it can't be loaded, or the model has nothing for it to move.
    """
    optimizer: Optimizer = parts.make(
        registry.OPTIMIZERS, config.optimizer, model, config.weight_decay, config.clip_norm
    )
    return optimizer


def build_schedule(config: TrainConfig) -> Schedule:
    """Return the learning rates of a configuration."""
    schedule: Schedule = parts.make(
        registry.SCHEDULES, config.schedule, config.steps, config.learning_rate, config.warmup_steps
    )
    return schedule


class Training:
    """Trains `model` in place, as often as its configuration allows; each attempt but the first renews it.

    To iterate over it gives the attempts, to be trained one after the other. Between any two steps it can be
    left: from its `standing` and its `tensors` another one goes on as if nothing had happened.

    Args:
        start: gives new weights those that a training starts from.
        standing: where it goes on; at the start if left out.
        tensors: those of that time.
        ranks: the processes that take part, if there are several.

    Raises:
        ValueError: they aren't the tensors of such a training.
    """

    def __init__(
        self,
        model: Encoder,
        task: Task,
        config: RunConfig,
        start: Callable[[Encoder, Task], object] | None = None,
        standing: Standing | None = None,
        tensors: dict[str, Tensor] | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.model, self.task, self.config, self.start, self.ranks = model, task, config, start, ranks
        if start is not None and standing is None:
            start(model, task)
        self.shares = config.train.shares() if standing is None else standing.shares
        self.number = 1 if standing is None else standing.progress.attempt
        self.attempts = config.train.split(self.shares)
        self.code = {setting: digest(path) for setting, path in files_of(config)}
        self.trainer = self.make_trainer()
        if standing is not None:
            self.trainer.go_on(standing.progress.record, standing.losses, tensors or {})
            self.trainer.together = standing.together

    def __iter__(self) -> Iterator[Attempt]:
        yield Attempt(self.shares[self.number - 1], self.trainer)
        while self.number < len(self.attempts):
            self.number += 1
            torch.manual_seed(self.attempts[self.number - 1].seed)
            self.model.load_state_dict(build_model(self.config, self.task).state_dict())
            if self.start is not None:
                self.start(self.model, self.task)
            self.trainer = self.make_trainer()
            yield Attempt(self.shares[self.number - 1], self.trainer)

    def make_trainer(self) -> Trainer:
        """Return the training of the attempt that is on, from its first step."""
        settings = self.attempts[self.number - 1]
        optimizer, schedule = build_optimizer(settings, self.model), build_schedule(settings)
        return Trainer(self.model, self.task, settings, optimizer, schedule, self.ranks)

    def standing(self, progress: Progress, versions: dict[str, str]) -> Standing:
        """Where it stands after the step that `progress` is of."""
        progress, losses = replace(progress, attention=None), self.trainer.unread_losses()
        device, together = str(self.trainer.device), self.trainer.together
        threads = torch.get_num_threads()
        return Standing(progress, losses, self.shares, device, versions, self.code, together, threads)

    def tensors(self) -> dict[str, Tensor]:
        """Return all else that the steps to come depend on, by name."""
        return self.trainer.tensors()

"""Training as a stream of records: the caller owns evaluation, progress, saving and stopping."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tfcli.config.schema import TrainConfig
from tfcli.devices import make_generator, matmul_precision
from tfcli.errors import DivergedError
from tfcli.model.encoder import Encoder
from tfcli.records.progress import StepRecord
from tfcli.training.optimizers import Optimizer
from tfcli.training.schedules import Schedule

if TYPE_CHECKING:
    from tasks.base import Task


class Attempt(NamedTuple):
    """A training from new weights on."""

    steps: int  # at most
    records: Iterable[StepRecord]  # of each step


def train(
    model: Encoder, task: Task, config: TrainConfig, optimizer: Optimizer, schedule: Schedule
) -> Iterator[StepRecord]:
    """Train `model` in place, a record a step.

    The loss is read every `config.eval_every` steps, so that no step waits for the device. Between two
    records the caller may evaluate the model, but not draw from torch's global random numbers.

    Raises:
        DivergedError: the loss of a step was not finite; the message names the step.
    """
    device = next(model.parameters()).device
    generator = make_generator(device, config.seed)
    lengths = random.Random(config.seed)
    losses: list[Tensor] = []
    tokens = 0
    for step in range(1, config.steps + 1):
        length = lengths.randint(task.min_length, task.max_length)
        inputs, targets = task.sample(config.batch_size, length, generator)
        model.anneal(step / config.steps)
        if not model.training:  # an evaluation came between; telling each module at each step takes time
            model.train()
        with matmul_precision(device, config.precision):
            logits = model(inputs)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_gradients()
        torch.autograd.backward(loss)
        optimizer.step(schedule.rate(step))
        losses.append(loss.detach())
        tokens += targets.numel()
        if step % config.eval_every and step != config.steps:
            yield StepRecord(step, tokens)
        else:
            yield StepRecord(step, tokens, mean_loss(losses, step))
            losses.clear()


def mean_loss(losses: list[Tensor], last_step: int) -> float:
    """Return the mean loss of the steps up to `last_step`, in nats per token. The one wait for the device.

    Raises:
        DivergedError: one of them is not finite.
    """
    values = torch.stack(losses).tolist()
    for i, value in enumerate(values):
        if not math.isfinite(value):
            step = last_step - len(values) + 1 + i
            raise DivergedError(f"the loss became {value} at step {step}; try a smaller train.learning_rate")
    return math.fsum(values) / len(values)

"""Trainings that differ in their seed alone, as one vectorised program: a step is taken by all at once.

Axes: S model of the stack, B batch, T position of the input, M position of the answer, V symbols,
P all parameters of a model, one after the other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from tfcli.devices import THREADS
from tfcli.evaluation import IGNORE, Tick, add_up, ignore, make_score
from tfcli.model.softmax import cross_entropy
from tfcli.model.stacked import Stacked
from tfcli.model.trace import Intervention
from tfcli.records.results import Score
from tfcli.training.filling import Filled, fill_up, share_out
from tfcli.training.loop import Trainer, move
from tfcli.training.optimizers import SGD, Adam, AdamW, Optimizer

if TYPE_CHECKING:
    from tasks.base import Batch

GROUP = 1.5e7  # multiplications that a thread could do in the time that one more group takes
ELEMENTWISE = (AdamW, Adam, SGD)  # optimizers that move each number by itself, whatever stands beside it


class Stack:
    """Models of the same parts that take their steps together, each with weights and batches of its own.

    Each trainer is used as if it stood alone, but all take the same step before any takes the next: the
    first that asks for a step has it taken by all. What comes of it is, up to rounding, what would come of
    it alone. Their weights are rows of one matrix, and so are gradients and moments.

    Args:
        threads: how many threads so many models are worth; if left out, torch's number stays as it is.
    """

    def __init__(self, trainers: Sequence[Trainer], threads: Callable[[int], int] | None = None) -> None:
        self.trainers, self.threads = list(trainers), threads
        for trainer in self.trainers:
            if trainer.step == 0:
                trainer.together = len(self.trainers)
        self.step = 0
        self.losses: dict[int, Tensor] = {}  # of the latest step, by trainer
        self.scores: dict[int, Score] = {}  # likewise
        self.gone: list[Trainer] = []  # since the matrices were made
        self.models = Stacked(self.trainers[0].model)  # all of them
        self.seconds = dict.fromkeys(map(id, self.trainers), 0.0)  # each one's share of the time
        self.counted_at = time.perf_counter()
        self.gather()

    @cached_property
    def some(self) -> Stacked:
        """Those of a group. What a training anneals is in their buffers."""
        return Stacked(self.trainers[0].model)

    def gather(self) -> None:
        """Bring all that belongs to the models into matrices with a row for each."""
        self.trainers = [trainer for trainer in self.trainers if trainer not in self.gone]
        self.gone = []
        if self.threads is not None:
            THREADS.set(self.threads(len(self.trainers)))
        models = [trainer.model for trainer in self.trainers]
        self.optimizer = join([trainer.optimizer for trainer in self.trainers])
        for trainer in self.trainers:
            trainer.optimizer.bind(list(trainer.model.parameters()))
            trainer.stack = self
        buffers = {name: stack_buffer(models, name) for name in saved_buffers(models[0])}
        self.models.hold(self.optimizer.values, buffers)

    def drop(self, trainer: Trainer) -> None:
        """Take a trainer out from the next step on; what it has come to stays its own."""
        self.gone.append(trainer)

    def clock(self, trainer: Trainer) -> float:
        """Return a trainer's share of the seconds so far: all shares add up to what it took."""
        now = time.perf_counter()
        for other in self.trainers:
            self.seconds[id(other)] += (now - self.counted_at) / len(self.trainers)
        self.counted_at = now
        return self.seconds[id(trainer)]

    def take(self, trainer: Trainer, step: int) -> Tensor:
        """Return the loss [] of a trainer at a step, which all take where it is a new one."""
        if step != self.step:
            losses = self.take_together(step)
            self.losses = dict(zip(map(id, self.trainers), losses, strict=True))
            self.scores = {}
            self.step = step
        return self.losses[id(trainer)]

    def score(self, trainer: Trainer, batches: Sequence[Batch], tick: Tick = ignore) -> Score:
        """Return the score of a trainer's model after a step, when all are scored."""
        if not self.scores:
            found = add_up(Answerers(self), batches, None, tick, len(self.trainers))  # [S, 4]
            scores = [make_score(sums, batches) for sums in found]
            self.scores = dict(zip(map(id, self.trainers), scores, strict=True))
        return self.scores[id(trainer)]

    def take_together(self, step: int) -> Tensor:
        """Take a step, and return the losses [S]."""
        if self.gone:
            self.clock(self.trainers[0])
            self.gather()
        batches = [trainer.begin(step) for trainer in self.trainers]
        first = self.trainers[0]
        self.models.base.anneal(step / first.config.steps)
        losses = self.learn(batches)
        self.move(first.schedule.rate(step))
        return losses

    def learn(self, batches: Sequence[Batch]) -> Tensor:
        """Bring the gradients of all models to their place, and return their mean losses [S].

        What is filled up takes time as well. So models whose batches are about as long go through together,
        where it is worth to go through several times.
        """
        values, gradients = self.optimizer.values, self.optimizer.gradients
        groups = share_out([batch.inputs.shape[1] for batch in batches], self.price_of_group(batches[0]))
        if len(groups) == 1:
            return learn(self.models, fill_up(batches), gradients)
        losses = values.new_empty(len(batches))
        for rows in groups:
            self.some.hold(values[rows], {name: buffer[rows] for name, buffer in self.models.buffers.items()})
            found = torch.empty_like(gradients[: len(rows)])
            losses[rows] = learn(self.some, fill_up([batches[row] for row in rows]), found)
            gradients[rows] = found
        return losses

    def price_of_group(self, batch: Batch) -> float:
        """Return with how many more positions one model would take as long as one more group."""
        if self.models.by_vmap or self.optimizer.values.device.type != "cpu":
            return math.inf  # someone's own part may change its buffers, and a GPU isn't kept that busy
        work = self.optimizer.values.shape[1] * self.models.base.loops * len(batch.inputs)
        return GROUP * torch.get_num_threads() / work

    def move(self, learning_rate: float) -> None:
        """Change the weights of all models."""
        if type(self.optimizer) is Optimizer:
            for trainer in self.trainers:
                move(trainer.optimizer, trainer.rates, learning_rate)
            return
        move(self.optimizer, self.trainers[0].rates, learning_rate)
        for trainer in self.trainers:
            trainer.optimizer.steps = self.optimizer.steps


class Place(NamedTuple):
    """That of a training in a stack."""

    stack: Stack
    trainer: Trainer

    def score(self, batches: Sequence[Batch], tick: Tick = ignore) -> Score:
        """Return the score of its model, as `Stack.score`."""
        return self.stack.score(self.trainer, batches, tick)

    def clock(self) -> float:
        """Return its share of the seconds, as `Stack.clock`."""
        return self.stack.clock(self.trainer)


class Answerers:
    """The models of a stack as evaluation asks one model: all answer the same."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        base = stack.models.base
        self.n_heads, self.layout, self.training = base.n_heads, base.layout, base.training

    def __call__(
        self,
        inputs: Tensor,
        may_attend: Tensor | None = None,
        *,
        intervention: Intervention | None = None,
    ) -> Tensor:
        """Logits [S, B, M, V] for `inputs` [B, T]; nothing is changed on the way."""
        return self.stack.models.run(inputs, may_attend, same=True)

    def train(self, mode: bool = True) -> None:
        """Bring all into training mode, or out of it."""
        self.training = mode
        self.stack.models.base.train(mode)

    def eval(self) -> None:
        """Bring all into evaluation mode."""
        self.train(False)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the weights of the first."""
        return self.stack.trainers[0].model.parameters()


def learn(models: Stacked, batch: Filled, gradients: Tensor) -> Tensor:
    """Write the gradients of models [S, P], and return their mean losses [S]."""
    losses = mean_losses(models.run(batch.inputs, batch.may_attend), batch.targets)
    models.differentiate(losses.sum(), gradients)
    return losses.detach()


def mean_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean losses [S] over what counts, from logits [S, B, M, V] and targets [S, B, M]."""
    losses = cross_entropy(logits, targets, "none")
    return losses.view(len(targets), -1).sum(1) / (targets != IGNORE).sum((1, 2))


def join(optimizers: Sequence[Optimizer]) -> Optimizer:
    """Bring the vectors of optimizers into matrices [S, P], of which they keep a row each.

    Returns:
        One that moves all rows, of the class of the others; or, where that doesn't move each number by
        itself, one that holds the matrices alone.
    """
    first = optimizers[0]
    is_elementwise = type(first) in ELEMENTWISE
    joint = copy(first) if is_elementwise else Optimizer.__new__(Optimizer)
    names = ("values", "gradients", *vectors_of(first)) if is_elementwise else ("values", "gradients")
    for name in names:
        rows = torch.stack([getattr(optimizer, name) for optimizer in optimizers])
        setattr(joint, name, rows)
        for optimizer, row in zip(optimizers, rows, strict=True):
            setattr(optimizer, name, row)
    return joint


def vectors_of(optimizer: Optimizer) -> list[str]:
    """Return what an optimizer keeps of each parameter."""
    return [name for name, value in optimizer.state().items() if value.shape == optimizer.values.shape]


def saved_buffers(model: nn.Module) -> list[str]:
    """Return the names of the buffers that are saved with a model; the others are the same for all seeds."""
    return [name for name, _ in model.named_buffers() if name in model.state_dict()]


def stack_buffer(models: Sequence[nn.Module], name: str) -> Tensor:
    """Return a buffer of all models [S, ...], of which each keeps its own as a view."""
    own = [model.get_buffer(name) for model in models]
    rows = torch.stack(own)
    for buffer, row in zip(own, rows, strict=True):
        buffer.data = row
    return rows

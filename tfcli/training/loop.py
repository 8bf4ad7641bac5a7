"""Training as a stream of records: the caller owns evaluation, progress, saving and stopping."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tfcli.config.train_section import SEEDS_APART, TrainConfig
from tfcli.devices import make_generator, matmul_precision, random_states, restore_random_states
from tfcli.errors import DivergedError
from tfcli.evaluation import IGNORE
from tfcli.model.encoder import Encoder
from tfcli.model.softmax import cross_entropy
from tfcli.records.progress import StepRecord
from tfcli.training.epochs import Epochs
from tfcli.training.optimizers import Optimizer
from tfcli.training.ranks import LostProcessError, Ranks
from tfcli.training.rates import rates_of
from tfcli.training.schedules import Schedule

if TYPE_CHECKING:
    from tasks.base import Batch, Task
    from tfcli.training.stack import Stack


class Attempt(NamedTuple):
    """A training from new weights on."""

    steps: int  # at most
    records: Iterable[StepRecord]  # of each step that is left


class Trainer:
    """Trains `model` in place: to iterate over it gives a record a step.

    The loss is read every `config.eval_every` steps, so that no step waits for the device. Between two
    records the caller may evaluate the model, but not draw from torch's global random numbers.

    Raises:
        DivergedError: on iteration: the loss of a step was not finite; the message names the step.
    """

    def __init__(
        self,
        model: Encoder,
        task: Task,
        config: TrainConfig,
        optimizer: Optimizer,
        schedule: Schedule,
        ranks: Ranks | None = None,
    ) -> None:
        self.model, self.task, self.config, self.ranks = model, task, config, ranks
        self.optimizer, self.schedule = optimizer, schedule
        self.device = next(model.parameters()).device
        self.sequences = make_generator(self.device, config.seed)
        self.lengths = random.Random(config.seed)
        finite = task.training_set(config.train_samples, make_generator(torch.device("cpu"), config.seed))
        self.epochs = None if finite is None else Epochs(finite, config.batch_size, config.seed, self.device)
        self.rates = rates_of(model, config.freeze, config.layer_decay, model.n_layers)
        self.step = self.tokens_trained = 0
        self.losses: list[Tensor] = []  # of the steps since the loss was last read
        self.stack: Stack | None = None  # in which it takes its steps together with others
        self.together = 1  # how many these were at its beginning, with this one; 0 if it went on alone

    def __iter__(self) -> Iterator[StepRecord]:
        if self.stack is None and self.together > 1:
            self.together = 0
        for step in range(self.step + 1, self.config.steps + 1):
            self.losses.append(self.take(step) if self.ranks is None else self.take_or_leave(step))
            self.step, loss = step, None
            if step % self.config.eval_every == 0 or step == self.config.steps:
                loss = mean_loss(self.losses, step)
                self.losses.clear()
            yield StepRecord(step, self.tokens_trained, loss)

    def take(self, step: int) -> Tensor:
        """Take a step, and return its loss []."""
        if self.stack is not None:
            return self.stack.take(self, step)
        batch = self.begin(step)
        if not self.model.training:  # an evaluation came between; telling each module at each step takes time
            self.model.train()
        self.optimizer.zero_gradients()
        loss = self.learn(batch) if self.ranks is None else self.learn_together(batch, step, self.ranks)
        move(self.optimizer, self.rates, self.schedule.rate(step))
        return loss

    def take_or_leave(self, step: int) -> Tensor:
        """Take a step with the other processes; where one is lost, all is as if it hadn't been begun.

        Raises:
            LostProcessError: one is.
            DismissedError: rank 0 takes no more steps.
        """
        sequences, lengths, tokens = self.sequences.get_state(), self.lengths.getstate(), self.tokens_trained
        try:
            return self.take(step)
        except LostProcessError:
            self.sequences.set_state(sequences)
            self.lengths.setstate(lengths)
            self.tokens_trained = tokens
            raise

    def learn(self, batch: Batch, count: Tensor | None = None) -> Tensor:
        """Add to the gradients those of the mean loss [] over the answered tokens, and return that.

        Where the batch is but a part of one, `count` [] is the number of such tokens in all of it.
        """
        with matmul_precision(self.device, self.config.precision):
            logits = self.model(batch.inputs, batch.may_attend)
            if count is None:
                loss = cross_entropy(logits, batch.targets)
            else:
                loss = cross_entropy(logits, batch.targets, "sum") / count
        torch.autograd.backward(loss)
        return loss.detach()

    def learn_together(self, batch: Batch, step: int, ranks: Ranks) -> Tensor:
        """Learn from a share of a batch, and have the gradients and the loss [] of all of it.

        Raises:
            LostProcessError, DismissedError: as `take_or_leave`.
        """
        ranks.begin(self.config.seed, step)
        share = ranks.share(batch)
        count = (batch.targets != IGNORE).sum()
        loss = self.learn(share, count) if len(share.inputs) else self.optimizer.gradients.new_zeros(())
        return ranks.add_up(self.optimizer.gradients, loss)

    def begin(self, step: int) -> Batch:
        """Return what a step learns from, and let the model know how far the training is."""
        batch = self.next_batch(step)
        self.model.anneal(step / self.config.steps)
        mixed = batch.may_attend is not None
        self.tokens_trained += int((batch.targets != IGNORE).sum()) if mixed else batch.targets.numel()
        return batch

    def next_batch(self, step: int) -> Batch:
        """Return what a step learns from."""
        if self.epochs is not None:
            return self.task.renew(self.epochs.batch(step), self.epochs.generator(step))
        length = self.lengths.randint(self.task.min_length, self.task.max_length)
        return self.task.sample(self.config.batch_size, length, self.sequences)

    def unread_losses(self) -> list[float]:
        """Return the losses of the steps since the loss was last read. Waits for the device."""
        return [] if not self.losses else [float(loss) for loss in torch.stack(self.losses).tolist()]

    def tensors(self) -> dict[str, Tensor]:
        """Return what the steps to come depend on, by name: weights, moments, states of random numbers.

        Not copies: the next step changes them.
        """
        return {
            **{f"model.{name}": tensor for name, tensor in self.model.state_dict().items()},
            **{f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()},
            **{f"random.torch.{name}": state for name, state in random_states(self.device).items()},
            "random.sequences": self.sequences.get_state(),
            "random.lengths": torch.tensor(self.lengths.getstate()[1]),
        }

    def go_on(self, record: StepRecord, losses: list[float], tensors: dict[str, Tensor]) -> None:
        """Go on after the step of `record`, with its `tensors` and the losses that hadn't been read.

        On another kind of device than they are from, the sequences to come are others.

        Raises:
            ValueError: those aren't the tensors of this training.
        """
        grows = "optimizer." if type(self.optimizer).__module__ != Optimizer.__module__ else None
        moved = check_tensors(tensors, self.tensors(), grows)
        if not 0 <= (taken := int(tensors["optimizer.steps"])) <= record.step:
            raise ValueError(f"its optimizer has taken {taken} steps")
        self.model.anneal(record.step / self.config.steps)  # what an own part keeps of that is in no tensor
        self.step, self.tokens_trained = record.step, record.tokens
        self.losses = [torch.tensor(loss, device=self.device) for loss in losses]
        self.model.load_state_dict(part_of(tensors, "model."))
        self.optimizer.load_state(part_of(tensors, "optimizer."))
        try:
            self.restore_random(tensors, moved)
        except (OverflowError, RuntimeError) as error:  # of Python's numbers, and of torch's
            raise ValueError(f"its random numbers can't go on: {error}") from error

    def restore_random(self, tensors: dict[str, Tensor], moved: bool) -> None:
        """Let random numbers go on; where the device is another kind, the sequences begin anew."""
        self.lengths.setstate((3, tuple(tensors["random.lengths"].tolist()), None))
        if moved:
            self.sequences.manual_seed((self.config.seed + self.step * SEEDS_APART) % 2**63)
        else:
            self.sequences.set_state(tensors["random.sequences"])
            restore_random_states(self.device, part_of(tensors, "random.torch."))


def move(optimizer: Optimizer, rates: Tensor | None, learning_rate: float) -> None:
    """Change the weights, each at its own rate."""
    if rates is None:
        optimizer.step(learning_rate)
        return
    before = optimizer.values.clone()
    optimizer.step(learning_rate)
    torch.lerp(before, optimizer.values, rates, out=optimizer.values)


def check_tensors(found: dict[str, Tensor], own: dict[str, Tensor], grows: str | None) -> bool:
    """Whether the tensors of a training are from another kind of device than its `own` are.

    Those whose names begin with `grows` may have come into being since, or have grown.

    Raises:
        ValueError: they aren't those of this training.
    """
    moved = found.get("random.sequences", own["random.sequences"]).shape != own["random.sequences"].shape
    for name in sorted(found.keys() ^ own.keys()):
        may_differ = (moved and name.startswith("random.torch.")) or (
            grows and name.startswith(grows) and name in found
        )
        if not may_differ:
            raise ValueError(f"it has {'no' if name in own else 'a superfluous'} {name}")
    for name in found.keys() & own.keys():
        same = found[name].shape == own[name].shape and found[name].dtype == own[name].dtype
        may_differ = (moved and name == "random.sequences") or (grows and name.startswith(grows))
        if not same and not may_differ:
            raise ValueError(f"{name} has another form")
    return moved


def part_of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin so, by what comes after."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


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

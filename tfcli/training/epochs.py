"""A training set that has an end, read over and over, each time in another order.

Axes: B batch, T position of the input, M position of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.devices import make_generator
from tfcli.evaluation import IGNORE

if TYPE_CHECKING:
    from tasks.base import Batch

NEARBY = 50  # batches whose sequences are sorted by length together, so that little is filled up


class Epochs:
    """Batches of a training set: which sequences a step takes follows from the seed and its number alone.

    Each sequence comes once an epoch. A batch may hold several lengths, filled up to the longest.

    Args:
        batches: the sequences, those of one length together.
    """

    def __init__(self, batches: Sequence[Batch], batch_size: int, seed: int, device: torch.device) -> None:
        self.batches = [
            batch._replace(inputs=batch.inputs.to(device), targets=batch.targets.to(device))
            for batch in sorted(batches, key=lambda batch: batch.inputs.shape[1])
        ]
        self.batch_size, self.seed, self.device = batch_size, seed, device
        sizes = torch.tensor([len(batch.inputs) for batch in self.batches])
        self.first = sizes.cumsum(0) - sizes  # number of the first sequence of each length
        self.n_sequences = int(sizes.sum())
        self.n_steps = -(-self.n_sequences // batch_size)
        self.epoch, self.plan = -1, [torch.zeros(0)]

    def batch(self, step: int) -> Batch:
        """Return the batch of a step; steps count from 1."""
        epoch, number = divmod(step - 1, self.n_steps)
        if epoch != self.epoch:
            self.epoch, self.plan = epoch, self.make_plan(epoch)
        return self.gather(self.plan[number])

    def generator(self, step: int) -> torch.Generator:
        """Return the random numbers of a step."""
        return make_generator(self.device, self.mix(step))

    def mix(self, number: int) -> int:
        """Return the seed of a step or an epoch; that of a further attempt may be any number."""
        return ((self.seed + 1) * 2**31 + number) % 2**63

    def make_plan(self, epoch: int) -> list[Tensor]:
        """Return the numbers of the sequences of each step of an epoch."""
        generator = torch.Generator().manual_seed(self.mix(epoch))
        order = torch.randperm(self.n_sequences, generator=generator)
        if len(self.batches) > 1:  # sequences are numbered by their length
            order = torch.cat([part.sort().values for part in torch.split(order, NEARBY * self.batch_size)])
        batches = torch.split(order, self.batch_size)
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def gather(self, numbers: Tensor) -> Batch:
        """Return the sequences of some numbers, filled up to the longest."""
        which = torch.searchsorted(self.first, numbers, right=True) - 1
        parts = [(self.batches[i], numbers[which == i] - self.first[i]) for i in torch.unique(which).tolist()]
        found = [
            (batch.inputs[rows.to(self.device)], batch.targets[rows.to(self.device)]) for batch, rows in parts
        ]
        batch: Batch = parts[0][0]
        if len(found) == 1:
            return batch._replace(inputs=found[0][0], targets=found[0][1])
        T, M = (max(pair[i].shape[1] for pair in found) for i in (0, 1))
        inputs = torch.cat([fill(rows, T, 0) for rows, _ in found])
        targets = torch.cat([fill(rows, M, IGNORE) for _, rows in found])
        may_attend = torch.cat([fill(torch.ones_like(rows, dtype=torch.bool), T, False) for rows, _ in found])
        return batch._replace(inputs=inputs, targets=targets, may_attend=may_attend)


def fill(rows: Tensor, width: int, value: int) -> Tensor:
    """Return rows [B, T] with a value up to a width."""
    return torch.nn.functional.pad(rows, (0, width - rows.shape[1]), value=value)


def in_order(batches: Sequence[Batch], size: int, device: torch.device) -> list[Batch]:
    """Return the sequences of some batches by their length, so many together, filled up to the longest."""
    epochs = Epochs(batches, size, 0, device)
    return [epochs.gather(numbers) for numbers in torch.split(torch.arange(epochs.n_sequences), size)]

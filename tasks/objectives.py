"""What a model may learn from the inputs of a task alone: the next symbol of each, or hidden ones.

Axes: B batch, T position of the input.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import IGNORE, Batch, Task
from .splitting import Sides

MASK = "[MASK]"
COUNTED = 4096  # sequences in which n-grams are counted


class OfInputs(Task):
    """A task made of the inputs of another one, which says which there are and which are held out."""

    def __init__(self, task: Task, symbols: Sequence[str]) -> None:
        self.task = task
        super().__init__(None, task.min_length, task.max_length, symbols)
        self.answer_symbols = task.symbols

    def nearest_length(self, length: int) -> int:
        return self.task.nearest_length(length)

    def has_length(self, length: int) -> bool:
        return self.task.has_length(length)

    def valid(self, inputs: Tensor) -> Tensor:
        return self.task.valid(inputs)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return self.task.draw(count, length, generator)

    def likelihood(self, inputs: Tensor) -> Tensor | None:
        return self.task.likelihood(inputs)

    def is_held_out(self, inputs: Tensor) -> Tensor:
        return self.task.is_held_out(inputs)

    def sides(self, length: int) -> Sides | None:
        return self.task.sides(length)

    def n_sequences(self, length: int) -> int:
        return self.task.n_sequences(length)

    def n_held_out(self, length: int) -> int | None:
        return self.task.n_held_out(length)

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        found = self.task.sample(batch_size, self.nearest_length(length), generator)
        may_learn = (found.targets != IGNORE).any(1, keepdim=True)  # of rows that had to be held-out ones
        batch = self.batch(found.inputs, generator)
        return batch._replace(targets=batch.targets.where(may_learn, IGNORE))

    def training_set(self, count: int | None, generator: torch.Generator) -> list[Batch] | None:
        found = self.task.training_set(count, generator)
        return None if found is None else [Batch(batch.inputs, self.target(batch.inputs)) for batch in found]

    def held_out_set(self, count: int, generator: torch.Generator) -> list[Batch] | None:
        found = self.task.held_out_set(count, generator)
        return None if found is None else [self.batch(batch.inputs, generator) for batch in found]

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        length = self.nearest_length(length)
        return self.batch(self.task.sample_held_out(count, length, generator).inputs, generator)

    def batch(self, inputs: Tensor, generator: torch.Generator) -> Batch:
        """Return what is read and what is right for `inputs` [B, T] of the task."""
        return Batch(inputs, self.target(inputs.clone()))


class NextSymbol(OfInputs):
    """Each token answers with the one that comes after it: the objective of GPT (Radford et al. 2018)."""

    predicts_next = True

    def __init__(self, task: Task) -> None:
        super().__init__(task, task.symbols)

    def nearest_length(self, length: int) -> int:
        return self.task.nearest_length(max(2, length))

    def training_set(self, count: int | None, generator: torch.Generator) -> list[Batch] | None:
        is_drawn = type(self.task).training_set is Task.training_set
        return answered((Task if is_drawn else OfInputs).training_set(self, count, generator))

    def held_out_set(self, count: int, generator: torch.Generator) -> list[Batch] | None:
        return answered(super().held_out_set(count, generator))

    def text_to_count(self, generator: torch.Generator) -> Tensor | None:
        return self.task.sample(COUNTED, self.max_length, generator).inputs

    def target(self, inputs: Tensor) -> Tensor:
        return next_symbols(inputs)


class MaskedSymbols(OfInputs):
    """Some symbols are hidden, one at least, and restored: the objective of BERT (Devlin et al. 2018).

    A hidden symbol is always replaced by the mask, where BERT leaves or exchanges some of them.
    """

    def __init__(self, task: Task, hidden_share: float) -> None:
        super().__init__(task, (*task.symbols, MASK))
        self.hidden_share = hidden_share

    def target(self, inputs: Tensor) -> Tensor:
        return torch.full_like(inputs, IGNORE)  # what is hidden isn't known of a sequence that is typed

    def valid(self, inputs: Tensor) -> Tensor:
        masked = (inputs == self.vocab_size - 1).any(1)
        return masked | self.task.valid(inputs.clamp(max=self.vocab_size - 2))

    def renew(self, batch: Batch, generator: torch.Generator) -> Batch:
        again = self.batch(batch.inputs, generator)
        if batch.may_attend is None:
            return again
        kept = again.inputs.where(batch.may_attend, batch.inputs)
        return Batch(kept, again.targets.where(batch.may_attend, IGNORE), batch.may_attend)

    def batch(self, inputs: Tensor, generator: torch.Generator) -> Batch:
        chance = torch.rand(inputs.shape, generator=generator, device=inputs.device)
        hidden = (chance < self.hidden_share) | (chance == chance.amin(1, keepdim=True))
        return Batch(inputs.masked_fill(hidden, self.vocab_size - 1), inputs.where(hidden, IGNORE))

    def fill(self, inputs: Tensor, answer: Tensor) -> Tensor:
        return answer.where(inputs == self.vocab_size - 1, inputs)


def answered(batches: list[Batch] | None) -> list[Batch] | None:
    """Return those with an answer: nothing comes after symbols that stand alone, and these have no loss."""
    return None if batches is None else [batch for batch in batches if batch.inputs.shape[1] > 1]


def next_symbols(inputs: Tensor) -> Tensor:
    """Return the symbol after each of `inputs` [B, T]; what comes after the last isn't known."""
    return torch.cat([inputs[:, 1:], torch.full_like(inputs[:, :1], IGNORE)], dim=1)

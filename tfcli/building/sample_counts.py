"""Whether a task has as many sequences as are to be trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tfcli.config.schema import RunConfig
from tfcli.errors import UsageError

if TYPE_CHECKING:
    from tasks.base import Task


EVERY = 2**40  # more than a file holds


def check_count(task: Task, config: RunConfig) -> None:
    """See to it that a task has as many sequences as are to be trained on.

    Raises:
        UsageError: it has fewer.
    """
    if config.task.data is not None and task.predicts_next:
        check_sides(task)
    count = config.train.train_samples
    if count is None:
        return
    if config.task.data is not None:
        batches = task.training_set(count, torch.Generator().manual_seed(0)) or []
        there_are = sum(len(batch.inputs) for batch in batches)
    else:
        lengths = {task.nearest_length(n) for n in range(task.min_length, task.max_length + 1)}
        held_out = [(task.n_sequences(n), task.n_held_out(n)) for n in lengths]
        if any(there is None for _, there in held_out):
            return
        there_are = sum(n - (there or 0) for n, there in held_out)
    if there_are < count:
        raise UsageError(
            f"train.train_samples={count}: there are {there_are} sequences to train on; ask for no more"
        )


def check_sides(task: Task) -> None:
    """See to it that there is something to learn and to score where each token predicts the next.

    Raises:
        UsageError: on one side, nothing follows on any symbol.
    """
    generator = torch.Generator().manual_seed(0)
    sides = {"learn from": task.training_set(None, generator), "score": task.held_out_set(EVERY, generator)}
    for what, batches in sides.items():
        if batches == []:
            raise UsageError(
                f"task.data: each token is to predict the next, and no input to {what} has two symbols;"
                " leave task.layout and task.objective out"
            )

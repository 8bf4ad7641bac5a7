"""Whether models that go through together come to what each comes to alone: tried before they train so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.devices import make_generator
from tfcli.evaluation import run
from tfcli.model.positions.rank import RankPositions
from tfcli.model.softmax import cross_entropy
from tfcli.training.filling import Filled, fill_up
from tfcli.training.loop import Trainer
from tfcli.training.stack import Answerers, Stack, mean_losses

if TYPE_CHECKING:
    from tasks.base import Batch

FEW = 4  # sequences of what is tried
MANY = 50  # batches of a training set, of which the narrowest and the widest are tried
TOLERANCE = 1e-3  # of the largest number; rounding is far below


def find_disagreement(stack: Stack) -> str | None:
    """Return why the trainers of a stack can't be trained together, or None if they can.

    Logits and gradients of some sequences are computed both ways, and logits in evaluation mode. Nothing that
    a training depends on is changed, but for gradients.
    """
    task = stack.trainers[0].task
    lengths = sorted({task.nearest_length(n) for n in range(task.min_length, task.max_length + 1)})
    shown = [task.answer_length(length) for length in lengths]
    if shown != sorted(shown):
        return "a longer input may have a shorter answer"
    if has_mixed_ranks(stack.trainers[0]):
        return "with rank positions, batches of several lengths can't be filled up further"
    batches = [choose_batch(trainer, widest=i % 2 == 1) for i, trainer in enumerate(stack.trainers)]
    kept = {name: buffer.clone() for name, buffer in stack.models.buffers.items()}
    try:
        with torch.random.fork_rng(devices=[]):
            alone = [
                run_alone(trainer, batch) for trainer, batch in zip(stack.trainers, batches, strict=True)
            ]
            gradients = [trainer.optimizer.gradients.clone() for trainer in stack.trainers]
            together = run_together(stack, fill_up(batches))
            answers = answer_both_ways(stack, batches[-1])
    except Exception as error:  # whatever a part does that can't be done for several models at once
        return f"a part can't go through for several models at once: {str(error).partition(chr(10))[0]}"
    finally:
        for name, values in kept.items():
            stack.models.buffers[name].copy_(values)
    pairs = [(own, whole[: len(own), : own.shape[1]]) for own, whole in zip(alone, together, strict=True)]
    pairs += [*zip(gradients, stack.optimizer.gradients, strict=True), *answers]
    if not all(is_near(*pair) for pair in pairs):
        return "a part gives something else where several models go through at once"
    return None


def has_mixed_ranks(trainer: Trainer) -> bool:
    """Whether padding has a say in what is learned: in how soft the comparisons of `rank` are."""
    mixes = trainer.epochs is not None and len(trainer.epochs.batches) > 1
    return mixes and any(isinstance(part, RankPositions) for part in trainer.model.modules())


def choose_batch(trainer: Trainer, *, widest: bool) -> Batch:
    """Return sequences of the shortest length or of the longest, and leave the random numbers alone."""
    if trainer.epochs is not None:
        steps = range(1, min(trainer.epochs.n_steps, MANY) + 1)
        widths = {step: trainer.epochs.batch(step).inputs.shape[1] for step in steps}
        step = (max if widest else min)(widths, key=lambda step: widths[step])
        return trainer.task.renew(trainer.epochs.batch(step), trainer.epochs.generator(step))
    task = trainer.task
    return task.sample(FEW, task.max_length if widest else task.min_length, make_generator(trainer.device, 0))


def run_alone(trainer: Trainer, batch: Batch) -> Tensor:
    """Return the logits [B, M, V] of a model; its gradients are where it keeps them."""
    trainer.model.train()
    logits: Tensor = trainer.model(batch.inputs, batch.may_attend)
    trainer.optimizer.zero_gradients()
    torch.autograd.backward(cross_entropy(logits, batch.targets))
    return logits.detach()


def run_together(stack: Stack, batch: Filled) -> Sequence[Tensor]:
    """Return the logits of each model; their gradients are where they keep them."""
    logits = stack.models.run(batch.inputs, batch.may_attend)
    stack.models.differentiate(mean_losses(logits, batch.targets).sum(), stack.optimizer.gradients)
    return list(logits.detach())


def answer_both_ways(stack: Stack, batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Return the logits [B, M, V] of each model by itself and together, in evaluation mode."""
    together = torch.cat(list(run(Answerers(stack), batch.inputs, batch.may_attend)), dim=1)
    models = [trainer.model for trainer in stack.trainers]
    alone = [torch.cat(list(run(model, batch.inputs, batch.may_attend))) for model in models]
    return list(zip(alone, together, strict=True))


def is_near(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal up to rounding, beside their largest number."""
    return bool((one - other).abs().max() <= TOLERANCE * one.abs().max())

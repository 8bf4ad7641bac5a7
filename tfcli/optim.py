"""AdamW, and what changes from step to step: the learning rate, and how sharp computed positions are.

The optimizer works on all parameters as one long vector, so a step is a handful of operations however many
layers there are. (To make a `torch.optim` optimizer imports torch's compiler: a second at every start.)
"""

from __future__ import annotations

import math

import torch
from torch import nn

from tfcli.config import TrainConfig

BETAS = (0.9, 0.98)
EPSILON = 1e-8


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, 1711.05101, algorithm 2), and clipping.

    Only the matrices of linear layers are decayed. To pull embeddings, position tables, biases and norms
    towards zero makes a model weaker, not simpler.

    The parameters of `model` become views of one vector, and so do their gradients: keep them, and call
    `zero_gradients` before each backward pass.
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        parameters = list(model.parameters())
        matrices = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
        self.clip_norm = config.clip_norm
        self.values = torch.cat([p.detach().flatten() for p in parameters])
        self.gradients = torch.zeros_like(self.values)
        self.decay = torch.cat(
            [torch.full_like(p, config.weight_decay * (id(p) in matrices)).flatten() for p in parameters]
        )
        self.mean = torch.zeros_like(self.values)
        self.square = torch.zeros_like(self.values)
        self.steps = 0
        sizes = [p.numel() for p in parameters]
        for p, value, gradient in zip(
            parameters, torch.split(self.values, sizes), torch.split(self.gradients, sizes), strict=True
        ):
            p.data, p.grad = value.view_as(p), gradient.view_as(p)

    def zero_gradients(self) -> None:
        """Forget the gradients of the last step."""
        self.gradients.zero_()

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move the parameters along their gradients, clipped to `clip_norm` in length."""
        self.steps += 1
        gradient = self.gradients.mul_((self.clip_norm / (self.gradients.norm() + 1e-6)).clamp(max=1.0))
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        unbiased_mean = 1 - BETAS[0] ** self.steps
        unbiased_square = 1 - BETAS[1] ** self.steps
        self.values.addcmul_(self.values, self.decay, value=-learning_rate)
        spread = (self.square / unbiased_square).sqrt_().add_(EPSILON)
        self.values.addcdiv_(self.mean, spread, value=-learning_rate / unbiased_mean)


def learning_rate(step: int, config: TrainConfig) -> float:
    """The rate of a step, counted from 1: a linear rise to the peak, then half a cosine down to 0."""
    if step <= config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


SHARP_AFTER = 0.6  # of the steps; the rest learn with comparisons and distances as sharp as they stay


def sharpness(step: int, config: TrainConfig, bounds: tuple[float, float]) -> float:
    """Where a step is on the way from one bound to the other, by equal factors; then at the other."""
    start, end = bounds
    return float(start * (end / start) ** min(1.0, step / (SHARP_AFTER * config.steps)))

"""The optimizer and its learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from tfcli.config import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2017, 1711.05101) with decay on the matrices of linear layers only.

    Embeddings, position tables, biases and norms aren't decayed: pulling them to zero doesn't make the model
    simpler, only weaker.
    """
    matrices = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    decayed = {id(weight) for weight in matrices}
    others = [parameter for parameter in model.parameters() if id(parameter) not in decayed]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def learning_rate(step: int, config: TrainConfig) -> float:
    """The rate of a step, counted from 1: a linear rise to the peak, then half a cosine down to 0."""
    if step <= config.warmup_steps:
        return config.learning_rate * step / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * (1 + math.cos(math.pi * min(progress, 1.0))) / 2

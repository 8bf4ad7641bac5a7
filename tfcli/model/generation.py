"""Going on with a sequence, symbol by symbol.

Axes: B batch, T position of what there is, D d_model, V symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tfcli.model.decoding import CachedModel, can_cache
from tfcli.model.encoder import Encoder


@dataclass(frozen=True)
class Sampling:
    """How a symbol is chosen.

    `temperature` divides the logits; at 0 the most probable symbol is taken. Of `top_k`, only so many of the
    most probable ones can be chosen.
    """

    temperature: float = 1.0
    top_k: int | None = None

    def choose(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """Return a symbol [B] for each of `logits` [B, V]."""
        if self.temperature == 0:
            return logits.argmax(-1)
        scaled = logits / self.temperature
        if self.top_k is None or self.top_k >= logits.shape[-1]:
            return draw(scaled.softmax(-1), generator)[:, 0]
        best, symbols = scaled.topk(self.top_k)
        return symbols.gather(1, draw(best.softmax(-1), generator))[:, 0]


def draw(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """Return an index [B, 1] for each row of `probabilities` [B, N]: torch.multinomial without its checks.

    It is the first to end of exponential waiting times with the probabilities as rates.
    """
    waiting = torch.empty_like(probabilities).exponential_(generator=generator)
    return (probabilities / waiting).argmax(-1, keepdim=True)


def generate(
    model: Encoder, inputs: Tensor, sampling: Sampling, generator: torch.Generator, *, cached: bool = True
) -> Iterator[Tensor]:
    """Yield the symbols [B] that follow `inputs` [B, T], without an end.

    With `cached` keys and values, each symbol costs one token's pass; without, or where a model can't keep
    them, one of all that there is. Both give the same logits, but for rounding.

    Raises:
        ValueError: the model isn't one that predicts what comes next, or can't read so long a sequence.
    """
    if not model.layout.open_ended:
        raise ValueError("its tokens see what comes after them; it takes a run of task.layout=next to go on")
    model.eval()
    cache = CachedModel(model) if cached and can_cache(model) else None
    while True:
        with torch.inference_mode():
            logits = model(inputs)[:, -1] if cache is None else cache.read(inputs)
            chosen = sampling.choose(logits, generator)
            inputs = torch.cat([inputs, chosen[:, None]], dim=1)
        yield chosen

"""Going on with a sequence, symbol by symbol.

Axes: B batch, T position of what there is, D d_model, V symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tfcli.model.attention import Attention
from tfcli.model.encoder import Encoder
from tfcli.model.masks import CausalMask
from tfcli.model.token_types import SeparatedTypes, TokenTypes
from tfcli.model.trace import KeyValues, contexts


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
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            least = scaled.topk(self.top_k).values[:, -1:]
            scaled = scaled.masked_fill(scaled < least, -torch.inf)
        return torch.multinomial(scaled.softmax(-1), 1, generator=generator)[:, 0]


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
    cache = [KeyValues() for _ in range(model.loops * model.n_layers)]
    cached = cached and can_cache(model)
    model.eval()
    while True:
        model.check(inputs.shape[1])
        with torch.inference_mode():
            logits = next_logits(model, inputs, cache) if cached else model(inputs)[:, -1]
            chosen = sampling.choose(logits, generator)
            inputs = torch.cat([inputs, chosen[:, None]], dim=1)
        yield chosen


def can_cache(model: Encoder) -> bool:
    """Whether nothing that a model has computed for a token changes when more tokens come.

    Own attentions, masks and token types are taken to change it, and encodings that read what tokens hold.
    """
    encodings = [model.positions, *(block.attention.positions for block in model.layers)]
    return (
        type(model.mask) is CausalMask
        and type(model.token_types) in (TokenTypes, SeparatedTypes)
        and all(encoding.goes_by_place for encoding in encodings)
        and all(type(block.attention).forward is Attention.forward for block in model.layers)
    )


def next_logits(model: Encoder, inputs: Tensor, cache: list[KeyValues]) -> Tensor:
    """Return the logits [B, V] of what follows `inputs` [B, T], all of which but the last are in the cache.

    If it is empty, all are read and kept.
    """
    at = model.indices(model.layout.coordinates(inputs, None, model.mask))
    x = model.embedding_norm(model.embed(inputs, at))
    here = at
    if cache[0].k is not None:
        x, here = x[:, -1:], at.last()
    for context, kept in zip(contexts(here, model.loops, model.n_layers), cache, strict=True):
        kept.at = at
        x = model.blocks[context.layer](x, context._replace(cache=kept))
    return model.read(model.norm(x[:, -1:]))[:, 0]

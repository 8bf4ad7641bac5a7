"""What a forward pass leaves behind, and how it can be changed to see what depends on what.

Axes: B batch, T position, M position of the answer, H head, K d_head, D d_model, V symbols.
A layer has an address: (loop, layer), both from 0; a head (loop, layer, head).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from tfcli.model.coordinates import Coordinates

LayerAddress = tuple[int, int]
HeadAddress = tuple[int, int, int]


class SublayerTrace(NamedTuple):
    """What went into a sub-layer and what came of it."""

    read: Tensor  # [B, T, D], the residual stream, normed if a norm comes first
    output: Tensor  # [B, T, D]
    added: Tensor  # [B, T, D], what is added to the stream: the output, normed if there is a norm for it
    residual: Tensor  # [B, T, D], the stream with that added
    out: Tensor  # [B, T, D], the same, normed if a norm comes last


@dataclass(repr=False)  # what isn't filled in yet can't be shown
class LayerTrace:
    """What one layer computed, in the order in which it did."""

    loop: int
    layer: int
    q: Tensor = field(init=False)  # [B, H, T, K], after positions and attention scale
    k: Tensor = field(init=False)  # [B, H, T, K], after positions
    v: Tensor = field(init=False)  # [B, H, T, K]
    scores: Tensor = field(init=False)  # [B, H, T, T], before softmax, with position bias and mask
    bias: Tensor | None = field(init=False)  # [B or 1, H or 1, T, T], the position bias in the scores
    attn_weights: Tensor = field(init=False)  # [B, H, T, T]
    z: Tensor = field(init=False)  # [B, H, T, K], each head's weighted sum of values
    attention: SublayerTrace = field(init=False)
    feed_forward: SublayerTrace | None = None  # of a block that has one

    @property
    def out(self) -> Tensor:
        """What the next layer gets, [B, T, D]."""
        return (self.feed_forward or self.attention).out


@dataclass(repr=False)
class ForwardTrace:
    """A ledger that `Encoder.forward` fills in: what the model computed on the way to its answer."""

    at: Coordinates = field(init=False)  # where the tokens stand, as the encodings read it
    summed: Tensor = field(init=False)  # [B, T, D], embeddings with positions, before a norm of their own
    embedding: Tensor = field(init=False)  # [B, T, D], the stream that the first layer reads
    layers: list[LayerTrace] = field(default_factory=list)  # loop by loop
    normed: Tensor = field(init=False)  # [B, M, D], the residual stream at the answers, after the last norm
    features: Tensor = field(init=False)  # [B, M, D], what the output head makes of that
    logits: Tensor = field(init=False)  # [B, M, V]

    @property
    def residual(self) -> list[Tensor]:
        """The residual stream [B, T, D] after the embedding and after each layer."""
        return [self.embedding, *(layer.out for layer in self.layers)]

    def layer(self, loop: int, layer: int) -> LayerTrace:
        """Return the trace of a layer."""
        return next(found for found in self.layers if (found.loop, found.layer) == (loop, layer))


@dataclass(frozen=True)
class Intervention:
    """A change of the forward pass, to see what depends on it.

    The parts that are named are removed, or take the value that they have in `source`. Of a trace of means,
    whose tensors have one row for all, each token takes the mean.
    """

    heads: frozenset[HeadAddress] = frozenset()  # outputs z of single heads
    attention: frozenset[LayerAddress] = frozenset()  # outputs of whole attentions
    feed_forward: frozenset[LayerAddress] = frozenset()
    embedding: bool = False
    source: ForwardTrace | None = None

    def check(self, loops: int, n_layers: int, n_heads: int) -> None:
        """Hold the addresses against the sizes of a model.

        Raises:
            ValueError: there is no such part.
        """
        layers = {*self.attention, *self.feed_forward, *((loop, layer) for loop, layer, _ in self.heads)}
        for loop, layer in layers:
            if not (0 <= loop < loops and 0 <= layer < n_layers):
                raise ValueError(f"there is no layer {layer} of loop {loop} to intervene in")
        for _, _, head in self.heads:
            if not 0 <= head < n_heads:
                raise ValueError(f"there is no head {head} to intervene in")

    def on_embedding(self, value: Tensor) -> Tensor:
        """Return the embedding [B, T, D], changed."""
        if not self.embedding:
            return value
        return value * 0 if self.source is None else self.source.embedding.expand_as(value)

    def on_heads(self, loop: int, layer: int, z: Tensor) -> Tensor:
        """Return the outputs of the heads of a layer [B, H, T, K], changed."""
        heads = [head for its_loop, its_layer, head in self.heads if (its_loop, its_layer) == (loop, layer)]
        if not heads:
            return z
        changed = z.clone()
        for head in heads:
            changed[:, head] = 0 if self.source is None else self.source.layer(loop, layer).z[:, head]
        return changed

    def on_attention(self, loop: int, layer: int, value: Tensor) -> Tensor:
        """Return the output of a layer's attention [B, T, D], changed."""
        if (loop, layer) not in self.attention:
            return value
        return value * 0 if self.source is None else self.source.layer(loop, layer).attention.output

    def on_feed_forward(self, loop: int, layer: int, value: Tensor) -> Tensor:
        """Return the output of a layer's feed-forward [B, T, D], changed."""
        if (loop, layer) not in self.feed_forward:
            return value
        found = None if self.source is None else self.source.layer(loop, layer).feed_forward
        return value * 0 if found is None else found.output


@dataclass(repr=False)
class KeyValues:
    """The keys and values [B, H, T, K] of the tokens so far in a layer: what comes next attends to them."""

    k: Tensor | None = None
    v: Tensor | None = None

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of more tokens, and return all."""
        if self.k is not None and self.v is not None:
            k, v = torch.cat([self.k, k], dim=2), torch.cat([self.v, v], dim=2)
        self.k, self.v = k, v
        return k, v


class LayerContext(NamedTuple):
    """What a layer has to know besides its input."""

    at: Coordinates
    loop: int = 0
    layer: int = 0
    trace: LayerTrace | None = None
    intervention: Intervention | None = None
    cache: KeyValues | None = None

    def change_heads(self, z: Tensor) -> Tensor:
        """Return the outputs of the heads, changed if there is an intervention."""
        return z if self.intervention is None else self.intervention.on_heads(self.loop, self.layer, z)

    def change_attention(self, value: Tensor) -> Tensor:
        """Return the output of the attention, changed likewise."""
        if self.intervention is None:
            return value
        return self.intervention.on_attention(self.loop, self.layer, value)

    def change_feed_forward(self, value: Tensor) -> Tensor:
        """Return the output of the feed-forward, changed likewise."""
        if self.intervention is None:
            return value
        return self.intervention.on_feed_forward(self.loop, self.layer, value)


def contexts(
    at: Coordinates,
    loops: int,
    n_layers: int,
    trace: ForwardTrace | None = None,
    intervention: Intervention | None = None,
    cache: Sequence[KeyValues] | None = None,
) -> Iterator[LayerContext]:
    """Return the context of each layer in the order of application; a trace gets a new layer for each.

    A cache has one of keys and values for each application.
    """
    for loop in range(loops):
        for layer in range(n_layers):
            layer_trace = None
            if trace is not None:
                layer_trace = LayerTrace(loop, layer)
                trace.layers.append(layer_trace)
            kept = None if cache is None else cache[loop * n_layers + layer]
            yield LayerContext(at, loop, layer, layer_trace, intervention, kept)

"""What a forward pass leaves behind, and how it can be changed to see what depends on what.

Axes: B batch, T position, M position of the answer, H head, K d_head, D d_model, V symbols.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(repr=False)  # what isn't filled in yet can't be shown
class LayerTrace:
    """What one layer computed, in the order in which it did."""

    attention_in: Tensor = field(init=False)  # [B, T, D], what attention reads
    q: Tensor = field(init=False)  # [B, H, T, K], after positions and attention scale
    k: Tensor = field(init=False)  # [B, H, T, K], after positions
    v: Tensor = field(init=False)  # [B, H, T, K]
    scores: Tensor = field(init=False)  # [B, H, T, T], before softmax, with position bias and padding mask
    attn_weights: Tensor = field(init=False)  # [B, H, T, T]
    z: Tensor = field(init=False)  # [B, H, T, K], each head's weighted sum of values
    attended: Tensor = field(init=False)  # [B, T, D], the heads side by side, projected
    after_attention: Tensor = field(init=False)  # [B, T, D], the residual stream with that added
    feed_forward_in: Tensor = field(init=False)  # [B, T, D], what the feed-forward reads
    fed: Tensor = field(init=False)  # [B, T, D], what it says
    after_feed_forward: Tensor = field(init=False)  # [B, T, D], the residual stream with that added
    out: Tensor = field(init=False)  # [B, T, D], what the next layer gets


@dataclass(repr=False)
class ForwardTrace:
    """A ledger that `Encoder.forward` fills in: what the model computed on the way to its answer."""

    embedding: Tensor = field(init=False)  # [B, T, D], with positions
    layers: list[LayerTrace] = field(default_factory=list)
    normed: Tensor = field(init=False)  # [B, M, D], the residual stream at the answers, after the last norm
    logits: Tensor = field(init=False)  # [B, M, V]

    @property
    def residual(self) -> list[Tensor]:
        """The residual stream [B, T, D] after the embedding and after each layer."""
        return [self.embedding, *(layer.out for layer in self.layers)]


@dataclass(frozen=True)
class Intervention:
    """A change of the forward pass, to see what depends on it.

    `keep` has a factor for the parts that it names, by their names in the traces: [n_layers, H, 1, 1] for
    "z", [n_layers, 1, 1] for "attended" and "fed", one number for "embedding". 1 keeps a part and 0 removes
    it; what `instead` holds there takes its place, or nothing.
    """

    keep: dict[str, Tensor]
    instead: ForwardTrace | None = None

    def on_layer(self, layer: int, part: str, value: Tensor) -> Tensor:
        """A part of a layer, changed."""
        if part not in self.keep:
            return value
        instead = None if self.instead is None else getattr(self.instead.layers[layer], part)
        return self.mix(value, self.keep[part][layer], instead)

    def on_embedding(self, value: Tensor) -> Tensor:
        """The embedding, changed."""
        if "embedding" not in self.keep:
            return value
        instead = None if self.instead is None else self.instead.embedding
        return self.mix(value, self.keep["embedding"], instead)

    @staticmethod
    def mix(value: Tensor, keep: Tensor, instead: Tensor | None) -> Tensor:
        """`value` as far as it is kept, and the rest from `instead`."""
        return value * keep if instead is None else value * keep + instead * (1 - keep)

"""One token's pass beside the keys and values of those before it, to the logits of the whole pass.

Axes: B batch, T position of what there is, V symbols.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tfcli.model.attention import Attention
from tfcli.model.coordinates import Coordinates
from tfcli.model.encoder import Encoder
from tfcli.model.masks import CausalMask
from tfcli.model.token_types import SeparatedTypes, TokenTypes
from tfcli.model.trace import KeyValues, contexts

Part = TypeVar("Part", bound=nn.Module)


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


class CachedModel:
    """A model in evaluation mode that keeps what it has read: each further token costs its own pass alone."""

    def __init__(self, model: Encoder) -> None:
        self.model = quick(model)
        self.blocks = self.model.layers
        self.cache = [KeyValues() for _ in range(model.loops * model.n_layers)]
        self.places: Coordinates | None = None  # of what has been read, and as much again

    def read(self, inputs: Tensor) -> Tensor:
        """Return the logits [B, V] of what follows `inputs` [B, T].

        At first all are read, in one pass; afterwards the last one, for those before it have been.
        """
        at = self.coordinates(inputs)
        if at.first == 0:
            return self.logits(inputs, at)
        with without_onednn():
            return self.logits(inputs, at)

    def logits(self, inputs: Tensor, at: Coordinates) -> Tensor:
        """Return the logits [B, V] at the last of `inputs` [B, T], where those before `at` are kept."""
        model = self.model
        x = model.embedding_norm(model.embed(inputs, at))
        for context in contexts(at, model.loops, model.n_layers, cache=self.cache):
            x = self.blocks[context.layer](x, context)
        return model.read(model.norm(x[:, -1]))

    def coordinates(self, inputs: Tensor) -> Coordinates:
        """Return the coordinates of those tokens of `inputs` [B, T] that aren't kept.

        Raises:
            ValueError: the model can't read so many.
        """
        model, T = self.model, inputs.shape[1]
        length = model.layout.sequence_length(T)
        first = 0 if self.places is None else length - 1
        if self.places is None or self.places.start.shape[1] < length:
            model.check(T)
            longest, _ = model.longest
            ahead = inputs.new_zeros(1, 2 * T if longest is None else min(2 * T, longest))
            self.places = model.indices(model.layout.coordinates(ahead, None, model.mask))
        return self.places.part(first, length)


@contextmanager
def without_onednn() -> Iterator[None]:
    """Leave out oneDNN: for a single token, to set up its GELU takes five times as long as torch's own."""
    onednn: Any = torch.backends.mkldnn  # torch's types take its property for a plain attribute
    was = onednn.enabled
    onednn.enabled = False
    try:
        yield
    finally:
        onednn.enabled = was


def quick(module: Part) -> Part:
    """Return a copy of a module in evaluation mode that shares its parameters and costs less to call.

    A token's pass through a small model is mostly calls. Torch looks for hooks at each, and finds parts and
    parameters by a method in Python. Here they are plain attributes, and no dropout is called. What has hooks
    stays as it is.
    """
    if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module):
        return module
    kind: Any = type(module)
    copied: Part = object.__new__(called_directly(kind))
    parts = {
        name: part and quick(nn.Identity() if isinstance(part, nn.Dropout) else part)
        for name, part in module._modules.items()
    }
    found = {**module._parameters, **module._buffers, **parts}
    vars(copied).update(vars(module) | {"_modules": parts} | found)
    return copied


@cache
def called_directly(kind: type[nn.Module]) -> Any:
    """Return a class whose modules are called as their `forward` is."""
    return type(kind.__name__, (kind,), {"__call__": kind.forward})

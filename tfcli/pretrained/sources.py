"""Which of their tensors each of ours is made from, and can be taken apart into again.

Axes: V vocabulary, P position, S segment, D d_model, F d_ff, C class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tfcli.pretrained.names import HeadNames, Names
from tfcli.pretrained.settings import Settings

Shape = tuple[int, ...]


class Source(NamedTuple):
    """Tensors of theirs with their shapes, how ours is made from them, and they from ours."""

    parts: dict[str, Shape]
    make: Callable[..., Tensor]
    split: Callable[[Tensor, Sequence[Shape]], Sequence[Tensor]]


class Target(NamedTuple):
    """What a model becomes, as far as its tensors tell."""

    names: Names
    settings: Settings
    head: HeadNames | None  # None: logits come from tied embeddings
    is_tied: bool
    n_classes: int  # of a classifier; 0: it answers with its vocabulary
    has_types: bool  # whether types of tokens are told apart


def list_sources(target: Target) -> Iterator[tuple[str, Source]]:
    """Yield each of our tensors with its source."""
    yield from embedding_sources(target)
    for layer in range(target.settings.n_layers):
        for ours, source in layer_sources(target):
            numbered = {name.format(layer): shape for name, shape in source.parts.items()}
            yield f"blocks.{layer}.{ours}", source._replace(parts=numbered)
    if target.names.last_norm is not None:
        yield from norm("norm", target.names.last_norm, target)
    yield from head_sources(target)


def embedding_sources(target: Target) -> Iterator[tuple[str, Source]]:
    """Yield the tables of tokens, types and positions, and the norm of their sum."""
    names, settings, D = target.names, target.settings, target.settings.d_model
    tokens, positions = f"{names.tokens}.weight", f"{names.positions}.weight"
    yield "embedding.weight", Source({tokens: (settings.vocab_size, D)}, stack, unstack)
    parts: dict[str, Shape] = {positions: (settings.longest, D)}
    if names.types is not None:
        types, shape = f"{names.types}.weight", (settings.n_types, D)
        if target.has_types:
            yield "token_types.table.weight", Source({types: shape}, stack, unstack)
        else:
            parts[types] = shape
    offset = settings.offset

    def make(positions: Tensor, types: Tensor | None = None) -> Tensor:
        # Where all tokens are of one type, its row is as good as a part of every position's.
        rows = positions[offset:]
        return rows if types is None else rows + types[0]

    def split(ours: Tensor, shapes: Sequence[Shape]) -> Sequence[Tensor]:
        # Rows that nothing reads, and a type that adds nothing, are 0.
        others = [torch.zeros(shape) for shape in shapes[1:]]
        return [torch.cat([torch.zeros(offset, D), ours]), *others]

    yield "positions.table.weight", Source(parts, make, split)
    if names.embedding_norm is not None:
        yield from norm("embedding_norm", names.embedding_norm, target)


def layer_sources(target: Target) -> Iterator[tuple[str, Source]]:
    """Yield the tensors of a layer, whose number stands as `{}` in their names."""
    names, D, F = target.names, target.settings.d_model, target.settings.d_ff
    place = "before" if names.last_norm is not None else "after"
    yield from linear("attention.qkv", names.query_key_value, D, 3 * D, target)
    yield from linear("attention.out", (names.attention_out,), D, D, target)
    yield from norm(f"norm_attention.{place}", names.attention_norm, target)
    yield from linear("feed_forward.expand", (names.expand,), D, F, target)
    yield from linear("feed_forward.contract", (names.contract,), F, D, target)
    yield from norm(f"norm_feed_forward.{place}", names.feed_forward_norm, target)


def head_sources(target: Target) -> Iterator[tuple[str, Source]]:
    """Yield the tensors between the last layer and the logits."""
    head, settings = target.head, target.settings
    if head is None:
        return
    D, C = settings.d_model, target.n_classes or settings.vocab_size
    if head.dense is not None:
        yield from linear("output_head.dense", (head.dense,), D, D, target)
    if head.norm is not None:
        yield from norm("output_head.norm", head.norm, target)
    bias = head.bias or f"{head.logits}.bias"
    has_bias = head.bias is not None or bool(target.n_classes)
    if target.is_tied:
        if has_bias:
            yield "logit_bias", Source({bias: (C,)}, stack, unstack)
        return
    yield "unembedding.weight", Source({f"{head.logits}.weight": (C, D)}, stack, unstack)
    # A model whose layers have biases has one here, which adds nothing where theirs has none.
    if has_bias:
        yield "unembedding.bias", Source({bias: (C,)}, stack, unstack)
    else:
        yield "unembedding.bias", Source({}, lambda: torch.zeros(C), lambda ours, shapes: ())


def norm(ours: str, theirs: str, target: Target) -> Iterator[tuple[str, Source]]:
    """Yield the two tensors of a norm."""
    for kind in ("weight", "bias"):
        yield f"{ours}.{kind}", Source({f"{theirs}.{kind}": (target.settings.d_model,)}, stack, unstack)


def linear(
    ours: str, theirs: tuple[str, ...], n_in: int, n_out: int, target: Target
) -> Iterator[tuple[str, Source]]:
    """Yield the two tensors of a linear layer, which may be stacked from several of theirs."""
    rows = n_out // len(theirs)
    is_transposed = target.names.is_transposed
    shape = (n_in, rows) if is_transposed else (rows, n_in)
    weights: dict[str, Shape] = {f"{name}.weight": shape for name in theirs}
    both = (transpose, split_transposed) if is_transposed else (stack, unstack)
    yield f"{ours}.weight", Source(weights, *both)
    yield f"{ours}.bias", Source({f"{name}.bias": (rows,) for name in theirs}, stack, unstack)


def stack(*parts: Tensor) -> Tensor:
    """Return tensors below each other."""
    return torch.cat(parts)


def unstack(ours: Tensor, shapes: Sequence[Shape]) -> Sequence[Tensor]:
    """Return the parts that a tensor was stacked from, each in memory of its own."""
    return [part.clone() for part in torch.split(ours, [shape[0] for shape in shapes])]


def transpose(weight: Tensor) -> Tensor:
    """Return a matrix [in, out] as [out, in]."""
    return weight.T.contiguous()


def split_transposed(ours: Tensor, shapes: Sequence[Shape]) -> Sequence[Tensor]:
    """Return the one matrix [in, out] that a matrix [out, in] was made from."""
    return [transpose(ours)]

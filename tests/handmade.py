"""Models whose weights are set by hand, so that what their heads do is known exactly."""

from __future__ import annotations

import torch
from torch import nn

from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.model.attention import Attention
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.positions.ends import EndsPositions

SHARP = 5.0  # times the GAIN of `ends`: the weight that is left for all other keys is below 1e-15


def blank(vocab_size: int, n_heads: int, max_length: int = 20, n_layers: int = 1) -> Encoder:
    """All weights zero, all norms plain: uniform heads that say nothing. d_head is the vocabulary's size."""
    config = ModelConfig(d_model=n_heads * vocab_size, n_heads=n_heads, n_layers=n_layers, d_ff=4)
    model = build_encoder(config, Layout(vocab_size), max_length)
    for name, parameter in model.named_parameters():
        nn.init.constant_(parameter, float("norm" in name and name.endswith("weight")))
    return model.eval()


def attention_of(model: Encoder, layer: int = 0) -> Attention:
    """Return the attention of a layer."""
    return model.layers[layer].attention


def point(model: Encoder, head: int, *, mirror: bool = False, offset: int = 0, layer: int = 0) -> None:
    """Let a head look at its mirror image, or at the key that many positions after the query."""
    positions = attention_of(model, layer).positions
    assert isinstance(positions, EndsPositions)
    table = positions.from_end if mirror else positions.from_start
    table.data[positions.reach - offset, head] = SHARP


def reverser(vocab_size: int = 4, max_length: int = 8) -> Encoder:
    """Return a model that reverses: head 0 carries the mirror image over, head 1 is uniform and says nothing.

    The first V channels hold the symbol, one-hot; head 0 writes what it finds into the rest, which is read.
    """
    V = vocab_size
    model = blank(V, n_heads=2, max_length=max_length)
    point(model, 0, mirror=True)
    attention = attention_of(model)
    one_hot = torch.eye(V)
    model.embedding.weight.data[:, :V] = one_hot
    attention.qkv.weight.data[4 * V : 5 * V, :V] = one_hot  # the values of head 0
    attention.out.weight.data[V:, :V] = one_hot
    assert model.unembedding is not None
    model.unembedding.weight.data[:, V:] = one_hot
    return model

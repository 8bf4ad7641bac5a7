"""A run by the names of TransformerLens: its HookedTransformer, or its HookedEncoder for a model like BERT.

Axes: L position of all that is read, V symbol, H head, K d_head, D d_model, F d_ff.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tfcli.config.model_section import ModelConfig
from tfcli.errors import UsageError
from tfcli.exporting.describing import describe
from tfcli.model.attention import Attention
from tfcli.model.blocks import Block
from tfcli.model.encoder import Encoder
from tfcli.model.feed_forward import MLP, GatedMLP
from tfcli.model.norms import LayerNorm, Norm, RMSNorm
from tfcli.model.output_heads import DenseHead
from tfcli.model.token_types import SeparatedTypes

ACTIVATIONS = {"gelu": "gelu", "relu": "relu", "silu": "silu", "gelu_tanh": "gelu_new"}  # ours -> theirs
NORMS = {"layer": "LN", "rms": "RMS", "none": None}
LEAST_CONTEXT = 2048  # positions that a model without a bound of its own is made for
N_TYPES = 2  # of tokens, which a HookedEncoder always has
# What a setting may be, by name or value; settings that aren't here may be anything.
ALWAYS: dict[str, tuple[Any, ...]] = {
    "input": ("symbols",),
    "indices": ("consecutive",),
    "counters": (0,),
    "attention": ("full",),
    "attention_scale": ("standard",),
    "attention_weights": ("softmax",),
    "begin_token": (False,),
}
TRANSFORMER = ALWAYS | {
    "positions": ("none", "learned", "sinusoidal", "rotary"),
    "mask": ("none", "causal"),
    "token_types": ("none",),
    "embedding_norm": (False,),
    "feed_forward": ("mlp", "gated", "none"),
    "norm": tuple(NORMS),
    "norm_placement": ("pre", "parallel"),
    "output_head": ("linear",),
}
ENCODER = ALWAYS | {
    "positions": ("none", "learned", "sinusoidal"),
    "mask": ("none",),
    "token_types": ("none", "separated"),
    "embedding_norm": (True,),
    "feed_forward": ("mlp",),
    "norm": ("layer",),
    "norm_placement": ("post",),
    "output_head": ("dense",),
}


class LensModel(NamedTuple):
    """A model of theirs: its class, what its configuration is made from, and its tensors."""

    class_name: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]


def make_lens(config: ModelConfig, model: Encoder, max_length: int) -> LensModel:
    """Return the model of TransformerLens that computes what a model does, logits at each token that is read.

    Raises:
        UsageError: there is none.
    """
    is_encoder = config.norm_placement == "post"
    class_name = "HookedEncoder" if is_encoder else "HookedTransformer"
    if misfits := list(list_misfits(config, model, ENCODER if is_encoder else TRANSFORMER)):
        raise UsageError(f"{class_name} doesn't have {', '.join(misfits)}; --to onnx takes nearly any")
    context = model.positions.longest or max(LEAST_CONTEXT, max_length)
    tensors = {**embed(model, context, "embed." if is_encoder else ""), **list_layers(model), **read(model)}
    said = describe_config(config, model, context)
    return LensModel(class_name, said, {name: tensor.contiguous() for name, tensor in tensors.items()})


def list_misfits(config: ModelConfig, model: Encoder, allowed: dict[str, tuple[Any, ...]]) -> Iterator[str]:
    """Yield what a run has that theirs can't have, by the settings that say so."""
    if model.layout.appended:
        yield "task.layout appended"
    for key, values in allowed.items():
        ours = getattr(config, key)
        if getattr(ours, "name", ours) not in values:
            yield f"model.{key} {describe(ours)}"
    feed_forward, head = config.feed_forward, config.output_head
    activation = feed_forward.settings.get("activation", "gelu")
    if activation not in ACTIVATIONS:
        yield f"model.feed_forward.activation {activation}"
    if feed_forward.name == "gated" and config.bias:
        yield "model.bias true beside model.feed_forward gated"
    if head.name == "dense" and head.settings != {"activation": "gelu", "norm_after": True}:
        yield f"model.output_head {describe(head, settings=True)}"
    if config.token_types.settings.get("count", N_TYPES) != N_TYPES:
        yield f"model.token_types.count {config.token_types.settings['count']}"


def describe_config(config: ModelConfig, model: Encoder, context: int) -> dict[str, Any]:
    """Return the fields of a HookedTransformerConfig that aren't as they are by default."""
    activation = config.feed_forward.settings.get("activation", "gelu")
    return {
        "n_layers": config.n_layers * config.loops,
        "d_model": config.d_model,
        "n_ctx": context,
        "d_head": config.d_head,
        "n_heads": config.n_heads,
        "d_mlp": config.d_ff,
        "d_vocab": model.layout.n_tokens,
        "d_vocab_out": model.layout.n_answers,
        "act_fn": ACTIVATIONS[activation],
        "eps": config.norm.settings.get("epsilon", 1e-5),
        "normalization_type": NORMS[config.norm.name],
        "attention_dir": "causal" if config.mask.name == "causal" else "bidirectional",
        "attn_only": config.feed_forward.name == "none",
        "gated_mlp": config.feed_forward.name == "gated",
        "parallel_attn_mlp": config.norm_placement == "parallel" and config.feed_forward.name != "none",
        "positional_embedding_type": "rotary" if config.positions.name == "rotary" else "standard",
        "rotary_adjacent_pairs": config.positions.name == "rotary",
        "tie_word_embeddings": config.tie_embeddings,
        "default_prepend_bos": False,
    }


def embed(model: Encoder, context: int, prefix: str) -> dict[str, Tensor]:
    """Return the tables of tokens and positions, and what else an encoder has there."""
    D = model.embedding.embedding_dim
    found = {f"{prefix}embed.W_E": model.embedding.weight.detach() * model.embedding.scale}
    if all(block.attention.positions.in_queries is None for block in model.layers):
        # All the encodings that there may be add a vector to each token, by its place alone.
        at = model.layout.coordinates(torch.zeros(1, context, dtype=torch.int64))
        with torch.no_grad():
            found[f"{prefix}pos_embed.W_pos"] = model.positions.embed(torch.zeros(1, context, D), at)[0]
    if prefix:
        types = model.token_types
        rows = types.table.weight.detach() if isinstance(types, SeparatedTypes) else torch.zeros(N_TYPES, D)
        found[f"{prefix}token_type_embed.W_token_type"] = rows
        found |= norm(f"{prefix}ln", model.embedding_norm)
    return found


def list_layers(model: Encoder) -> dict[str, Tensor]:
    """Return the tensors of all layers; those of a loop are there as often as they are applied."""
    found: dict[str, Tensor] = {}
    for number, block in enumerate(model.layers * model.loops):
        for name, tensor in layer(block).items():
            found[f"blocks.{number}.{name}"] = tensor.clone()
    return found


def layer(block: Block) -> dict[str, Tensor]:
    """Return the tensors of a layer, with the norms before its sub-layers or after them."""
    around = [block.norm_attention, block.norm_feed_forward or block.norm_attention]
    norms = [norms.before if type(norms.after) is Norm else norms.after for norms in around]
    if type(norms[1]) is Norm:
        norms[1] = norms[0]  # one for both
    found = {**attend(block.attention), **norm("ln1", norms[0])}
    if isinstance(block.feed_forward, MLP):
        found |= {**feed(block.feed_forward), **norm("ln2", norms[1])}
    return found


def attend(attention: Attention) -> dict[str, Tensor]:
    """Return W_Q, W_K, W_V [H, D, K] and W_O [H, K, D] with their biases."""
    H, D = attention.n_heads, attention.out.out_features
    found = {}
    for letter, weight, bias in zip(
        "QKV", weight_of(attention.qkv).chunk(3), bias_of(attention.qkv).chunk(3), strict=True
    ):
        found[f"attn.W_{letter}"] = weight.reshape(H, -1, D).transpose(1, 2)
        found[f"attn.b_{letter}"] = bias.reshape(H, -1)
    found["attn.W_O"] = weight_of(attention.out).T.reshape(H, -1, D)
    return found | {"attn.b_O": bias_of(attention.out)}


def feed(network: MLP) -> dict[str, Tensor]:
    """Return W_in [D, F] and W_out [F, D] with their biases, and W_gate [D, F] of a gated network."""
    found = {
        "mlp.W_in": weight_of(network.expand).T,
        "mlp.b_in": bias_of(network.expand),
        "mlp.W_out": weight_of(network.contract).T,
        "mlp.b_out": bias_of(network.contract),
    }
    return found | ({"mlp.W_gate": weight_of(network.gate).T} if isinstance(network, GatedMLP) else {})


def read(model: Encoder) -> dict[str, Tensor]:
    """Return the last norm, the head of a masked language model, and W_U [D, V] with b_U."""
    found = norm("ln_final", model.norm)
    if isinstance(head := model.output_head, DenseHead):
        found |= {"mlm_head.W": weight_of(head.dense).T, "mlm_head.b": bias_of(head.dense)}
        found |= norm("mlm_head.ln", head.norm)
    V = model.layout.n_answers
    if model.unembedding is not None:
        return found | {
            "unembed.W_U": weight_of(model.unembedding).T,
            "unembed.b_U": bias_of(model.unembedding),
        }
    bias = torch.zeros(V) if model.logit_bias is None else model.logit_bias.detach()
    return found | {"unembed.W_U": model.embedding.weight.detach()[:V].T, "unembed.b_U": bias}


def norm(name: str, ours: Norm) -> dict[str, Tensor]:
    """Return the scale and the shift of a norm, where there is one; a shift that isn't learned is 0."""
    if isinstance(ours, RMSNorm):
        return {f"{name}.w": ours.weight.detach()}
    if not isinstance(ours, LayerNorm):
        return {}
    weight = ours.weight.detach()
    return {
        f"{name}.w": weight,
        f"{name}.b": torch.zeros_like(weight) if ours.bias is None else ours.bias.detach(),
    }


def weight_of(linear: nn.Linear) -> Tensor:
    """Return the matrix [out, in] of a layer."""
    return linear.weight.detach()


def bias_of(linear: nn.Linear) -> Tensor:
    """Return the biases of a layer, 0 where it has none."""
    bias: Tensor | None = linear.bias
    return torch.zeros(linear.out_features) if bias is None else bias.detach()

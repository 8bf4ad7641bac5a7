"""A Transformer encoder, to be read beside "Attention Is All You Need" (Vaswani et al. 2017, 1706.03762).

Axes: B batch, T position, H head, K d_head, D d_model, F d_ff, V vocabulary.
Row = query (who looks), column = key (what is looked at); each row of attention weights sums to 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.config import ModelConfig
from tfcli.counters import Counters
from tfcli.layouts import Coordinates, Layout
from tfcli.normalizers import NORMALIZERS
from tfcli.positions import POSITIONS, NoPositions
from tfcli.traces import ForwardTrace, Intervention, LayerTrace

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class LayerContext(NamedTuple):
    """What a layer has to know besides its input."""

    layer: int
    positions: NoPositions
    at: Coordinates
    trace: ForwardTrace | None = None
    intervention: Intervention | None = None

    def note(self, **values: Tensor) -> None:
        """Enter values into the trace, if there is one."""
        if self.trace is not None:
            for name, value in values.items():
                setattr(self.trace.layers[self.layer], name, value)

    def intervene(self, part: str, value: Tensor) -> Tensor:
        """The value of a part, changed if there is an intervention."""
        if self.intervention is None:
            return value
        return self.intervention.on_layer(self.layer, part, value)


class StandardScale(nn.Module):
    """Scores as they are, whatever the length."""

    formula = ""  # what is done to queries and bias, for people to read

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()

    def forward(self, q: Tensor, bias: Tensor | None, at: Coordinates) -> tuple[Tensor, Tensor | None]:
        """Queries [B, H, T, K] and bias, scaled so that their scores are."""
        return q, bias


class LogLengthScale(StandardScale):
    """Scores times b + s log n, with n the number of keys, and b and s learned by each head.

    A score that is larger by a constant gives a weight that shrinks as keys are added; one that is larger by
    a multiple of log n does not (Chiang & Cholak 2022, 2202.12172).
    """

    formula = ", times b + s log(number of keys)"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.b = nn.Parameter(torch.zeros(config.n_heads, 1, 1))
        self.s = nn.Parameter(torch.ones(config.n_heads, 1, 1))

    def forward(self, q: Tensor, bias: Tensor | None, at: Coordinates) -> tuple[Tensor, Tensor | None]:
        log_n = at.n_keys.log()[:, None, :, None]  # [B, 1, 1, 1]
        factor = self.b + self.s * log_n  # [B, H, 1, 1]
        return q * factor, None if bias is None else bias * factor


ATTENTION_SCALES: dict[str, type[StandardScale]] = {"standard": StandardScale, "log_length": LogLengthScale}


class Attention(nn.Module):
    """Multi-head scaled dot-product attention (section 3.2): softmax(q k^T / sqrt(d_head)) v in each head."""

    # For people to read; * stands for q, k or v.
    formula = "* = x W_* + b_*"
    projects = "its vector through the head's W_*"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.scale = 1 / math.sqrt(config.d_head)
        self.dropout = config.dropout
        self.rescale = ATTENTION_SCALES[config.attention_scale](config)
        self.normalizer = config.normalizer
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.out = nn.Linear(config.d_model, config.d_model)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [B, H, T, K] of `x` [B, T, D]."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.split_heads(q), self.split_heads(k), self.split_heads(v)

    def split_heads(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, H, T, K]."""
        return x.view(*x.shape[:-1], self.n_heads, -1).transpose(1, 2)

    def forward(self, x: Tensor, context: LayerContext) -> Tensor:
        q, k, v = self.project(x)
        q, k = context.positions.rotate(q, context.at), context.positions.rotate(k, context.at)
        q, bias = self.rescale(q, context.positions.bias(context.layer, x, context.at), context.at)
        bias = mask_padding(bias, context.at.may_attend)
        if context.trace is None and self.normalizer == "softmax" and not slow_when_fused(v):
            dropout = self.dropout if self.training else 0.0
            z = F.scaled_dot_product_attention(q, k, v, bias, dropout, scale=self.scale)
        else:
            scores = q @ k.transpose(-2, -1) * self.scale
            if bias is not None:
                scores = scores + bias
            attn_weights = NORMALIZERS[self.normalizer](scores)
            z = F.dropout(attn_weights, self.dropout, self.training) @ v
            context.note(attention_in=x, q=q, k=k, v=v, scores=scores, attn_weights=attn_weights)
        z = context.intervene("z", z)
        attended = self.out(z.transpose(1, 2).flatten(-2))  # heads side by side, then projected
        attended = context.intervene("attended", attended)
        context.note(z=z, attended=attended)
        return attended


class SharedAttention(Attention):
    """The simplified attention of many tutorials: split first, then project.

    The embedding is cut into heads, and one bias-free d_head x d_head projection each makes queries, keys and
    values for all of them. Scores are divided by sqrt(d_model).
    """

    formula = "* = x_head W_*"
    projects = "the head's slice of its vector, through the W_* that all heads share"

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.scale = 1 / math.sqrt(config.d_model)
        self.qkv = nn.Linear(config.d_head, 3 * config.d_head, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.qkv(self.split_heads(x)).chunk(3, dim=-1)
        return q, k, v


ATTENTIONS: dict[str, type[Attention]] = {"full": Attention, "shared": SharedAttention}


class FeedForward(nn.Module):
    """The same two-layer network at each position (section 3.3)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.d_model, config.d_ff)
        self.activation = ACTIVATIONS[config.activation]()
        self.dropout = nn.Dropout(config.dropout)
        self.contract = nn.Linear(config.d_ff, config.d_model)

    def forward(self, x: Tensor, context: LayerContext) -> Tensor:
        hidden = self.activation(self.expand(x))  # [B, T, F]
        fed = context.intervene("fed", self.contract(self.dropout(hidden)))
        context.note(feed_forward_in=x, fed=fed)
        return fed


class PreNormBlock(nn.Module):
    """Attention, then feed-forward, each x + sublayer(norm(x)) (Xiong et al. 2020, 2002.04745)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = ATTENTIONS[config.attention](config)
        self.feed_forward = FeedForward(config)
        self.norm_attention = nn.LayerNorm(config.d_model)
        self.norm_feed_forward = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, context: LayerContext) -> Tensor:
        x = x + self.dropout(self.attention(self.norm_attention(x), context))
        context.note(after_attention=x)
        x = x + self.dropout(self.feed_forward(self.norm_feed_forward(x), context))
        context.note(after_feed_forward=x)
        return x


class PostNormBlock(PreNormBlock):
    """The original order, norm(x + sublayer(x)) (Vaswani et al. 2017, section 3.1)."""

    def forward(self, x: Tensor, context: LayerContext) -> Tensor:
        x = x + self.dropout(self.attention(x, context))
        context.note(after_attention=x)
        x = self.norm_attention(x)
        x = x + self.dropout(self.feed_forward(x, context))
        context.note(after_feed_forward=x)
        x = self.norm_feed_forward(x)
        return x


BLOCKS: dict[str, type[PreNormBlock]] = {"pre": PreNormBlock, "post": PostNormBlock}


class Encoder(nn.Module):
    """Token embedding, positions, `n_layers` blocks, and logits over the symbols at each answer.

    Args:
        max_length: the longest input to train on.
    """

    def __init__(self, config: ModelConfig, layout: Layout, max_length: int) -> None:
        super().__init__()
        self.layout = layout
        self.n_heads = config.n_heads
        self.embedding = nn.Embedding(layout.n_tokens, config.d_model)
        self.counters = Counters(config, layout.n_tokens) if config.counters else None
        longest = layout.longest(max_length)
        self.positions = POSITIONS[config.positions](config, longest, layout.n_segments)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(BLOCKS[config.norm](config) for _ in range(config.n_layers))
        # A pre-norm stream is never normalised on its way; a post-norm one leaves each block normalised.
        self.norm = nn.LayerNorm(config.d_model) if config.norm == "pre" else nn.Identity()
        self.unembedding = nn.Linear(config.d_model, layout.n_answers)

    def embed(self, tokens: Tensor, may_attend: Tensor | None) -> Tensor:
        """Vectors [B, L, D] of `tokens` [B, L], with what the counters show, if there are any."""
        x: Tensor = self.embedding(tokens)
        return x if self.counters is None else x + self.counters(tokens, may_attend)

    def takes(self, length: int) -> bool:
        """Whether the model can read inputs of that length."""
        longest = self.positions.longest
        return longest is None or self.layout.longest(length) <= longest

    def check(self, length: int) -> None:
        """Nothing, where the model can read inputs of that length.

        Raises:
            ValueError: it can't.
        """
        if not self.takes(length):
            longest = max(filter(self.takes, range(1, length)), default=0)
            raise ValueError(f"{self.positions.kind} know lengths up to {longest}, not {length}")

    def forward(
        self,
        inputs: Tensor,
        may_attend: Tensor | None = None,
        *,
        trace: ForwardTrace | None = None,
        intervention: Intervention | None = None,
    ) -> Tensor:
        """Logits [B, M, V] for `inputs` [B, T]; M is T where answers are read in place.

        Args:
            may_attend: bool [B, T], True where a token may be attended to, False for padding. No row may be
                all False. For one segment alone.
            trace: filled with what was computed on the way. Attention is then computed step by step, not by
                the fused kernel, to the same result. The model must be in evaluation mode.
            intervention: what to remove or replace on the way.
        """
        if trace is not None and self.training:
            raise RuntimeError("a trace shows what the model predicts with: call eval() first")
        self.check(inputs.shape[1])
        at = self.positions.place(self.layout.coordinates(inputs, may_attend))
        x = self.dropout(self.positions.embed(self.embed(self.layout.tokens(inputs), may_attend), at))
        if intervention is not None:
            x = intervention.on_embedding(x)
        if trace is not None:
            trace.embedding = x
            trace.layers = [LayerTrace() for _ in self.blocks]
        for layer, block in enumerate(self.blocks):
            context = LayerContext(layer, self.positions, at, trace, intervention)
            x = block(x, context)
            context.note(out=x)
        normed = self.norm(self.layout.answers(x, inputs.shape[1]))
        logits: Tensor = self.unembedding(normed)
        if trace is not None:
            trace.normed, trace.logits = normed, logits
        return logits


def slow_when_fused(v: Tensor) -> bool:
    """Whether torch's fused attention takes longer than the explicit form, for values [B, H, T, K].

    On a CPU its backward pass is three times as slow in bfloat16 as in float32. Weights of many tokens would
    take more memory than that is worth.
    """
    return v.device.type == "cpu" and v.dtype == torch.bfloat16 and v.requires_grad and v.shape[2] <= 256


def mask_padding(bias: Tensor | None, may_attend: Tensor | None) -> Tensor | None:
    """The position bias with -inf at each key that may not be attended to: [B, H or 1, T or 1, T]."""
    if may_attend is None:
        return bias
    padding = torch.zeros(may_attend.shape, device=may_attend.device).masked_fill(~may_attend, -math.inf)
    return padding[:, None, None, :] if bias is None else bias + padding[:, None, None, :]

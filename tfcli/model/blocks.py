"""A block: attention, then the feed-forward, each added to the residual stream, with norms around it.

Axes: B batch, L position of all that is read, D d_model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from tfcli.model.attention import Attention
from tfcli.model.coordinates import Coordinates
from tfcli.model.feed_forward import FeedForward
from tfcli.model.norms import Norm
from tfcli.model.stages import Stage
from tfcli.model.trace import LayerContext, LayerTrace, SublayerTrace


class Norms(nn.Module):
    """The norms around a sub-layer f, after(x + inside(f(before(x)))); those that aren't there do nothing."""

    def __init__(self, before: Norm, inside: Norm, after: Norm) -> None:
        super().__init__()
        self.before, self.inside, self.after = before, inside, after


class Block(nn.Module):
    """Attention, then the feed-forward, each added to the residual stream, with norms around it.

    With a norm before each sub-layer this is pre-norm (Xiong et al. 2020, 2002.04745), with one after each
    sum the original post-norm (Vaswani et al. 2017, section 3.1), with one on both sides of the sub-layer a
    sandwich (Ding et al. 2021, 2105.13290, section 2.4).
    """

    def __init__(
        self,
        attention: Attention,
        feed_forward: FeedForward | None,
        norm_attention: Norms,
        norm_feed_forward: Norms | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attention, self.norm_attention = attention, norm_attention
        self.feed_forward, self.norm_feed_forward = feed_forward, norm_feed_forward
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: LayerContext) -> Tensor:
        attended = self.attend(x, self.norm_attention.before(x), context)
        if self.feed_forward is None or self.norm_feed_forward is None:
            return attended
        return self.feed(attended, self.norm_feed_forward.before(attended), context)

    def attend(self, x: Tensor, read: Tensor, context: LayerContext) -> Tensor:
        """Return the stream `x` with what attention makes of `read`, both [B, L, D]."""
        output = self.attention(read, context)
        made = self.add(x, read, output, self.norm_attention)
        if context.trace is not None:
            context.trace.attention = made
        return made.out

    def feed(self, x: Tensor, read: Tensor, context: LayerContext) -> Tensor:
        """Return the stream `x` with what the feed-forward makes of `read`, both [B, L, D]."""
        assert self.feed_forward is not None
        assert self.norm_feed_forward is not None
        output = context.change_feed_forward(self.feed_forward(read))
        made = self.add(x, read, output, self.norm_feed_forward)
        if context.trace is not None:
            context.trace.feed_forward = made
        return made.out

    def add(self, x: Tensor, read: Tensor, output: Tensor, norms: Norms) -> SublayerTrace:
        """Return the output of a sub-layer added to the stream."""
        added = norms.inside(output)
        residual = x + self.dropout(added)
        return SublayerTrace(read, output, added, residual, norms.after(residual))

    def stages(self, x: Tensor, trace: LayerTrace, at: Coordinates) -> Iterator[Stage]:
        """Return the stages from `x` [B, L, D] to the block's output, of the first sequence of the batch."""
        made = trace.attention
        yield from stages_of(self.norm_attention.before.stage(x[0], made.read[0]))
        yield from self.attention.stages(made.read, trace, made.output, at)
        yield from residual_stages("attention", x[0], made, self.norm_attention)
        if trace.feed_forward is None or self.feed_forward is None or self.norm_feed_forward is None:
            return
        x, made = made.out, trace.feed_forward
        yield from stages_of(self.norm_feed_forward.before.stage(x[0], made.read[0]))
        yield self.feed_forward.stage(made.read[0], made.output[0])
        yield from residual_stages("feed-forward", x[0], made, self.norm_feed_forward)


class ParallelBlock(Block):
    """Attention and the feed-forward read the same normed stream, and both are added to it (GPT-J, 2021)."""

    def forward(self, x: Tensor, context: LayerContext) -> Tensor:
        read = self.norm_attention.before(x)
        attended = self.attend(x, read, context)
        return attended if self.feed_forward is None else self.feed(attended, read, context)


def stages_of(stage: Stage | None) -> Iterator[Stage]:
    """Return the stage, if there is one."""
    if stage is not None:
        yield stage


def residual_stages(sublayer: str, x: Tensor, made: SublayerTrace, norms: Norms) -> Iterator[Stage]:
    """Return the stages that add a sub-layer's output to the stream `x` [L, D], with the norms after it."""
    yield from stages_of(norms.inside.stage(made.output[0], made.added[0]))
    last = norms.after.stage(made.residual[0], made.out[0], is_stream=True)
    yield Stage(
        "residual",
        f"What the {sublayer} says is added to what came in, which is never lost.",
        f"x + {sublayer}(...)",
        made.residual[0],
        x.double() + made.added[0],
        is_stream=last is None,
    )
    yield from stages_of(last)


class Placement(NamedTuple):
    """Where norms stand."""

    before: bool = False
    inside: bool = False
    after: bool = False
    shares_norm: bool = False  # whether the feed-forward reads what is normed for attention
    block: type[Block] = Block


PLACEMENTS = {
    "pre": Placement(before=True),
    "post": Placement(after=True),
    "sandwich": Placement(before=True, inside=True),
    "parallel": Placement(before=True, shares_norm=True, block=ParallelBlock),
}

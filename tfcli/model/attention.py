"""Multi-head attention, to be read beside "Attention Is All You Need" (Vaswani et al. 2017, section 3.2).

Axes: B batch, T position, H head, K d_head, D d_model.
Row = query (who looks), column = key (what is looked at); each row of attention weights sums to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.model.attention_scale import AttentionScale
from tfcli.model.attention_weights import Softmax
from tfcli.model.coordinates import Coordinates
from tfcli.model.linear import Linear
from tfcli.model.positions.base import Positions
from tfcli.model.sizes import Sizes
from tfcli.model.softmax import AT_ONCE
from tfcli.model.stacking import is_stacked, linear
from tfcli.model.stages import KEY, Explanation, Stage, has_bias, matrix_stage, multiply
from tfcli.model.trace import LayerContext, LayerTrace


class Attention(nn.Module):
    """Scaled dot-product attention: softmax(q k^T / sqrt(d_head)) v in each head, brought together by W_o.

    Args:
        positions: what this layer knows of where tokens stand.
        rescale: how its scores grow with the length.
        weigh: how scores become weights.
    """

    # For people to read; * stands for q, k or v.
    projection = Explanation("It is its vector through the head's W_*.", "* = x W_* + b_*")

    def __init__(self, sizes: Sizes, positions: Positions, rescale: AttentionScale, weigh: Softmax) -> None:
        super().__init__()
        self.n_heads = sizes.n_heads
        self.scale = 1 / math.sqrt(sizes.d_head)
        self.dropout = sizes.dropout
        self.positions = positions
        self.rescale = rescale
        self.weigh = weigh
        self.qkv = Linear(sizes.d_model, 3 * sizes.d_model, sizes.bias)
        self.out = Linear(sizes.d_model, sizes.d_model, sizes.bias)

    def forward(self, x: Tensor, context: LayerContext) -> Tensor:
        at, trace = context.at, context.trace
        q, k, v = self.project(x)
        q, k = self.positions.rotate(q, at), self.positions.rotate(k, at)
        if context.cache is not None:
            k, v = context.cache.extend(k, v)
            if at.first > 0:
                return self.attend_from_last(x, q, k, v, at)
        q, bias = self.rescale(q, self.positions.bias(x, at), at)
        if trace is None and self.weigh.is_softmax and not is_slow_when_fused(v, bias):
            z = attend_fused(q, k, v, bias, at, self.scale, self.dropout if self.training else 0.0)
        else:
            scores = q @ k.transpose(-2, -1) * self.scale
            closed = at.close(bias, q.dtype)
            scores = scores if closed is None else scores + closed
            attn_weights = self.weigh(scores)
            z = F.dropout(attn_weights, self.dropout, self.training) @ v
            if trace is not None:
                trace.q, trace.k, trace.v = q, k, v
                trace.scores, trace.bias, trace.attn_weights = scores, bias, attn_weights
        z = context.change_heads(z)
        if trace is not None:
            trace.z = z
        out: Tensor = self.out(z.transpose(-3, -2).flatten(-2))  # heads side by side, then projected
        return context.change_attention(out)

    def attend_from_last(self, x: Tensor, q: Tensor, k: Tensor, v: Tensor, at: Coordinates) -> Tensor:
        """Return the output [B, 1, D] for the last token `x`, whose query may attend to all keys.

        The position bias goes by places alone: it is that of any vectors that stand there.
        """
        bias = None
        if self.positions.in_scores is not None:  # it has a bias
            rows = self.positions.bias(x.expand(-1, k.shape[2], -1), at.keys)
            bias = None if rows is None else rows[:, :, -1:]
        q, bias = self.rescale(q, bias, at)
        if self.weigh.is_softmax:
            z = F.scaled_dot_product_attention(q, k, v, bias, scale=self.scale)
        else:
            scores = q @ k.transpose(-2, -1) * self.scale
            z = self.weigh(scores if bias is None else scores + bias) @ v
        out: Tensor = self.out(z.transpose(-3, -2).flatten(-2))
        return out

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values [B, H, T, K] of `x` [B, T, D]."""
        if not self.positions.uses_content:
            return self.only_values(self.split_heads(project_values(self.qkv, x)))
        q, k, v = torch.unflatten(self.qkv(x), -1, (3, self.n_heads, -1)).unbind(-3)  # [B, T, H, K] each
        return q.transpose(-3, -2), k.transpose(-3, -2), v.transpose(-3, -2)

    @property
    def has_idle_biases(self) -> bool:
        """Whether biases of keys do nothing: they add the same to all scores of a query.

        Softmax and entmax take that away, unless keys are turned before, each in its own way.
        """
        is_turned = type(self.positions).rotate is not Positions.rotate
        return type(self) is Attention and has_bias(self.qkv) and not is_turned

    @staticmethod
    def only_values(v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values with queries and keys that make all scores 0."""
        nothing = torch.zeros_like(v)
        return nothing, nothing, v

    def split_heads(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, H, T, K]."""
        return x.view(*x.shape[:-1], self.n_heads, -1).transpose(-3, -2)

    def recompute_projections(self, x: Tensor) -> list[Tensor]:
        """Return queries, keys and values [H, T, K] of `x` [T, D], written out apart from `project`."""
        K = x.shape[-1] // self.n_heads
        made = []
        for i, weight in enumerate(self.qkv.weight.to(x).chunk(3)):
            bias = self.qkv.bias.to(x).chunk(3)[i] if has_bias(self.qkv) else 0
            made.append(torch.split(x @ weight.T + bias, K, dim=-1))
        return [torch.stack(heads) for heads in made]

    def matrices(self) -> list[Tensor]:
        """Return W_q, W_k and W_v, of each head [H, D, K]; none where a class projects otherwise."""
        if type(self).recompute_projections is not Attention.recompute_projections:
            return []
        split = [torch.unflatten(w, 0, (self.n_heads, -1)) for w in self.qkv.weight.chunk(3)]  # [H, K, D]
        return [weight.transpose(1, 2) for weight in split]

    def stages(self, x: Tensor, trace: LayerTrace, out: Tensor, at: Coordinates) -> Iterator[Stage]:
        """Return the stages from `x` to `out`, both [B, T, D], of the first sequence of the batch."""
        q, k, v = (part[None] for part in self.recompute_projections(x[0].double()))
        bias = self.positions.bias(x, at)
        q, bias = self.rescale(self.positions.rotate(q, at), bias, at)
        k = self.positions.rotate(k, at)
        turned, scaled = self.positions.in_queries, self.rescale.explained
        for letter, matrix in zip("qkv", self.matrices(), strict=False):
            if letter == "v" or self.positions.uses_content:
                yield matrix_stage(letter, matrix)
        yield self.projection_stage("queries", "What each token asks for.", q, trace.q, [turned, scaled])
        yield self.projection_stage("keys", "What each token can be found by.", k, trace.k, [turned])
        yield self.projection_stage(
            "values", "What each token hands on when it is looked at.", v, trace.v, []
        )
        yield from self.score_stages(bias, trace, at)
        how, weights = self.weigh.explained, trace.attn_weights[0]
        off = float((weights.sum(-1) - 1).abs().max())
        yield Stage(
            "attention weights",
            how.sentence,
            how.formula,
            weights,
            self.weigh.recompute(trace.scores[0].double()),
            KEY,
            [f"each row sums to 1, at most {off:.0e} off"],
        )
        yield Stage(
            "weighted sum",
            "Each query takes the values of the keys in the shares that the weights give.",
            "z = a v",
            trace.z[0],
            weights.double() @ trace.v[0].double(),
        )
        b_o = " + b_o" if has_bias(self.out) else ""
        side_by_side = torch.cat(list(trace.z[0].double()), dim=-1)
        heads = f"[z_0 ... z_{self.n_heads - 1}]" if self.n_heads > 1 else "z"
        what = "The outputs of all heads stand side by side."
        kept = trace.z[0].transpose(0, 1).flatten(-2)  # as `forward` joins them
        yield Stage("concatenated heads", what, f"c = {heads}", kept, side_by_side)
        yield matrix_stage("o", self.out.weight.T)
        what, again = "One matrix mixes what the heads found.", multiply(side_by_side, self.out)
        yield Stage("projection", what, f"c W_o{b_o}", out[0], again)

    def projection_stage(
        self, name: str, meaning: str, again: Tensor, kept: Tensor, then: list[Explanation | None]
    ) -> Stage:
        """Return the stage that makes queries, keys or values [1, H, T, K]."""
        letter = name[0]
        parts = [self.projection, *(what for what in then if what is not None)]
        sentences = " ".join(what.sentence.replace("*", letter) for what in parts)
        formula = "".join(what.formula.replace("*", letter) for what in parts)
        if not has_bias(self.qkv):
            formula = formula.replace(f" + b_{letter}", "")
        return Stage(name, f"{meaning} {sentences}", formula, kept[0], again[0])

    def score_stages(self, bias: Tensor | None, trace: LayerTrace, at: Coordinates) -> Iterator[Stage]:
        """How well keys fit queries: by content, by position, or both."""
        products = trace.q[0].double() @ trace.k[0].double().transpose(-2, -1) * self.scale
        formula = f"scores = q k^T / sqrt({self.scale**-2:.0f})"
        explanation = (
            "How well each key fits each query: the product of their vectors, scaled to stay moderate."
        )
        closed = at.close(bias, products.dtype)
        if bias is not None and self.positions.in_scores is not None:
            what, then = self.positions.in_scores, self.rescale.explained
            yield Stage(
                "position bias",
                f"{what.sentence} It is added to the scores." + (f" {then.sentence}" if then else ""),
                f"b = {what.formula}" + (then.formula if then else ""),
                (trace.scores[0] - products).where(trace.scores[0].isfinite(), bias[0].double()),
                bias.expand(-1, self.n_heads, -1, -1)[0].double(),
                KEY,
            )
            explanation += " The position bias is added."
            formula += " + b"
        if at.is_masked:
            explanation += f" {at.mask.explanation or 'Some keys are masked.'}"
            formula += ", -inf where masked"
        again = products if closed is None else products + closed[0]
        yield Stage("scores", explanation, formula, trace.scores[0], again, KEY, scale=self.scale)


class SharedAttention(Attention):
    """The simplified attention of many tutorials: split first, then project.

    The embedding is cut into heads, and one bias-free d_head x d_head projection each makes queries, keys and
    values for all of them. Scores are divided by sqrt(d_model).
    """

    projection = Explanation(
        "It is the head's slice of its vector, through the W_* that all heads share.", "* = x_head W_*"
    )

    def __init__(self, sizes: Sizes, positions: Positions, rescale: AttentionScale, weigh: Softmax) -> None:
        super().__init__(sizes, positions, rescale, weigh)
        self.scale = 1 / math.sqrt(sizes.d_model)
        self.qkv = Linear(sizes.d_head, 3 * sizes.d_head, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        slices = self.split_heads(x)
        if not self.positions.uses_content:
            return self.only_values(project_values(self.qkv, slices))
        q, k, v = self.qkv(slices).chunk(3, dim=-1)
        return q, k, v

    def matrices(self) -> list[Tensor]:
        return [weight.T for weight in self.qkv.weight.chunk(3)]

    def recompute_projections(self, x: Tensor) -> list[Tensor]:
        slices = torch.split(x, x.shape[-1] // self.n_heads, dim=-1)
        return [
            torch.stack([part @ weight.T for part in slices]) for weight in self.qkv.weight.to(x).chunk(3)
        ]


def project_values(qkv: nn.Linear, x: Tensor) -> Tensor:
    """Return the last third of what `qkv` makes of `x`, without the queries and the keys."""
    weight = qkv.weight.chunk(3, -2)[2]
    return linear(x, weight, qkv.bias.chunk(3, -1)[2] if has_bias(qkv) else None)


def attend_fused(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, at: Coordinates, scale: float, dropout: float
) -> Tensor:
    """Each head's weighted sum of values [B, H, T, K], by torch's kernel, which keeps no [T, T]."""
    if bias is None and at.mask.is_causal and at.may_attend is None:
        return F.scaled_dot_product_attention(q, k, v, None, dropout, is_causal=True, scale=scale)
    return F.scaled_dot_product_attention(q, k, v, at.close(bias, q.dtype), dropout, scale=scale)


def is_slow_when_fused(v: Tensor, bias: Tensor | None) -> bool:
    """Whether torch's fused attention takes longer than the explicit form, for values [B, H, T, K].

    On a CPU it takes up to three times as long over few tokens, a quarter more where the position bias has a
    gradient, and its backward pass takes three times as long in bfloat16 as in float32. Weights of many
    tokens would take more memory than that is worth. Through vmap it has no gradient for a position bias.
    """
    if is_stacked():
        return True
    if v.device.type != "cpu" or torch.compiler.is_exporting():
        return False
    if v.dtype == torch.bfloat16 and v.requires_grad:
        return v.shape[2] <= 256
    learns_bias = bias is not None and bias.requires_grad
    return v.shape[2] < AT_ONCE or (learns_bias and v.shape[2] <= 64)

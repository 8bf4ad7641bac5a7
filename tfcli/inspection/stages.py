"""The forward pass step by step: each stage computed again from the ones before, and held against the trace.

The arithmetic here is written out, apart from the model's own, in double precision.
Axes: T position, K d_head, D d_model, V vocabulary; no batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tfcli.inspection.attention import chosen, traced
from tfcli.internals import Stage, TraceRecord
from tfcli.model import Attention, Encoder, PostNormBlock, PreNormBlock, SharedAttention
from tfcli.normalizers import softmax
from tfcli.positions import Coordinates, coordinates
from tfcli.traces import ForwardTrace, LayerTrace

if TYPE_CHECKING:
    from tasks.base import Task

TOLERANCE = 1e-4  # of the largest value of a stage: what float32 may lose over a sum of many terms

POSITION, CHANNEL, QUERY, KEY, SYMBOL = "position", "channel", "query", "key", "symbol"


def stages(
    model: Encoder,
    task: Task,
    inputs: Tensor,
    *,
    run: str,
    layers: list[int],
    head: int,
    position: int | None,
) -> TraceRecord:
    """All stages for `inputs` [T]: of the chosen layers, or all; of one head; of one position, or all.

    Raises:
        ValueError: a layer, head or position that isn't there, or a sequence that is too long.
    """
    kept = chosen(layers, len(model.blocks), "layer")
    chosen([head], model.n_heads, "head")
    if position is not None and not 0 <= position < len(inputs):
        raise ValueError(f"there is no position {position}; this sequence's are 0 to {len(inputs) - 1}")
    trace, predictions = traced(model, inputs)
    rows = list(range(len(inputs))) if position is None else [position]
    ledger = Ledger(model, task, inputs, trace, head, rows)
    with torch.inference_mode():
        ledger.embedding()
        for layer in range(len(model.blocks)):
            ledger.layer(layer, shown=layer in kept)
        ledger.reading()
    target = task.target(inputs[None])[0]
    return TraceRecord(
        run=run,
        tokens=task.decode(inputs.tolist()),
        symbols=list(task.symbols),
        prediction=task.decode(predictions.tolist()),
        target=task.decode(target.tolist()),
        deviation=max(stage.deviation for stage in ledger.stages),
        stages=ledger.stages,
    )


@dataclass
class Ledger:
    """Walks through the model as `Encoder.forward` does, and enters a stage for every step."""

    model: Encoder
    task: Task
    inputs: Tensor
    trace: ForwardTrace
    head: int
    rows: list[int]
    stages: list[Stage] = field(default_factory=list)
    at_layer: int | None = None
    shown: bool = True

    @property
    def at(self) -> Coordinates:
        """Where the tokens stand, as the model sees it."""
        return self.model.positions.place(coordinates(self.inputs[None], None))

    def embedding(self) -> None:
        """Symbols become vectors, and positions are put in where they are added."""
        rows = self.model.embedding.weight[self.inputs].double()
        x = self.model.positions.embed(rows[None], self.at)[0]
        added = "" if torch.equal(x, rows) else " + position"
        why = "Each symbol becomes a vector: its learned row of the embedding table"
        why += ", plus a vector for its position." if added else "; where it stands comes in later."
        self.enter("embedding", why, f"x = E[symbol]{added}", x, self.trace.embedding[0], lens=True)

    def layer(self, layer: int, shown: bool) -> None:
        """One block: attention, feed-forward, and what goes around them."""
        self.at_layer, self.shown = layer, shown
        block, trace = self.model.blocks[layer], self.trace.layers[layer]
        assert isinstance(block, PreNormBlock)
        post = isinstance(block, PostNormBlock)
        x = self.trace.residual[layer][0].double()
        if not post:
            self.layer_norm(x, block.norm_attention, trace.attention_in)
        self.attention(block, trace)
        self.residual(x, trace.attended, trace.after_attention, "attention")
        norm = block.norm_attention if post else block.norm_feed_forward
        self.layer_norm(trace.after_attention[0].double(), norm, trace.feed_forward_in)
        self.feed_forward(block, trace)
        base = trace.feed_forward_in if post else trace.after_attention
        self.residual(base[0].double(), trace.fed, trace.after_feed_forward, "feed-forward")
        if post:
            self.layer_norm(
                trace.after_feed_forward[0].double(), block.norm_feed_forward, trace.out, lens=True
            )

    def attention(self, block: PreNormBlock, trace: LayerTrace) -> None:
        """Queries, keys and values; scores; weights; weighted sums; the heads brought together."""
        attention, positions = block.attention, self.model.positions
        at = self.at
        q, k, v = projections(trace.attention_in[0].double(), attention)
        turned, k = positions.rotate(q, at), positions.rotate(k, at)
        bias = positions.bias(self.at_layer or 0, trace.attention_in, at)
        scaled, bias = attention.rescale(turned, bias, at)
        by_position = "" if torch.equal(turned, q) else ", turned by position"
        by_length = "" if torch.equal(scaled, turned) else ", times b + s log(keys)"
        for name, value, kept, why, then in (
            ("queries", scaled, trace.q, "What each token asks for", by_position + by_length),
            ("keys", k, trace.k, "What each token can be found by", by_position),
            ("values", v, trace.v, "What each token hands on when it is looked at", ""),
        ):
            formula = (
                f"{name[0]} = x W_{name[0]}{'' if attention.qkv.bias is None else f' + b_{name[0]}'}{then}"
            )
            why = f"{why}: its vector through the head's W_{name[0]}."
            self.enter(name, why, formula, value[0, self.head], kept[0, self.head], of_head=True)
        head = self.head
        width = attention.scale**-2
        scores = trace.q[0, head].double() @ trace.k[0, head].double().T / width**0.5
        self.scores(scores, bias, trace, f"q k^T / sqrt({width:.0f})")
        self.weights(trace, attention.normalize is softmax)
        self.enter(
            "weighted sum",
            "Each query takes the values of the keys in the shares that the weights give.",
            "z = a v",
            trace.attn_weights[0, head].double() @ trace.v[0, head].double(),
            trace.z[0, head],
            of_head=True,
        )
        side_by_side = torch.cat(list(trace.z[0].double()), dim=-1)
        self.enter(
            "projection",
            "The outputs of all heads stand side by side, and one matrix mixes them.",
            f"[z_0 ... z_{len(trace.z[0]) - 1}] W_o + b_o" if len(trace.z[0]) > 1 else "z W_o + b_o",
            affine(side_by_side, attention.out),
            trace.attended[0],
        )

    def weights(self, trace: LayerTrace, soft: bool) -> None:
        """What share of each key a query takes."""
        scores, kept = trace.scores[0, self.head].double(), trace.attn_weights[0, self.head]
        if soft:
            why = "Softmax turns each query's scores into weights: all positive, and together 1."
            formula = "a = exp(scores) / sum over keys of exp(scores)"
            again = scores.exp() / scores.exp().sum(-1, keepdim=True)
        else:
            why = "1.5-entmax turns each query's scores into weights: low ones get none, together they are 1."
            formula = "a = max(0, scores / 2 - tau)^2, with tau so that each row sums to 1"
            again = entmax15_by_bisection(scores)
        off = float((kept.sum(-1) - 1).abs().max())
        facts = [f"each row sums to 1, at most {off:.0e} off"]
        self.enter(
            "attention weights", why, formula, again, kept, axes=(QUERY, KEY), of_head=True, facts=facts
        )

    def scores(self, products: Tensor, bias: Tensor | None, trace: LayerTrace, formula: str) -> None:
        """How well keys fit queries: by content, by position, or both."""
        scores, head = trace.scores[0, self.head], self.head
        if bias is not None:
            here = bias.expand(-1, self.model.n_heads, -1, -1)[0, head]
            self.enter(
                "position bias",
                "What the position encoding adds to the score of each pair, whatever its content.",
                "b = bias(query, key)",
                here,
                scores.double() - products,
                axes=(QUERY, KEY),
                of_head=True,
            )
            products, formula = products + here, f"{formula} + b"
        why = "How well each key fits each query: the product of their vectors, scaled to stay moderate"
        why += ", and the position bias." if bias is not None else "."
        self.enter("scores", why, f"scores = {formula}", products, scores, axes=(QUERY, KEY), of_head=True)

    def residual(self, x: Tensor, added: Tensor, kept: Tensor, sublayer: str) -> None:
        """What came in, plus what the sub-layer says."""
        why = f"What the {sublayer} says is added to what came in, which is never lost."
        self.enter("residual", why, f"x + {sublayer}(...)", x + added[0], kept[0], lens=True)

    def layer_norm(self, x: Tensor, norm: nn.LayerNorm, kept: Tensor, lens: bool = False) -> None:
        """Mean 0 and variance 1 at each position, then a learned scale and shift."""
        centred = x - x.mean(-1, keepdim=True)
        plain = centred / (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
        means, variances = plain.mean(-1), plain.var(-1, correction=0)
        facts = [
            f"before scale and shift: mean 0, at most {float(means.abs().max()):.0e} off, "
            f"variance {float(variances.min()):.3f} to {float(variances.max()):.3f}, at each position"
        ]
        self.enter(
            "layer norm",
            "Each position's vector is brought to mean 0 and variance 1, then scaled and shifted.",
            "g (x - mean) / sqrt(variance + eps) + b",
            plain * norm.weight + norm.bias,
            kept[0],
            facts=facts,
            lens=lens,
        )

    def feed_forward(self, block: PreNormBlock, trace: LayerTrace) -> None:
        """The same small network at each position, alone."""
        network = block.feed_forward
        hidden = network.activation(affine(trace.feed_forward_in[0].double(), network.expand))
        name = type(network.activation).__name__.lower()
        self.enter(
            "feed-forward",
            f"The same two-layer network works on each position by itself, {hidden.shape[-1]} channels wide.",
            f"{name}(x W_1 + b_1) W_2 + b_2",
            affine(hidden, network.contract),
            trace.fed[0],
        )

    def reading(self) -> None:
        """The last norm, if there is one, and what each symbol gets."""
        self.at_layer, self.shown = None, True
        x = self.trace.residual[-1]
        normed = self.model.norm(x)
        if isinstance(self.model.norm, nn.LayerNorm):
            self.layer_norm(x[0].double(), self.model.norm, normed)
        self.enter(
            "logits",
            "Each position's vector is compared with each symbol; the largest number is the answer.",
            "x W + b",
            affine(normed[0].double(), self.model.unembedding),
            self.model.unembedding(normed)[0],
            axes=(POSITION, SYMBOL),
            answer=True,
        )

    def enter(
        self,
        name: str,
        explanation: str,
        formula: str,
        again: Tensor,
        kept: Tensor,
        *,
        axes: tuple[str, str] = (POSITION, CHANNEL),
        of_head: bool = False,
        facts: list[str] | None = None,
        lens: bool = False,
        answer: bool = False,
    ) -> None:
        """Hold a stage [T, columns], computed again, against what was traced, and note it.

        Raises:
            RuntimeError: they differ.
        """
        deviation = float((again - kept).abs().max())
        if not deviation <= TOLERANCE * max(1.0, float(kept.abs().max())):
            raise RuntimeError(f"{name} of layer {self.at_layer} comes out otherwise when computed again")
        logits = self.model.unembedding(self.model.norm(kept)) if lens else kept
        said = self.task.decode(logits.argmax(-1).tolist()) if lens or answer else None
        if not self.shown:
            return
        self.stages.append(
            Stage(
                name=name,
                layer=self.at_layer,
                head=self.head if of_head else None,
                explanation=explanation,
                formula=formula,
                axes=axes,
                shape=(kept.shape[0], kept.shape[1]),
                rows=self.rows,
                values=kept[self.rows].tolist(),
                facts=facts or [],
                answer=said,
                deviation=deviation,
            )
        )


def entmax15_by_bisection(scores: Tensor) -> Tensor:
    """1.5-entmax of each row, by halving the interval in which tau lies."""
    halves = scores / 2
    high = halves.amax(-1, keepdim=True)
    low = high - 1
    for _ in range(60):
        middle = (low + high) / 2
        too_much = (halves - middle).clamp(min=0).square().sum(-1, keepdim=True) > 1
        low, high = torch.where(too_much, middle, low), torch.where(too_much, high, middle)
    return (halves - low).clamp(min=0).square()


def projections(x: Tensor, attention: Attention) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values [1, H, T, K] of `x` [T, D], head by head."""
    shared, K = isinstance(attention, SharedAttention), x.shape[-1] // attention.n_heads
    heads = [slice(head * K, (head + 1) * K) for head in range(attention.n_heads)]
    made = []
    for i, weight in enumerate(attention.qkv.weight.double().chunk(3)):
        if shared:
            made.append(torch.stack([x[:, part] @ weight.T for part in heads])[None])
        else:
            bias = attention.qkv.bias.double().chunk(3)[i]
            made.append(torch.stack([x @ weight[part].T + bias[part] for part in heads])[None])
    q, k, v = made
    return q, k, v


def affine(x: Tensor, linear: nn.Linear) -> Tensor:
    """x W^T + b, in double precision."""
    return x @ linear.weight.double().T + (0 if linear.bias is None else linear.bias.double())

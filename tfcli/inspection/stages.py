"""The forward pass step by step: each stage computed again from the ones before, and held against the trace.

The arithmetic is that of `arithmetic.py`, in double precision, and covers all heads; what an encoding puts
into embeddings, queries and scores, and the activation, are the model's own.
Axes: T position, H head, K d_head, D d_model, V vocabulary; no batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from tfcli.evaluation import answer
from tfcli.inspection import arithmetic
from tfcli.inspection.attention import chosen, traced
from tfcli.internals import Stage, TraceRecord
from tfcli.layouts import Coordinates
from tfcli.model import Attention, Encoder, PostNormBlock, PreNormBlock
from tfcli.traces import ForwardTrace, LayerTrace

if TYPE_CHECKING:
    from tasks.base import Task

TOLERANCE = 1e-4  # of the largest value of a stage: what float32 may lose over a sum of many terms
EVERY_ROW = ("keys", "values")  # a query needs those of all positions
POSITION, CHANNEL, QUERY, KEY, SYMBOL = "position", "channel", "query", "key", "symbol"


class Normalizing(NamedTuple):
    """How scores become weights, in words, as a formula, and computed apart from the model."""

    explanation: str
    formula: str
    compute: Callable[[Tensor], Tensor]


NORMALIZING = {
    "softmax": Normalizing(
        "Softmax turns each query's scores into weights: all positive, and together 1.",
        "a = exp(scores) / sum over keys of exp(scores)",
        arithmetic.softmax,
    ),
    "entmax15": Normalizing(
        "1.5-entmax turns each query's scores into weights: low ones get none, together they are 1.",
        "a = max(0, scores / 2 - tau)^2, with tau so that each row sums to 1",
        arithmetic.entmax15,
    ),
}


def stages(
    model: Encoder,
    task: Task,
    inputs: Tensor,
    *,
    run: str,
    layers: Sequence[int],
    head: int,
    position: int | None,
) -> TraceRecord:
    """All stages for `inputs` [T]: of the chosen layers, or all; of one head; of one position, or all.

    Raises:
        ValueError: a layer, head or position that isn't there, or a sequence that is too long.
        RuntimeError: a stage comes out otherwise than in the model.
    """
    kept = chosen(layers, len(model.blocks), "layer")
    chosen([head], model.n_heads, "head")
    L = model.layout.length(len(inputs))
    if position is not None and not 0 <= position < L:
        raise ValueError(f"there is no position {position}; this sequence's are 0 to {L - 1}")
    trace, predictions = traced(model, inputs)
    rows = list(range(L)) if position is None else [position]
    ledger = Ledger(model, task, inputs, trace, head, rows)
    with torch.inference_mode():
        ledger.walk(kept)
    shown = answer(task, inputs, predictions, task.target(inputs[None])[0])
    return TraceRecord(
        run=run,
        input=shown.input,
        tokens=model.layout.labels(shown.input),
        first_answer=model.layout.first_answer(len(inputs)),
        symbols=list(task.answer_symbols),
        prediction=shown.prediction,
        target=shown.target,
        deviation=ledger.deviation,
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
    deviation: float = 0.0  # the largest so far, of stages that aren't shown, too
    number: int = 0  # of the stages so far
    at_layer: int | None = None
    shown: bool = True

    @property
    def n_tokens(self) -> int:
        """L, how many tokens the model reads."""
        return self.model.layout.length(len(self.inputs))

    @property
    def at(self) -> Coordinates:
        """Where the tokens stand, as the model sees it."""
        return self.model.positions.place(self.model.layout.coordinates(self.inputs[None], None))

    def walk(self, layers: list[int]) -> None:
        """From the embedding to the answer; the stages of `layers` are noted, the others only checked."""
        self.embedding()
        for layer in range(len(self.model.blocks)):
            self.layer(layer, shown=layer in layers)
        self.reading()

    def embedding(self) -> None:
        """Symbols become vectors, and positions are put in where they are added."""
        positions = self.model.positions
        tokens, counters = self.model.layout.tokens(self.inputs[None]), self.model.counters
        rows = self.model.embedding.weight[tokens].double()
        rows = rows if counters is None else rows + counters(tokens)
        x = positions.embed(rows, self.at)[0]
        why = f"Each symbol becomes a vector: its learned row of the embedding table{positions.in_embedding}."
        formula = "x = E[symbol]" + (" + position" if positions.adds_to_embedding else "")
        if counters is not None:
            why = f"{why.removesuffix('.')}, plus what the counters show."
            formula += " + counts"
        self.enter("embedding", why, formula, x, self.trace.embedding[0], lens=True)

    def layer(self, layer: int, shown: bool) -> None:
        """One block: attention, feed-forward, and what goes around them."""
        self.at_layer, self.shown = layer, shown
        block, trace = self.model.blocks[layer], self.trace.layers[layer]
        assert isinstance(block, PreNormBlock)
        post = isinstance(block, PostNormBlock)
        x = self.trace.residual[layer][0]
        if post:
            self.check("attention's input", x, trace.attention_in[0])
        else:
            self.layer_norm(x, block.norm_attention, trace.attention_in)
        self.attention(layer, block.attention, trace)
        self.residual(x, trace.attended, trace.after_attention, "attention", lens=not post)
        norm = block.norm_attention if post else block.norm_feed_forward
        self.layer_norm(trace.after_attention[0], norm, trace.feed_forward_in, lens=post)
        self.feed_forward(block, trace)
        base = trace.feed_forward_in if post else trace.after_attention
        self.residual(base[0], trace.fed, trace.after_feed_forward, "feed-forward", lens=not post)
        if post:
            self.layer_norm(trace.after_feed_forward[0], block.norm_feed_forward, trace.out, lens=True)
        else:
            self.check("the layer's output", trace.after_feed_forward[0], trace.out[0])

    def attention(self, layer: int, attention: Attention, trace: LayerTrace) -> None:
        """Queries, keys and values; scores; weights; weighted sums; the heads brought together."""
        positions, scale = self.model.positions, attention.rescale.formula
        q, k, v = (x[None] for x in arithmetic.projections(trace.attention_in[0].double(), attention))
        bias = positions.bias(layer, trace.attention_in, self.at)
        q, bias = attention.rescale(positions.rotate(q, self.at), bias, self.at)
        k = positions.rotate(k, self.at)
        for name, value, kept, why, then in (
            ("queries", q, trace.q, "What each token asks for", positions.in_queries + scale),
            ("keys", k, trace.k, "What each token can be found by", positions.in_queries),
            ("values", v, trace.v, "What each token hands on when it is looked at", ""),
        ):
            formula = attention.formula.replace("*", name[0]) + then
            why = f"{why}: {attention.projects.replace('*', name[0])}."
            self.enter(name, why, formula, value[0], kept[0], of_head=True)
        self.scores(attention, bias, trace)
        how, kept = NORMALIZING[attention.normalizer], trace.attn_weights[0]
        self.enter(
            "attention weights",
            how.explanation,
            how.formula,
            how.compute(trace.scores[0].double()),
            kept,
            axes=(QUERY, KEY),
            of_head=True,
            facts=[f"each row sums to 1, at most {float((kept.sum(-1) - 1).abs().max()):.0e} off"],
        )
        self.enter(
            "weighted sum",
            "Each query takes the values of the keys in the shares that the weights give.",
            "z = a v",
            trace.attn_weights[0].double() @ trace.v[0].double(),
            trace.z[0],
            of_head=True,
        )
        n_heads = self.model.n_heads
        self.enter(
            "projection",
            "The outputs of all heads stand side by side, and one matrix mixes them.",
            f"[z_0 ... z_{n_heads - 1}] W_o + b_o" if n_heads > 1 else "z W_o + b_o",
            arithmetic.affine(torch.cat(list(trace.z[0].double()), dim=-1), attention.out),
            trace.attended[0],
        )

    def scores(self, attention: Attention, bias: Tensor | None, trace: LayerTrace) -> None:
        """How well keys fit queries: by content, by position, or both."""
        products = trace.q[0].double() @ trace.k[0].double().transpose(-2, -1) * attention.scale
        formula = f"scores = q k^T / sqrt({attention.scale**-2:.0f})"
        why = "How well each key fits each query: the product of their vectors, scaled to stay moderate"
        if bias is not None:
            bias = bias.expand(-1, self.model.n_heads, -1, -1)[0]
            self.enter(
                "position bias",
                self.model.positions.in_scores,
                f"b = bias(query, key){attention.rescale.formula}",
                bias,
                trace.scores[0] - products,
                axes=(QUERY, KEY),
                of_head=True,
            )
            products, formula, why = products + bias, f"{formula} + b", f"{why}, and the position bias"
        self.enter("scores", f"{why}.", formula, products, trace.scores[0], axes=(QUERY, KEY), of_head=True)

    def residual(self, x: Tensor, added: Tensor, kept: Tensor, sublayer: str, lens: bool) -> None:
        """What came in, plus what the sub-layer says."""
        why = f"What the {sublayer} says is added to what came in, which is never lost."
        self.enter("residual", why, f"x + {sublayer}(...)", x.double() + added[0], kept[0], lens=lens)

    def layer_norm(self, x: Tensor, norm: nn.LayerNorm, kept: Tensor, lens: bool = False) -> None:
        """Mean 0 and variance 1 at each position, then a learned scale and shift."""
        plain = (kept[0] - norm.bias) / norm.weight
        facts = []
        if bool(plain.isfinite().all()):
            off, spread = plain.mean(-1).abs().max(), plain.var(-1, correction=0)
            facts = [
                f"before scale and shift: mean 0, at most {float(off):.0e} off, "
                f"variance {float(spread.min()):.3f} to {float(spread.max()):.3f}, at each position"
            ]
        self.enter(
            "layer norm",
            "Each position's vector is brought to mean 0 and variance 1, then scaled and shifted.",
            "g (x - mean) / sqrt(variance + eps) + b",
            arithmetic.layer_norm(x.double(), norm),
            kept[0],
            facts=facts,
            lens=lens,
        )

    def feed_forward(self, block: PreNormBlock, trace: LayerTrace) -> None:
        """The same small network at each position, alone."""
        network = block.feed_forward
        hidden = network.activation(arithmetic.affine(trace.feed_forward_in[0].double(), network.expand))
        name = type(network.activation).__name__.lower()
        self.enter(
            "feed-forward",
            f"The same two-layer network works on each position by itself, {hidden.shape[-1]} channels wide.",
            f"{name}(x W_1 + b_1) W_2 + b_2",
            arithmetic.affine(hidden, network.contract),
            trace.fed[0],
        )

    def reading(self) -> None:
        """The last norm, if there is one, and what each symbol gets."""
        self.at_layer, self.shown = None, True
        x, norm = self.model.layout.answers(self.trace.residual[-1], len(self.inputs))[0], self.model.norm
        if isinstance(norm, nn.LayerNorm):
            self.layer_norm(x, norm, self.trace.normed)
        else:
            self.check("the reading", x, self.trace.normed[0])
        self.enter(
            "logits",
            "Each position's vector is compared with each symbol; the largest number is the answer.",
            "x W + b",
            arithmetic.affine(self.trace.normed[0].double(), self.model.unembedding),
            self.trace.logits[0],
            axes=(POSITION, SYMBOL),
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
    ) -> None:
        """Hold a stage, [L, columns] or [H, L, columns], against what was traced, and note it."""
        deviation = self.check(name, again, kept)
        self.number += 1
        if not self.shown:
            return
        values = kept[self.head] if of_head else kept
        first = self.n_tokens - len(values)  # 0, but for stages that are of the answers alone
        rows = [row for row in (range(self.n_tokens) if name in EVERY_ROW else self.rows) if row >= first]
        if not rows:
            return
        read = values[self.model.layout.first_answer(len(self.inputs)) - first :]
        logits = (
            read if axes[1] == SYMBOL else self.model.unembedding(self.model.norm(read)) if lens else None
        )
        self.stages.append(
            Stage(
                number=self.number,
                name=name,
                layer=self.at_layer,
                head=self.head if of_head else None,
                explanation=explanation,
                formula=formula,
                axes=axes,
                shape=(values.shape[0], values.shape[1]),
                rows=rows,
                values=values[[row - first for row in rows]].tolist(),
                facts=facts or [],
                answer=None if logits is None else self.answer_of(logits),
                deviation=deviation,
            )
        )

    def answer_of(self, logits: Tensor) -> list[str]:
        """The answer that `logits` [M, V] give."""
        right = self.task.target(self.inputs[None])[0]
        return answer(self.task, self.inputs, logits.argmax(-1), right).prediction

    def check(self, name: str, again: Tensor, kept: Tensor) -> float:
        """The largest difference between what was computed again and what was traced.

        Raises:
            RuntimeError: it is larger than rounding explains.
        """
        deviation = float((again - kept).abs().max())
        if not deviation <= TOLERANCE * max(1.0, float(kept.abs().max())):
            raise RuntimeError(f"{name} of layer {self.at_layer} comes out otherwise when computed again")
        self.deviation = max(self.deviation, deviation)
        return deviation

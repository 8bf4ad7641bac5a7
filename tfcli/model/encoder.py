"""A Transformer encoder, to be read beside "Attention Is All You Need" (Vaswani et al. 2017, 1706.03762).

Axes: B batch, T position of the input, M position of the answer, L position of all that is read, D d_model,
V vocabulary.

Fresh weights: embeddings are normal, with variance 1 (1/D where they are scaled or tied); linear layers
uniform within ±1/sqrt(width of their input); tables of position biases 0; norms 1 and 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from tfcli.model.blocks import Block, stages_of
from tfcli.model.coordinates import Coordinates
from tfcli.model.counters import Counters
from tfcli.model.embedding import Embedding
from tfcli.model.indices import ConsecutiveIndices
from tfcli.model.layout import Layout
from tfcli.model.linear import Linear
from tfcli.model.masks import Mask
from tfcli.model.norms import Norm
from tfcli.model.output_heads import OutputHead
from tfcli.model.positions.base import Positions
from tfcli.model.stacking import linear
from tfcli.model.stages import SYMBOL, Stage, has_bias, multiply
from tfcli.model.token_types import TokenTypes
from tfcli.model.trace import ForwardTrace, Intervention, LayerTrace, contexts


class Encoder(nn.Module):
    """Token embedding, positions, blocks, and logits over the symbols at each answer.

    Args:
        blocks: applied one after the other, `loops` times over with the same weights.
        token_types: what tells the segments of a text apart.
        embedding_norm: of the embeddings with all that is added to them.
        norm: of the stream before it is read; a post-norm one leaves each block normalised.
        output_head: between that norm and the logits.
        tie_embeddings: whether the logits are products with the embeddings, too.
        logit_bias: whether a number for each symbol is added to tied logits.
    """

    def __init__(
        self,
        layout: Layout,
        embedding: Embedding,
        positions: Positions,
        indices: ConsecutiveIndices,
        mask: Mask,
        counters: Counters | None,
        token_types: TokenTypes,
        embedding_norm: Norm,
        blocks: Sequence[Block],
        norm: Norm,
        output_head: OutputHead,
        *,
        loops: int = 1,
        dropout: float = 0.0,
        bias: bool = True,
        tie_embeddings: bool = False,
        logit_bias: bool = False,
    ) -> None:
        super().__init__()
        self.layout, self.mask, self.loops = layout, mask, loops
        self.n_layers, self.n_heads = len(blocks), blocks[0].attention.n_heads
        self.embedding = embedding
        self.positions, self.indices, self.counters = positions, indices, counters
        self.token_types, self.embedding_norm = token_types, embedding_norm
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.norm, self.output_head = norm, output_head
        self.unembedding = None if tie_embeddings else Linear(embedding.embedding_dim, layout.n_answers, bias)
        self.logit_bias = nn.Parameter(torch.zeros(layout.n_answers)) if logit_bias else None

    def forward(
        self,
        inputs: Tensor,
        may_attend: Tensor | None = None,
        *,
        trace: ForwardTrace | None = None,
        intervention: Intervention | None = None,
    ) -> Tensor:
        """Logits [B, M, V] for `inputs` [B, T], or [B, T, P]; M is T where answers are read in place.

        Args:
            may_attend: bool [B, T], or [1, T] for all sequences alike, True where a token may be attended to,
                False for padding. No row may be all False. What is answered at padding says nothing.
            trace: filled with what was computed on the way. Attention is then computed step by step, not by
                the fused kernel, to the same result. The model must be in evaluation mode.
            intervention: what to remove or replace on the way.
        """
        if trace is not None and self.training:
            raise RuntimeError("a trace shows what the model predicts with: call eval() first")
        if intervention is not None:
            intervention.check(self.loops, self.n_layers, self.n_heads)
        length = self.layout.length(inputs)
        self.check(length)
        at = self.indices(self.layout.coordinates(inputs, may_attend, self.mask))
        summed = self.embed(inputs, at)
        x = self.dropout(self.embedding_norm(summed))
        if intervention is not None:
            x = intervention.on_embedding(x)
        if trace is not None:
            trace.at, trace.summed, trace.embedding = at, summed, x
        for context in contexts(at, self.loops, self.n_layers, trace, intervention):
            x = self.blocks[context.layer](x, context)
        normed = self.norm(self.layout.answers(x, length))
        features = self.output_head(normed)
        logits = self.unembed(features)
        if trace is not None:
            trace.normed, trace.features, trace.logits = normed, features, logits
        return logits

    def embed(self, inputs: Tensor, at: Coordinates) -> Tensor:
        """Vectors [B, L, D] of `inputs` [B, T] from token `at.first` on, with counts, types and positions."""
        tokens = self.layout.tokens(inputs)
        x: Tensor = self.embedding(tokens[..., at.first :], self.layout.numbers(inputs))
        if self.counters is not None:
            x = x + self.counters(tokens, at.may_attend)[..., at.first :, :]
        return self.positions.embed(self.token_types(x, tokens, at.may_attend), at)

    def read(self, normed: Tensor) -> Tensor:
        """Logits [..., V] of vectors [..., D]."""
        return self.unembed(self.output_head(normed))

    def unembed(self, features: Tensor) -> Tensor:
        """Logits [B, M, V] of what the output head makes [B, M, D]."""
        if self.unembedding is None:
            return linear(features, self.embedding.weight[..., : self.layout.n_answers, :], self.logit_bias)
        logits: Tensor = self.unembedding(features)
        return logits

    def shown_loop(self, loop: int) -> int | None:
        """Return the number of a loop as people are shown it: None where there is but one."""
        return loop if self.loops > 1 else None

    @property
    def layers(self) -> list[Block]:
        """The blocks."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def anneal(self, progress: float) -> None:
        """Tell the positional encodings how far the training is, from 0 to 1."""
        self.positions.anneal(progress)
        for block in self.layers:
            block.attention.positions.anneal(progress)

    @property
    def longest(self) -> tuple[int | None, str]:
        """The longest segment that the model knows, None if there is no bound, and what bounds it."""
        if self.indices.RANGE is not None:
            return self.indices.RANGE, "randomized indices"
        return self.positions.longest, "learned positions"

    def takes(self, length: int) -> bool:
        """Whether the model can read inputs of that length."""
        longest, _ = self.longest
        return longest is None or self.layout.longest(length) <= longest

    def check(self, length: int) -> None:
        """Hold the length of an input against what the model can read.

        Raises:
            ValueError: it is too long.
        """
        if not self.takes(length):
            longest = max(filter(self.takes, range(1, length)), default=0)
            raise ValueError(f"{self.longest[1]} know lengths up to {longest}, not {length}")

    def stages(self, inputs: Tensor, trace: ForwardTrace) -> Iterator[tuple[LayerTrace | None, Stage]]:
        """Each stage of the traced pass over `inputs` [T], with the layer that it belongs to.

        Values are of the first sequence of the batch; each is computed again from the stages before, in
        double precision.
        """
        x = trace.embedding
        normed = self.embedding_norm.stage(trace.summed[0], trace.embedding[0], is_stream=True)
        yield (
            None,
            self.embedding_stage(inputs[None], trace.at, trace.embedding if normed is None else trace.summed),
        )
        for stage in stages_of(normed):
            yield None, stage
        for layer in trace.layers:
            for stage in self.layers[layer.layer].stages(x, layer, trace.at):
                yield layer, stage
            x = layer.out
        answers = self.layout.answers(x, len(inputs))[0]
        for stage in stages_of(self.norm.stage(answers, trace.normed[0])):
            yield None, stage
        made = self.output_head.stage(trace.normed[0], trace.features[0])
        for stage in stages_of(made):
            yield None, stage
        yield None, self.logit_stage(trace.normed[0] if made is None else trace.features[0], trace.logits[0])

    def logit_stage(self, read: Tensor, logits: Tensor) -> Stage:
        """Each of the vectors `read` [M, D] is compared with each symbol."""
        features = read.double()
        if self.unembedding is None:
            formula, again = "x E^T", features @ self.embedding.weight[: self.layout.n_answers].double().T
            if self.logit_bias is not None:
                formula, again = "x E^T + b", again + self.logit_bias.double()
        else:
            formula = "x W + b" if has_bias(self.unembedding) else "x W"
            again = multiply(features, self.unembedding)
        what = "Each position's vector is compared with each symbol; the largest number is the answer."
        return Stage("logits", what, formula, logits, again, SYMBOL)

    def embedding_stage(self, inputs: Tensor, at: Coordinates, kept: Tensor) -> Stage:
        """Symbols become vectors, `kept` [B, L, D], and counts, types and positions are put in."""
        tokens, numbers = self.layout.tokens(inputs), self.layout.numbers(inputs)
        rows = self.embedding.in_double(tokens, numbers)
        sentence, formula = self.embedding.explained
        sentences = [sentence]
        if self.counters is not None:
            rows = rows + self.counters(tokens)
            sentences.append("What the counters show is added.")
            formula += " + counts"
        rows = self.token_types(rows, tokens)
        if self.token_types.explained is not None:
            sentences.append(self.token_types.explained.sentence)
            formula += self.token_types.explained.formula
        in_embedding = self.positions.in_embedding
        if in_embedding is not None:
            sentences.append(in_embedding.sentence)
            formula += in_embedding.formula
        elif all(
            block.attention.positions.in_queries is None and block.attention.positions.in_scores is None
            for block in self.layers
        ):
            sentences.append("The model never learns where it stands.")
        else:
            sentences.append("Where it stands comes in with the attention.")
        again = self.positions.embed(rows, at)[0]
        return Stage(
            "embedding",
            " ".join(sentences),
            formula,
            kept[0],
            again,
            is_stream=type(self.embedding_norm) is Norm,
        )

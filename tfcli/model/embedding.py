"""From tokens to vectors: each has a row of a table; one that is made of numbers, these projected, too.

Axes: B batch, L position, P numbers of a token, D d_model.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from tfcli.model.linear import Linear
from tfcli.model.stacking import linear, lookup


class Table(nn.Embedding):
    """Learned rows by their numbers, as `torch.nn.Embedding` has them."""

    def forward(self, indices: Tensor) -> Tensor:
        return lookup(indices, self.weight)


class Embedding(Table):
    """A table with a learned row for each token.

    Args:
        scaled: whether vectors are multiplied by sqrt(D) (Vaswani et al. 2017, section 3.4).
    """

    def __init__(self, n_tokens: int, d_model: int, *, scaled: bool = False) -> None:
        super().__init__(n_tokens, d_model)
        self.scale = math.sqrt(d_model) if scaled else 1.0

    def forward(self, tokens: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Vectors [B, L, D] of `tokens` [B, L], and of the `numbers` [B, L, P] that they are made of."""
        rows = super().forward(tokens)
        return rows if self.scale == 1 else rows * self.scale

    def in_double(self, tokens: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Return the same in double precision."""
        return self.weight.double()[tokens] * self.scale

    @property
    def explained(self) -> tuple[str, str]:
        """What it does, as a sentence and as a formula."""
        by = f" sqrt({self.embedding_dim})" if self.scale != 1 else ""
        return "Each symbol becomes a vector, its learned row of the embedding table.", f"x = E[symbol]{by}"


class PatchEmbedding(Embedding):
    """Numbers are projected, and a row of the table is added: that of all patches, or of a blank.

    The patches of a picture become tokens so (Dosovitskiy et al. 2020, 2010.11929, equation 1).
    """

    def __init__(self, n_tokens: int, d_model: int, n_features: int, *, scaled: bool = False) -> None:
        super().__init__(n_tokens, d_model, scaled=scaled)
        self.projection = Linear(n_features, d_model, bias=False)

    def forward(self, tokens: Tensor, numbers: Tensor | None = None) -> Tensor:
        rows = super().forward(tokens)
        return rows if numbers is None else rows + linear(numbers, self.projection.weight) * self.scale

    def in_double(self, tokens: Tensor, numbers: Tensor | None = None) -> Tensor:
        rows = super().in_double(tokens)
        if numbers is None:
            return rows
        return rows + numbers.double() @ self.projection.weight.double().T * self.scale

    @property
    def explained(self) -> tuple[str, str]:
        by = f" sqrt({self.embedding_dim})" if self.scale != 1 else ""
        sentence = "The numbers of each patch are projected to a vector, and a learned row is added."
        return sentence, f"x = (pixels W + E[token]){by}" if by else "x = pixels W + E[token]"


def make_embedding(n_tokens: int, d_model: int, n_features: int | None, *, scaled: bool = False) -> Embedding:
    """Return an embedding of tokens that are made of so many numbers each, or of symbols where it is None."""
    if n_features is None:
        return Embedding(n_tokens, d_model, scaled=scaled)
    return PatchEmbedding(n_tokens, d_model, n_features, scaled=scaled)

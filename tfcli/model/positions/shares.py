"""Several encodings in one model: each has some of the heads.

Axes: B batch, Q query, L position of all that is read, H head, K d_head, D d_model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates
from tfcli.model.positions.base import Positions
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation


class SharedHeads(Positions):
    """The heads shared out among encodings, in their order; what acts on embeddings acts on all of it.

    Args:
        parts: the encodings, each made for as many heads as it has.
        heads: how many that is.
        names: what they are called.
    """

    def __init__(
        self, sizes: Sizes, parts: Sequence[Positions], heads: Sequence[int], names: Sequence[str]
    ) -> None:
        super().__init__(sizes)
        self.parts = nn.ModuleList(parts)
        self.heads = list(heads)
        self.goes_by_place = all(part.goes_by_place for part in parts)
        self.longest = min((p.longest for p in self.encodings if p.longest is not None), default=None)
        self.in_embedding = join_heads([p.in_embedding for p in self.encodings], names, {})
        shares = dict(zip(names, heads, strict=True))
        self.in_queries = join_heads([p.in_queries for p in self.encodings], names, shares)
        self.in_scores = join_heads([p.in_scores for p in self.encodings], names, shares)

    @property
    def encodings(self) -> list[Positions]:
        """The encodings, in the order of their heads."""
        return [part for part in self.parts if isinstance(part, Positions)]

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        for encoding in self.encodings:
            x = encoding.embed(x, at)
        return x

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        groups = torch.split(x, self.heads, dim=-3)
        return torch.cat([p.rotate(group, at) for p, group in zip(self.encodings, groups, strict=True)], -3)

    def bias(self, x: Tensor, at: Coordinates) -> Tensor | None:
        found = [encoding.bias(x, at) for encoding in self.encodings]
        shapes = [bias.shape for bias in found if bias is not None]
        if not shapes:
            return None
        rows = [max(sizes) for sizes in zip(*(shape[:-3] for shape in shapes), strict=True)]
        Q, L = at.queries.shape[-1], shapes[0][-1]
        nothing = x.new_zeros(1, 1, 1)
        groups = [
            (nothing if bias is None else bias[..., -Q:, :]).expand(*rows, heads, Q, L)
            for bias, heads in zip(found, self.heads, strict=True)
        ]
        return torch.cat(groups, dim=-3)

    def anneal(self, progress: float) -> None:
        for encoding in self.encodings:
            encoding.anneal(progress)

    def of_head(self, head: int) -> tuple[Positions, int]:
        """Return the encoding of a head, and the head's number within it."""
        for encoding, heads in zip(self.encodings, self.heads, strict=True):
            if head < heads:
                return encoding, head
            head -= heads
        raise ValueError(f"there is no head {head}")


def join_heads(
    explained: Sequence[Explanation | None], names: Sequence[str], shares: dict[str, int]
) -> Explanation | None:
    """Join what several encodings say, each of its heads."""
    said = [(name, what) for name, what in zip(names, explained, strict=True) if what is not None]
    if not said:
        return None
    sentences = []
    for name, what in said:
        heads = f" ({shares[name]} head{'s' * (shares[name] > 1)})" if shares else ""
        sentences.append(f"{name}{heads}: {what.sentence[0].lower()}{what.sentence[1:]}")
    return Explanation(" ".join(sentences), " | ".join(what.formula for _, what in said))

"""What every positional encoding is: up to three ways to act, each doing nothing by default.

Axes: B batch, L position of all that is read, Q query, H head, K d_head, D d_model.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation

METHODS = ("embed", "rotate", "bias")  # of which an encoding has one at least
FORMULAS = {"in_embedding": " + {}", "in_queries": ", turned by {}", "in_scores": "{}(query, key)"}
SHARP_AT = 0.6  # of a training; the rest of it learns with comparisons and distances as sharp as they stay


class Positions(nn.Module):
    """No encoding: the model sees a bag of tokens and can't tell their order. The base class of all others.

    An encoding changes the embeddings (`embed`), turns queries and keys (`rotate`), or adds to the scores
    (`bias`). What overrides `embed` is made once, for the input; what overrides one of the others once for
    each layer, and each of these has weights of its own. What needs the places of tokens as it computes
    them itself overrides `places`, too.

    `in_embedding`, `in_queries` and `in_scores` are what `tfcli trace` says of it.
    """

    longest: int | None = None  # the longest sequence it knows; None if there is no bound
    uses_content = True  # False where `rotate` leaves nothing of queries and keys: then they aren't computed
    goes_by_place = False  # whether what it does depends on where tokens stand, and on nothing they hold
    kind_of_places = ""  # what `places` are called, where there are any
    in_embedding: Explanation | None = None
    in_queries: Explanation | None = None
    in_scores: Explanation | None = None

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.goes_by_place = self.goes_by_place or type(self) is Positions
        what = Explanation((type(self).__doc__ or f"{type(self).__name__}.").partition("\n")[0], "")
        for name, method in zip(("in_embedding", "in_queries", "in_scores"), METHODS, strict=True):
            overridden = getattr(type(self), method) is not getattr(Positions, method)
            if overridden and getattr(self, name) is None:  # then its docstring has to do
                setattr(self, name, what._replace(formula=FORMULAS[name].format(type(self).__name__)))

    @classmethod
    def for_layers(cls, n_layers: int, sizes: Sizes, **settings: Any) -> list[Positions]:
        """One encoding for each layer, or none of a kind that acts on the input alone."""
        if cls.rotate is Positions.rotate and cls.bias is Positions.bias:
            return [Positions(sizes) for _ in range(n_layers)]
        return [cls(sizes, **settings) for _ in range(n_layers)]

    @classmethod
    def for_input(cls, sizes: Sizes, **settings: Any) -> Positions:
        """Return the encoding for the input, or none of a kind that acts in the layers alone.

        Raises:
            ValueError: it acts nowhere.
        """
        if cls is not Positions and all(getattr(cls, name) is getattr(Positions, name) for name in METHODS):
            raise ValueError(f"{cls.__name__} needs a method {', '.join(METHODS[:-1])} or {METHODS[-1]}")
        return Positions(sizes) if cls.embed is Positions.embed else cls(sizes, **settings)

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        """Token embeddings `x` [B, L, D] with positions put in."""
        return x

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        """Return queries or keys `x` [B, H, L, K] with positions put in."""
        return x

    def bias(self, x: Tensor, at: Coordinates) -> Tensor | None:
        """Return what to add to the scores where a layer reads `x` [B, L, D]: [B or 1, H, L, L], or None.

        Only the rows of `at.queries`, the last ones, are read: the others may be left out.
        """
        return None

    def places(self, x: Tensor, at: Coordinates) -> Tensor | None:
        """Where each head finds the tokens of `x` [B, L, D], if that is computed; else None.

        [B, H, Q, L]: as each query sees it. Q is 1 where all see the same.
        """
        return None

    def of_head(self, head: int) -> tuple[Positions, int]:
        """Return the encoding of a head, and the head's number within it."""
        return self, head

    def anneal(self, progress: float) -> None:
        """Be told before each training step how far the training is, from 0 to 1."""


def sharpness(progress: float, bounds: tuple[float, float]) -> float:
    """Where a training is on the way from one bound to the other, by equal factors; then at the other."""
    start, end = bounds
    return float(start * (end / start) ** min(1.0, progress / SHARP_AT))

"""Masks: which keys a query may attend to, by the order of the tokens.

Axes: B batch, L position of all that is read.
"""

from __future__ import annotations

from torch import Tensor

from tfcli.config.fields import Annotated, Count, Field


class Mask:
    """Every query may attend to every key; the base class of all others.

    A mask has a method `allows`. Padding is no matter of the mask: it is never attended to.
    """

    is_causal = False  # whether the kernel's own causal mask does the same
    explanation = ""

    def allows(self, query: Tensor, key: Tensor) -> Tensor | None:
        """Whether the query with a number may attend to the key with a number, as bool; None if all may.

        Tokens are numbered from 0 in the order in which they are read: the begin token, the input, the
        blanks. `query` is int64 [B, L, 1] and `key` [B, 1, L]. Each query must be allowed some key.
        """
        return None


class CausalMask(Mask):
    """A query may attend to itself and to all that comes before it; blank tokens come after the input."""

    is_causal = True
    explanation = "Keys that come after the query are masked."

    def allows(self, query: Tensor, key: Tensor) -> Tensor:
        return key <= query


class WindowMask(Mask):
    """A query may attend to keys at most `size` tokens away, in both directions."""

    def __init__(
        self, *, size: Annotated[Count, Field(description="how many tokens away a key may be")] = 8
    ) -> None:
        self.size = size
        self.explanation = f"Keys more than {size} tokens away are masked."

    def allows(self, query: Tensor, key: Tensor) -> Tensor:
        return (query - key).abs() <= self.size

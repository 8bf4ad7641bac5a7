"""Where tokens stand, as positional encodings and attention read it.

Axes: B batch, L position of all that is read, Q query.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from tfcli.model.masks import Mask
from tfcli.model.stacking import is_stacked

Result = TypeVar("Result")


def is_checked() -> bool:
    """Whether values are there to be looked at: not while a model is exported, or is one of several."""
    return not (torch.compiler.is_exporting() or is_stacked())


@dataclass(frozen=True)
class Coordinates:
    """Where each token stands: its distance from the first and from the last token of its own segment.

    Both int64 [B, L], or [1, L] where all sequences of the batch have the same length. `may_attend` is the
    padding mask, likewise, False for padding; None where there is none. `segment` int64 [L] numbers the
    segments from 0; None where there is but one. `longest` is the length of the longest. `mask` says what a
    query may attend to besides.

    `from_end` is None where a model predicts what comes next: then nothing may be counted from the end.

    Where the tokens before are in a cache, these are of the others: the part of `whole` that begins with its
    token number `first`.
    """

    start: Tensor
    from_end: Tensor | None
    longest: int
    may_attend: Tensor | None = None
    segment: Tensor | None = None
    mask: Mask = field(default_factory=Mask)
    first: int = 0
    whole: Coordinates | None = None
    n_queries: int | None = None  # how many of these tokens, the last ones, ask; None: all
    _computed: dict[object, Any] = field(init=False, repr=False, default_factory=dict)

    @property
    def end(self) -> Tensor:
        """How far each token is from the last of its segment.

        Raises:
            ValueError: where the end is nobody can know yet.
        """
        if self.from_end is None:
            raise ValueError("it counts from the end, which isn't known where each token predicts the next")
        return self.from_end

    @property
    def queries(self) -> Tensor:
        """`start` of the tokens that ask, [B or 1, Q]."""
        return self.start if self.n_queries is None else self.start[..., -self.n_queries :]

    def once(self, key: object, compute: Callable[[], Result]) -> Result:
        """Return what `compute` makes of these places; it is called for the first with that key alone."""
        found: Result | None = self._computed.get(key)
        if found is None:
            found = self._computed[key] = compute()
        return found

    @cached_property
    def n_keys(self) -> Tensor:
        """How many tokens there are, int64 [B, 1], or [1, 1] where all sequences have as many."""
        if self.may_attend is None:
            return self.start.new_full((1, 1), self.first + self.start.shape[-1])
        return self.may_attend.sum(-1, keepdim=True)

    @cached_property
    def order(self) -> Tensor:
        """The number of each token in the order of reading, int64 [B, L]; padding isn't counted."""
        if self.may_attend is None:
            return torch.arange(self.start.shape[-1], device=self.start.device)[None] + self.first
        return (self.may_attend.cumsum(-1) - 1).clamp(min=0)

    @cached_property
    def allowed(self) -> Tensor | None:
        """Whether a query may attend to a key, bool [B, 1, L or 1, L]; None where each may attend to all.

        Raises:
            ValueError: there is padding, and nothing else that some token may attend to.
        """
        allowed = self.mask.allows(self.order[..., :, None], self.order[..., None, :])  # [B, L, L]
        if self.may_attend is None or allowed is None:
            return allowed if allowed is None else allowed.unsqueeze(-3)
        # Padding attends to itself, where it may attend to nothing else: nobody reads what comes of it.
        itself = torch.eye(allowed.shape[-1], dtype=torch.bool, device=allowed.device)
        real = self.may_attend[..., None, :]
        allowed = (allowed & real) | (itself & ~real)
        if is_checked() and not bool(allowed.any(-1).all()):
            raise ValueError("the mask lets a token attend to padding alone: each needs a key that is none")
        return allowed.unsqueeze(-3)

    @cached_property
    def keys_of_each_query(self) -> Tensor:
        """How many keys each query may attend to, int64 [B, L or 1]."""
        if self.mask.is_causal:
            return self.order + 1
        return self.n_keys if self.allowed is None else self.allowed[..., 0, :, :].sum(-1)

    def part(self, first: int, stop: int, n_queries: int | None = None) -> Coordinates:
        """Return those of the tokens from number `first` to before `stop`, where that is all there is yet.

        Nothing may be counted from the end, and there is no padding.
        """
        segment = None if self.segment is None else self.segment[first:stop]
        longest = self.longest - (self.start.shape[-1] - stop)
        start = self.start[..., first:stop]
        return Coordinates(start, None, longest, None, segment, self.mask, first, self, n_queries)

    @cached_property
    def keys(self) -> Coordinates:
        """Those of all tokens that these may attend to, with those in a cache; these alone ask."""
        if self.whole is None:
            return self
        count = self.start.shape[-1]
        return self.whole.part(0, self.first + count, count)

    @property
    def is_masked(self) -> bool:
        """Whether some queries may attend to fewer keys than others."""
        return type(self.mask) is not Mask

    def close(self, bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        """Return the position bias, -inf at each key that may not be attended to: [B, H or 1, L or 1, L]."""
        allowed = self.allowed
        if allowed is None and self.may_attend is not None:
            allowed = self.may_attend[..., None, None, :]
        if allowed is None:
            return bias
        if bias is None:
            bias = torch.zeros((), dtype=dtype, device=allowed.device)
        return bias.masked_fill(~allowed, -math.inf) if bias.dim() else bias.where(allowed, -math.inf)

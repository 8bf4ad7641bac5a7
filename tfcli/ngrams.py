"""How well the next symbol is told by counting: unigrams and trigrams, for a model to be held against.

Axes: B batch, T position of the input, N symbols of the text that is counted.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

WEIGHTS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # of the shorter context, in counts; the best one is taken
VALIDATION = 10  # one tenth of the text tells which is the best
MOST_TRIED = 100_000  # symbols of it

IGNORE = -100  # a target that doesn't count, as in tasks and in F.cross_entropy


class Counts:
    """How often each sequence of `order` symbols comes in a text."""

    def __init__(self, text: Tensor, order: int, n_symbols: int) -> None:
        self.n_symbols = n_symbols
        windows = text.unfold(-1, order, 1).reshape(-1, order)
        self.keys, self.counts = torch.unique(self.key(windows), return_counts=True)

    def key(self, windows: Tensor) -> Tensor:
        """Return a number for each sequence [..., order]."""
        exponents = torch.arange(windows.shape[-1] - 1, -1, -1, device=windows.device)
        powers = torch.full_like(exponents, self.n_symbols) ** exponents
        found: Tensor = (windows * powers).sum(-1)
        return found

    def __call__(self, windows: Tensor) -> Tensor:
        """How often each of `windows` [..., order] comes."""
        wanted = self.key(windows)
        place = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        found: Tensor = self.counts[place].where(self.keys[place] == wanted, 0).double()
        return found


class NGrams:
    """Counts of a text, each context filled up from the shorter one (MacKay & Peto 1995).

    p(c | a b) = (count(a b c) + w p(c | b)) / (count(a b) + w). The `weight` w is the one of `WEIGHTS` that
    does best on a tenth of the text, after counting the rest.

    Args:
        text: int64 [B, N], at least three symbols a row.
    """

    def __init__(self, text: Tensor, n_symbols: int, weight: float | None = None) -> None:
        self.n_symbols = n_symbols
        self.weight = choose_weight(text, n_symbols) if weight is None else weight
        self.counts = [Counts(text, order, n_symbols) for order in (1, 2, 3)]
        self.total = text.numel()

    def probabilities(self, context: Tensor, symbol: Tensor, order: int) -> Tensor:
        """How probable each symbol [B] is after its context [B, C], of which order - 1 are looked at."""
        found = (self.counts[0](symbol[:, None]) + 1) / (self.total + self.n_symbols)
        for n in range(2, order + 1):
            before = context[:, context.shape[1] - n + 1 :]
            whole = torch.cat([before, symbol[:, None]], dim=1)
            seen = self.counts[n - 2](before)
            found = (self.counts[n - 1](whole) + self.weight * found) / (seen + self.weight)
        return found

    def bits(self, inputs: Tensor, targets: Tensor, order: int) -> float:
        """Bits per symbol of `targets` [B, T] that come after each of `inputs` [B, T]."""
        nats, count = 0.0, 0
        for position in range(inputs.shape[1]):
            there = targets[:, position] != IGNORE
            context = inputs[there, max(0, position - 1) : position + 1]
            looked_at = min(order, context.shape[1] + 1)
            nats -= float(self.probabilities(context, targets[there, position], looked_at).log().sum())
            count += len(context)
        return nats / count / math.log(2)


def choose_weight(text: Tensor, n_symbols: int) -> float:
    """Return the weight that does best on the end of a text, or on its last rows."""
    dim = int(text.shape[1] > len(text))
    cut = text.shape[dim] - text.shape[dim] // VALIDATION
    learned, tried = text.narrow(dim, 0, cut), text.narrow(dim, cut, text.shape[dim] - cut)
    if tried.shape[0] == 0 or tried.shape[1] < 3:
        return 1.0
    tried = tried[:, :MOST_TRIED].reshape(-1) if dim else tried.reshape(-1)
    windows = tried.unfold(0, 3, 1)
    model = NGrams(learned, n_symbols, 1.0)

    def miss(weight: float) -> float:
        model.weight = weight
        return -float(model.probabilities(windows[:, :2], windows[:, 2], 3).log().sum())

    return min(WEIGHTS, key=miss)

"""How scores are scaled with the length of the sequence.

Axes: B batch, T position, H head, K d_head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tfcli.model.coordinates import Coordinates
from tfcli.model.sizes import Sizes
from tfcli.model.stacking import broadcast
from tfcli.model.stages import Explanation


class AttentionScale(nn.Module):
    """Scores as they are, whatever the length; the base class of all others.

    A scale has a `forward(q, bias, at)` that returns queries [B, H, T, K] and position bias, scaled so that
    their scores are.
    """

    explained: Explanation | None = None  # what it does to queries and bias

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, q: Tensor, bias: Tensor | None, at: Coordinates) -> tuple[Tensor, Tensor | None]:
        return q, bias


class LogLengthScale(AttentionScale):
    """Scores times b + s log n, with n the number of keys, and b and s learned by each head.

    A score that is larger by a constant gives a weight that shrinks as keys are added; one that is larger by
    a multiple of log n does not (Chiang & Cholak 2022, 2202.12172).
    """

    explained = Explanation(
        "It is multiplied by a factor that grows with the logarithm of the number of keys.",
        ", times b + s log(number of keys)",
    )

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.b = nn.Parameter(torch.zeros(sizes.n_heads, 1, 1))
        self.s = nn.Parameter(torch.ones(sizes.n_heads, 1, 1))

    def forward(self, q: Tensor, bias: Tensor | None, at: Coordinates) -> tuple[Tensor, Tensor | None]:
        log_n = at.keys_of_each_query.to(self.s.dtype).log()[..., None, :, None]  # [B, 1, T or 1, 1]
        factor = broadcast(self.b, q, 3) + broadcast(self.s, q, 3) * log_n  # [B, H, T or 1, 1]
        return q * factor, None if bias is None else bias * factor

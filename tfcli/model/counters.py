"""Running counts that a model may keep of its tokens, read off modulo small numbers.

Axes: B batch, L position, C counters, D d_model.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tfcli.model.embedding import Table
from tfcli.model.linear import Linear

MODULI = (2, 3, 5, 7)


class Counters(nn.Module):
    """Each token adds a learned whole number to each counter; what they show is added to the embeddings.

    A counter shows its running count modulo 2, 3, 5 and 7, as a point on a circle each. A count is a whole
    number however long the sequence is, so nothing that it shows is new at a greater length. That symbols are
    counted, and in circles, is built in; which symbol counts for how much is learned.
    """

    def __init__(self, n_counters: int, n_tokens: int, d_model: int) -> None:
        super().__init__()
        self.step = Table(n_tokens, n_counters)
        nn.init.normal_(self.step.weight, std=2.0)
        self.show = Linear(2 * len(MODULI) * n_counters, d_model, bias=False)
        self.moduli: Tensor
        self.register_buffer("moduli", torch.tensor(MODULI, dtype=torch.float32), persistent=False)

    def forward(self, tokens: Tensor, may_attend: Tensor | None = None) -> Tensor:
        """Return what the counters show at each of `tokens` [B, L], [B, L, D]; padding isn't counted."""
        counts = self.counts(tokens, may_attend)[..., None]  # [B, L, C, 1]
        angles = counts.remainder(self.moduli) * (2 * math.pi / self.moduli)
        shown: Tensor = self.show(torch.cat((angles.cos(), angles.sin()), dim=-1).flatten(-2))
        return shown

    def counts(self, tokens: Tensor, may_attend: Tensor | None = None) -> Tensor:
        """Return the running counts [B, L, C], whole numbers; the gradient passes the rounding by."""
        step = self.step(tokens).to(self.moduli.dtype)
        step = step + (step.round() - step).detach()
        if may_attend is not None:
            step = step * may_attend[..., None]
        counts: Tensor = step.cumsum(-2)
        return counts

"""Normalisation of each position's vector.

Axes: T position, D d_model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.config.fields import Epsilon
from tfcli.model.sizes import Sizes
from tfcli.model.stacking import broadcast
from tfcli.model.stages import Stage


class Norm(nn.Module):
    """No norm at all, and the base class of all others.

    A norm has a `forward(x)` of vectors [..., D]. `name`, `explanation`, `formula` and `recompute` are what
    `tfcli trace` shows; a norm without them is named by its class, and computed again by itself in double
    precision.
    """

    name = ""
    explanation = ""
    formula = ""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x

    def recompute(self, x: Tensor) -> Tensor:
        """Return the norm of `x` [T, D] in double precision, written out apart from `forward`."""
        with torch.autocast(x.device.type, enabled=False):
            again: Tensor = self(x.float()).double()
            return again

    def facts(self, out: Tensor) -> list[str]:
        """Return facts measured on normed vectors [T, D]."""
        return []

    def stage(self, x: Tensor, out: Tensor, is_stream: bool = False) -> Stage | None:
        """Return the stage from `x` to `out`, both [T, D]; None where there is no norm."""
        if type(self) is Norm:
            return None
        name = self.name or type(self).__name__
        explanation = self.explanation or (type(self).__doc__ or f"The norm {name}.").partition("\n")[0]
        formula = self.formula or f"{name}(x)"
        return Stage(
            name,
            explanation,
            formula,
            out,
            self.recompute(x.double()),
            facts=self.facts(out),
            is_stream=is_stream,
        )


class LayerNorm(Norm):
    """Mean 0 and variance 1 at each position, then a learned scale and shift (Ba et al. 2016, 1607.06450)."""

    name = "layer norm"
    explanation = "Each position's vector is brought to mean 0 and variance 1, then scaled and shifted."
    formula = "g (x - mean) / sqrt(variance + eps) + b"

    def __init__(self, sizes: Sizes, *, epsilon: Epsilon = 1e-5) -> None:
        super().__init__(sizes)
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(sizes.d_model))
        self.bias = nn.Parameter(torch.zeros(sizes.d_model)) if sizes.bias else None

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.dim() == 1:
            return torch.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)
        normed, weight = torch.layer_norm(x, x.shape[-1:], eps=self.epsilon), broadcast(self.weight, x)
        if self.bias is None:
            return normed * weight
        return torch.addcmul(broadcast(self.bias, x), normed, weight)

    def recompute(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        deviation = (centred.square().mean(-1, keepdim=True) + self.epsilon).sqrt()
        normed = centred / deviation * self.weight.to(x)
        return normed if self.bias is None else normed + self.bias.to(x)

    def facts(self, out: Tensor) -> list[str]:
        plain = (out if self.bias is None else out - self.bias) / self.weight
        if not bool(plain.isfinite().all()):
            return []
        off, spread = plain.mean(-1).abs().max(), plain.var(-1, correction=0)
        return [
            f"before scale and shift: mean 0, at most {float(off):.0e} off, "
            f"variance {float(spread.min()):.3f} to {float(spread.max()):.3f}, at each position"
        ]


class RMSNorm(Norm):
    """Root mean square 1 at each position, then a learned scale (Zhang & Sennrich 2019, 1910.07467)."""

    name = "RMS norm"
    explanation = "Each position's vector is divided by its root mean square, then scaled."
    formula = "g x / sqrt(mean(x^2) + eps)"

    def __init__(self, sizes: Sizes, *, epsilon: Epsilon = 1e-5) -> None:
        super().__init__(sizes)
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(sizes.d_model))

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.dim() == 1:
            return F.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)
        return F.rms_norm(x, x.shape[-1:], None, self.epsilon) * broadcast(self.weight, x)

    def recompute(self, x: Tensor) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + self.epsilon).sqrt() * self.weight.to(x)

"""Sinusoidal positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tfcli.model.coordinates import Coordinates
from tfcli.model.positions.base import Positions
from tfcli.model.sizes import Sizes
from tfcli.model.stages import Explanation


class SinusoidalPositions(Positions):
    """Sines and cosines of geometrically spaced wavelengths (Vaswani et al. 2017, section 3.5)."""

    goes_by_place = True
    in_embedding = Explanation(
        "Sines and cosines of its position are added.", " + sin or cos(position / 10000^(channel / d_model))"
    )

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies(sizes.d_model), persistent=False)

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        angles = at.start[..., None] * self.frequencies  # [B, L, D/2]
        waves = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)  # sin, cos, sin, cos, ...
        return x + waves[..., : x.shape[-1]]


def frequencies(width: int) -> Tensor:
    """Return the angle by which each pair of `width` channels turns per position, from 1 down to 1/10000."""
    steps = torch.arange(0, width, 2, device="cpu")  # on "meta", torch would import its compiler to compute
    return torch.exp(steps * (-math.log(10_000) / width))

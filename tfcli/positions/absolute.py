"""Encodings of where a token stands, put into the embeddings, or into queries and keys.

Axes: B batch, T position, H head, K d_head, D d_model.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tfcli.config import ModelConfig
from tfcli.layouts import Coordinates
from tfcli.positions.base import LATER, NoPositions


class LearnedPositions(NoPositions):
    """A learned vector for each position (Vaswani et al. 2017, section 3.5, the alternative).

    Knows the positions below `max_length` and no others.
    """

    in_embedding = ", plus a learned vector for its position"
    adds_to_embedding = True

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.longest = self.longest or max_length
        self.table = nn.Embedding(self.longest, config.d_model)

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        table: Tensor = self.table(at.start)  # [B, T, D]
        return x + table


class SinusoidalPositions(NoPositions):
    """Sines and cosines of geometrically spaced wavelengths (Vaswani et al. 2017, section 3.5)."""

    in_embedding = ", plus sines and cosines of its position"
    adds_to_embedding = True

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies(config.d_model), persistent=False)

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        angles = at.start[..., None] * self.frequencies  # [B, T, D/2]
        waves = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)  # sin, cos, sin, cos, ...
        return x + waves[..., : x.shape[-1]]


class RotaryPositions(NoPositions):
    """Queries and keys turned by an angle that grows with the position (Su et al. 2021, 2104.09864, eq. 34).

    The score of a pair then depends on the offset between its two positions only.
    """

    in_embedding = LATER
    in_queries = ", turned by angles that grow with the position"

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies(config.d_head), persistent=False)

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        angles = at.start[:, None, :, None] * self.frequencies  # [B, 1, T, K/2]
        cos, sin = angles.cos(), angles.sin()
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class FractionalPositions(NoPositions):
    """How far through its segment each token stands, u = (start + 1/2) / length, and 1 - u, along two learned
    directions.

    No length holds a fraction that is out of range, but neighbours come ever closer.
    """

    in_embedding = ", plus learned directions times how far through the sequence it stands"
    adds_to_embedding = True

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.directions = nn.Parameter(torch.randn(2, config.d_model))

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        u = (at.start + 0.5) / (at.start + at.end + 1)
        return x + torch.stack((u, 1 - u), dim=-1) @ self.directions


def frequencies(width: int) -> Tensor:
    """The angle by which each pair of `width` channels turns per position, from 1 down to 1/10000."""
    return torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))

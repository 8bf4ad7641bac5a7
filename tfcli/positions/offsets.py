"""Encodings of how far a key stands from the query, as a bias of the scores.

Axes: B batch, T position, H head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.config import ModelConfig
from tfcli.layouts import Coordinates
from tfcli.positions.base import LATER, NoPositions, segment_pairs


class AlibiPositions(NoPositions):
    """A fixed penalty on the distance, less steep from head to head (Press et al. 2021, 2108.12409).

    The slopes are 2^(-8 h / H) for h = 1 ... H, as there; an encoder counts the distance in both directions.
    """

    in_embedding = LATER
    in_scores = "What the position encoding adds: a penalty that grows with the distance."

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.slopes: Tensor
        heads = torch.arange(1, config.n_heads + 1)
        self.register_buffer("slopes", torch.exp2(-8 * heads / config.n_heads), persistent=False)

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        distance = (at.start[:, :, None] - at.start[:, None, :]).abs()  # [B, T, T]
        return -self.slopes[:, None, None] * distance[:, None]


class RelativePositions(NoPositions):
    """A learned bias on the offset, in buckets that widen (T5, Raffel et al. 2020, 1910.10683, section 2.1).

    Each direction has 16 buckets: one for each offset below 8, the others evenly spaced in its logarithm up
    to 128, the last for all beyond. Each layer has a table of its own.
    """

    BUCKETS, EXACT, FARTHEST = 16, 8, 128
    GAIN = 8.0  # see EndsPositions

    in_embedding = LATER
    in_scores = "What the position encoding adds: a learned number for the offset of key and query."

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.table = nn.Parameter(torch.zeros(config.n_layers, 2 * self.BUCKETS, config.n_heads))

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        buckets = self.bucket(at.start[:, None, :] - at.start[:, :, None])  # [B, T, T]
        return self.GAIN * F.embedding(buckets, self.table[layer]).permute(0, 3, 1, 2)

    def bucket(self, offset: Tensor) -> Tensor:
        """The bucket of each offset, key minus query: those of keys to the right come after the others."""
        distance = offset.abs()
        wide = self.BUCKETS - self.EXACT
        share = (distance.clamp(min=1) / self.EXACT).log() / math.log(self.FARTHEST / self.EXACT)
        far = (self.EXACT + (share * wide).long()).clamp(max=self.BUCKETS - 1)
        return torch.where(distance < self.EXACT, distance, far) + self.BUCKETS * (offset > 0)


class EndsPositions(NoPositions):
    """A learned bias on how far a key stands from where the query stands, counted from both ends.

    Two tables a head. One is indexed by start(query) - start(key), the plain offset (Shaw et al. 2018,
    1803.02155); the other by start(query) - end(key), the offset from the query's mirror image. Offsets are
    clipped to ±`reach`, at most REACH and within the trained lengths, so that a longer sequence holds no
    offset that training hasn't seen.

    Where there are several segments, each pair of them has its own part of the tables, and two more tables
    count the query from its end: segments of different lengths have two ends to be matched.
    """

    REACH = 16
    # AdamW moves every parameter by about the learning rate a step, however steep its slope is. The tables
    # hold the bias divided by GAIN, so that a head makes up its mind in tens of steps, not hundreds.
    GAIN = 8.0

    in_embedding = LATER
    in_scores = "What the position encoding adds: learned numbers for the offsets from both ends."

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.n_segments = n_segments
        self.reach = min(self.REACH, max(1, max_length - 1))
        shape = (config.n_layers, n_segments**2 * (2 * self.reach + 1), config.n_heads)
        self.from_start = nn.Parameter(torch.zeros(shape))
        self.from_end = nn.Parameter(torch.zeros(shape))
        if n_segments > 1:
            self.end_from_start = nn.Parameter(torch.zeros(shape))
            self.end_from_end = nn.Parameter(torch.zeros(shape))

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        lookups = [(at.start, at.start, self.from_start), (at.start, at.end, self.from_end)]
        if self.n_segments > 1:
            lookups += [(at.end, at.start, self.end_from_start), (at.end, at.end, self.end_from_end)]
        pairs = segment_pairs(at, self.n_segments) * (2 * self.reach + 1)
        found = [
            F.embedding(pairs + offset_bucket(query, key, self.reach), table[layer])
            for query, key, table in lookups
        ]
        return self.GAIN * sum(found[1:], found[0]).permute(0, 3, 1, 2)  # [B, H, L, L]


def offset_bucket(query: Tensor, key: Tensor, reach: int) -> Tensor:
    """The clipped offsets between two coordinates [B, T], counted from 0: int64 [B, T, T]."""
    return (query[:, :, None] - key[:, None, :]).clamp(-reach, reach) + reach

"""Positional encodings: how a model that sees a set of tokens learns where each one stands.

An encoding acts in up to three places, each a no-op by default: it changes the embeddings (`embed`), turns
queries and keys (`rotate`), or adds to the attention scores (`bias`). A new one is a class and a row in
`POSITIONS`.

Axes: B batch, T position, H head, K d_head, D d_model, R features a comparison has.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.config import ModelConfig
from tfcli.layouts import Coordinates

INDEX_RANGE = 2048  # numbers that randomized indices are drawn from


LATER = "; where it stands comes in later"


def randomized(at: Coordinates, generator: torch.Generator | None) -> Coordinates:
    """The same coordinates with 0, 1, 2, ... replaced by a sorted draw from INDEX_RANGE numbers.

    A model that was trained so has met all numbers of the range, however short its sequences were (Ruoss et
    al. 2023, 2305.16843). One draw serves the whole batch; without a generator it is from torch's global
    random numbers.
    """
    drawn = torch.randperm(INDEX_RANGE, device=at.start.device, generator=generator)
    drawn = drawn[: at.longest].sort().values
    return at._replace(start=drawn[at.start], end=drawn[at.end])


class NoPositions(nn.Module):
    """No encoding: the model sees a bag of tokens and can't tell their order."""

    longest: int | None  # the longest sequence it knows; None if there is no bound
    # What it does, for people to read: to embeddings, to queries and keys, to scores.
    in_embedding = "; the model never learns where it stands"
    adds_to_embedding = False
    in_queries = ""
    in_scores = ""

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__()
        self.randomized = config.indices == "randomized"
        self.longest = INDEX_RANGE if self.randomized else None

    def place(self, at: Coordinates) -> Coordinates:
        """The coordinates as the encoding reads them; drawn anew in training, always the same out of it.

        Raises:
            ValueError: a segment is longer than the encoding knows.
        """
        if self.longest is not None and at.longest > self.longest:
            kind = "randomized indices" if self.randomized else "learned positions"
            raise ValueError(f"{kind} know lengths up to {self.longest}, not {at.longest}")
        if not self.randomized:
            return at
        fixed = None if self.training else torch.Generator(at.start.device).manual_seed(0)
        return randomized(at, fixed)

    def embed(self, x: Tensor, at: Coordinates) -> Tensor:
        """Token embeddings `x` [B, T, D] with positions put in."""
        return x

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        """Queries or keys `x` [B, H, T, K] with positions put in."""
        return x

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor | None:
        """What to add to the scores of a layer with input `x` [B, T, D]: [B or 1, H, T, T], or None."""
        return None

    def sharpen(self, gate: float, slope: float) -> None:
        """Told before each training step how sharp comparisons and distances are to be."""


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


class RankPositions(NoPositions):
    """A position that the model computes: each key's rank among all the tokens, by a learned comparison.

    A head compares tokens j and k by an antisymmetric score, s_jk = a_j b_k - a_k b_j + tau sign(j - k). The
    soft number of comparisons that j wins within its segment is its rank: rank_j = sum over k != j of
    sigmoid(gate s_jk). As s_jk = -s_kj, the ranks add up to T(T - 1)/2, so no token can drop out. Query i
    looks where the rank is i: its scores are -slope |i - rank_j|, with no content in them.

    Where nothing but tau speaks, the rank is the position from the start (tau > 0) or from the end (tau < 0);
    where symbols are compared, tau decides between equal ones. All this is learned; that there is an order,
    and that position i wants rank i, is built in. Gate and slope sharpen as training goes on: flat at first,
    so that every key gets a gradient.

    Where there are several segments, each pair of them has a learned bias, and every second head counts the
    query from its end.
    """

    FEATURES = 8
    GAIN = 4.0  # of tau and of the segment bias; see EndsPositions

    in_embedding = LATER
    in_queries = ", times 0: content is compared in the ranks alone"
    in_scores = "How far the key's rank, by the learned comparison, is from the query's position."

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__(config, max_length)
        self.n_heads, self.n_segments = config.n_heads, n_segments
        width = 2 * config.n_heads * self.FEATURES
        self.compare = nn.ModuleList(
            nn.Linear(config.d_model, width, bias=False) for _ in range(config.n_layers)
        )
        self.tau = nn.Parameter(torch.zeros(config.n_layers, config.n_heads))
        if n_segments > 1:
            self.between = nn.Parameter(torch.zeros(config.n_layers, n_segments**2, config.n_heads))
        # Saved with the run: it answers as it was trained.
        self.gate: Tensor
        self.slope: Tensor
        self.register_buffer("gate", torch.ones(()))
        self.register_buffer("slope", torch.ones(()))

    def rotate(self, x: Tensor, at: Coordinates) -> Tensor:
        """Zero: no content in the scores."""
        return torch.zeros_like(x)

    def bias(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        ranks = self.ranks(layer, x, at)  # [B, H, L]
        if self.n_segments == 1:
            return -self.slope * (at.start[:, None, :, None] - ranks[:, :, None, :]).abs()
        from_end = torch.arange(self.n_heads, device=x.device) % 2 == 1
        wanted = torch.where(from_end[:, None], at.end[:, None], at.start[:, None])  # [B, H, L]
        distance = (wanted[..., None] - ranks[:, :, None, :]).abs()
        between = F.embedding(segment_pairs(at, self.n_segments), self.between[layer]).permute(0, 3, 1, 2)
        return self.GAIN * between - self.slope * distance

    def ranks(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        """The rank of each token among the tokens that may be attended to, [B, H, T], always in float32.

        Between whole numbers of some hundred, bfloat16 has no halves left.
        """
        with torch.autocast(x.device.type, enabled=False):
            return self._ranks(layer, x.float(), at)

    def _ranks(self, layer: int, x: Tensor, at: Coordinates) -> Tensor:
        B, L, _ = x.shape
        a, b = self.compare[layer](x).view(B, L, 2, self.n_heads, -1).permute(2, 0, 3, 1, 4)  # [B, H, L, R]
        later = (at.start[:, None, :, None] - at.start[:, None, None, :]).sign()
        ties = self.gate * self.GAIN * self.tau[layer][:, None, None] * later
        scores = self.compare_pairs(a * (self.gate / math.sqrt(self.FEATURES)), b) + ties
        wins = scores.sigmoid()  # [B, H, L, L]: j against k
        if at.may_attend is not None:
            wins = wins * at.may_attend[:, None, None, :]
        if at.segment is not None:
            wins = wins * (at.segment[:, None] == at.segment)
        ranks: Tensor = wins.sum(-1) - 0.5  # a token against itself is a draw
        return ranks

    def compare_pairs(self, a: Tensor, b: Tensor) -> Tensor:
        """a_j b_k - a_k b_j for all j and k, from the features [B, H, L, R]: antisymmetric, [B, H, L, L]."""
        return torch.cat((a, b), dim=-1) @ torch.cat((b, -a), dim=-1).transpose(-2, -1)

    def sharpen(self, gate: float, slope: float) -> None:
        self.gate.fill_(gate)
        self.slope.fill_(slope)


def segment_pairs(at: Coordinates, n_segments: int) -> Tensor:
    """A number for the segments of each query and key, int64 [1, L, L]; 0 where there is but one segment."""
    if at.segment is None:
        return at.start.new_zeros(1, 1, 1)
    return (at.segment[:, None] * n_segments + at.segment)[None]


def offset_bucket(query: Tensor, key: Tensor, reach: int) -> Tensor:
    """The clipped offsets between two coordinates [B, T], counted from 0: int64 [B, T, T]."""
    return (query[:, :, None] - key[:, None, :]).clamp(-reach, reach) + reach


def frequencies(width: int) -> Tensor:
    """The angle by which each pair of `width` channels turns per position, from 1 down to 1/10000."""
    return torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))


POSITIONS: dict[str, type[NoPositions]] = {
    "none": NoPositions,
    "learned": LearnedPositions,
    "sinusoidal": SinusoidalPositions,
    "rotary": RotaryPositions,
    "fractional": FractionalPositions,
    "alibi": AlibiPositions,
    "relative": RelativePositions,
    "ends": EndsPositions,
    "rank": RankPositions,
}

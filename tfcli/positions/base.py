"""What every positional encoding is: up to three places to act in, each a no-op by default.

Axes: B batch, T position, H head, K d_head, D d_model.
"""

from __future__ import annotations

import torch
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
    computes = ""  # what `places` are called, where there are any

    def __init__(self, config: ModelConfig, max_length: int, n_segments: int = 1) -> None:
        super().__init__()
        self.randomized = config.indices == "randomized"
        self.longest = INDEX_RANGE if self.randomized else None

    @property
    def kind(self) -> str:
        """What bounds the length, for people to read."""
        return "randomized indices" if self.randomized else "learned positions"

    def place(self, at: Coordinates) -> Coordinates:
        """The coordinates as the encoding reads them; drawn anew in training, always the same out of it.

        Raises:
            ValueError: a segment is longer than the encoding knows.
        """
        if self.longest is not None and at.longest > self.longest:
            raise ValueError(f"{self.kind} know lengths up to {self.longest}, not {at.longest}")
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

    def places(self, layer: int, x: Tensor, at: Coordinates) -> Tensor | None:
        """Where each head finds the tokens of a layer's input, [B, H, L], if that is computed; else None."""
        return None

    def sharpen(self, gate: float, slope: float) -> None:
        """Told before each training step how sharp comparisons and distances are to be."""


def segment_pairs(at: Coordinates, n_segments: int) -> Tensor:
    """A number for the segments of each query and key, int64 [1, L, L]; 0 where there is but one segment."""
    if at.segment is None:
        return at.start.new_zeros(1, 1, 1)
    return (at.segment[:, None] * n_segments + at.segment)[None]

"""The sizes that the parts of a model are made from."""

from __future__ import annotations

from typing import NamedTuple


class Sizes(NamedTuple):
    """Plain numbers, the same for all parts of a model; a group of heads has fewer heads than the model."""

    d_model: int  # width of the residual stream
    n_heads: int
    d_head: int
    d_ff: int  # width inside the feed-forward
    longest: int  # tokens of the longest segment that is trained on
    n_places: int  # different places that a token may have: `longest`, or as many as indices are drawn from
    n_segments: int = 1
    bias: bool = True  # whether linear layers and norms have biases
    dropout: float = 0.0  # share of activations dropped in training

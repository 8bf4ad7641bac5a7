"""Positional encodings: how a model that sees a set of tokens learns where each one stands.

An encoding acts in up to three places: it changes the embeddings (`embed`), turns queries and keys
(`rotate`), or adds to the attention scores (`bias`). A new one is a class in one of these modules and a row
in `POSITIONS`.
"""

from __future__ import annotations

from tfcli.positions.absolute import (
    FractionalPositions,
    LearnedPositions,
    RotaryPositions,
    SinusoidalPositions,
)
from tfcli.positions.base import INDEX_RANGE, NoPositions
from tfcli.positions.computed import LandmarkPositions, LevelPositions, RankPositions
from tfcli.positions.offsets import AlibiPositions, EndsPositions, RelativePositions

__all__ = [
    "INDEX_RANGE",
    "POSITIONS",
    "EndsPositions",
    "LandmarkPositions",
    "LevelPositions",
    "NoPositions",
    "RankPositions",
    "SinusoidalPositions",
]

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
    "level": LevelPositions,
    "landmark": LandmarkPositions,
}

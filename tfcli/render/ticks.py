"""Where the numbers stand along an axis."""

from __future__ import annotations

from itertools import count
from math import ceil, floor

MOST = 6  # numbers along an axis
ROUND = (1, 2, 5)  # times a power of ten


def whole_ticks(first: float, last: float, most: int = MOST) -> range:
    """Return the round whole numbers from `first` to `last`: as many as there is room for."""
    steps = (digit * 10**power for power in count() for digit in ROUND)
    step = next(step for step in steps if floor(last / step) - ceil(first / step) < most)
    return range(ceil(first / step) * step, floor(last) + 1, step)

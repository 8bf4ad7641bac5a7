"""Whether a forward pass is one of several models at once: then no value may be looked at on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_STACKED = ContextVar("stacked", default=False)


def is_stacked() -> bool:
    """Whether several models with weights of their own go through their forward pass together."""
    return _STACKED.get()


@contextmanager
def stacking() -> Iterator[None]:
    """Within this, they do."""
    token = _STACKED.set(True)
    try:
        yield
    finally:
        _STACKED.reset(token)

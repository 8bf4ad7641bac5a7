"""Libraries that some task alone needs: an extra brings each, and it is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class MissingExtraError(ValueError):
    """A library isn't installed that an extra brings; the message says what installs it."""


def import_extra(module: str, extra: str) -> ModuleType:
    """Return a library that an extra brings.

    Raises:
        MissingExtraError: it isn't installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise MissingExtraError(f'{library} isn\'t installed: pip install "tfcli[{extra}]"') from error

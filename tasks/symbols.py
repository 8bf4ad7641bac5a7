"""What may be a symbol, wherever it comes from: the class of a task, a configuration, or what is typed.

Free of torch, since configurations are read without it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

SHOWN = {" ": "␣", "\n": "⏎", "\t": "⇥"}  # how the characters of a text are shown that leave no mark
UNPRINTABLE = ("Cc", "Cf", "Cs")  # controls, formats such as marks of direction, halves of characters
SHOWN_AS_NOTHING = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # though of other categories
JOINERS = "\u200c\u200d"  # part of how emoji and words of some scripts are written
JOINED = ("So", "Sk", "Mn", "Mc", "Lo", "Lm")  # ... between characters of these categories


def normalize(text: str) -> str:
    """Return a text with its characters composed (NFC): one that looks the same is the same."""
    return unicodedata.normalize("NFC", text)


def find_problem(symbols: Sequence[object], at_least: int = 2) -> str | None:
    """Return why these can't be the symbols of a task, or of its answers; None if they can."""
    if len(symbols) < at_least:
        return f"must hold at least {'two' if at_least == 2 else at_least}"
    seen: dict[str, str] = {}
    for symbol in symbols:
        if not isinstance(symbol, str):
            return f"{symbol!r} must be text; put it in quotes"
        if not is_printable(symbol):
            rule = "no spaces, no control or invisible characters, not empty"
            return f"{symbol!a} can't be typed: {rule}"
        other = seen.setdefault(normalize(symbol), symbol)
        if other != symbol:
            return f"{other!a} and {symbol!a} are the same symbol, {symbol}, written in two ways"
    if len(seen) < len(symbols):
        counts = Counter(symbols)
        twice = [symbol for symbol in seen.values() if counts[symbol] > 1]
        return f"each symbol may stand there once, {', '.join(sorted(twice))} stands there more often"
    return None


def is_printable(symbol: str) -> bool:
    """Whether a symbol can be typed between spaces, and each of its characters seen, or joins two."""
    if symbol.isascii():  # of which vocabularies of many thousands mostly are
        return symbol.isprintable() and " " not in symbol and bool(symbol)
    around = f" {symbol} "
    return bool(symbol) and all(
        is_visible(character) or (character in JOINERS and is_joined(around[i]) and is_joined(around[i + 2]))
        for i, character in enumerate(symbol)
    )


def is_visible(character: str) -> bool:
    """Whether a character leaves a mark where it is printed, and changes nothing else."""
    hidden = unicodedata.category(character) in UNPRINTABLE or character in SHOWN_AS_NOTHING
    return not (hidden or character.isspace())


def is_joined(character: str) -> bool:
    """Whether a character is one that joiners stand beside."""
    return unicodedata.category(character) in JOINED

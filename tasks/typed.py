"""What people type as a sequence: without spaces, with commas or quotes, with full-width digits.

What is a symbol of the task, or a character of one, is always read as itself. Free of torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from .symbols import normalize

SEPARATORS = ",、，。"
QUOTES = "\"'“”‘’「」『』"
FULL_WIDTH = range(0xFF01, 0xFF5F)  # the printable characters of ASCII, as wide as a Chinese one
TO_ASCII = 0xFEE0  # what lies between the two forms


def split_words(text: str, known: Collection[str]) -> list[str]:
    """Return the words of a text; of a single one that is no symbol the characters, if each is one."""
    words = normalize(text).split()
    if len(words) == 1 and words[0] not in known and all(character in known for character in words[0]):
        return list(words[0])
    return words


def read_typed(text: str, known: Collection[str]) -> list[str]:
    """Return the symbols that a text stands for, as far as they can be told; the rest as it was typed.

    Only a text without spaces is split, the longest symbol first; and a number among others stays whole: it
    is rather one that the task doesn't have.
    """
    words = split_words(text, known)
    if all(word in known for word in words):
        return words
    meant = read_characters(normalize(text), known)
    has_spaces = len(text.split()) > 1
    parts = split_words(meant, known)
    found: list[str] = []
    for word in parts:
        stays = word in known or has_spaces or (word.isdecimal() and len(parts) > 1)
        found += [word] if stays else split_greedily(word, known) or [word]
    return found


def read_characters(text: str, known: Collection[str]) -> str:
    """Return a text with separators as spaces, without quotes and in ASCII, but for characters of symbols."""
    characters = set().union(*known)

    def read(character: str) -> str:
        if character in characters:
            return character
        if ord(character) in FULL_WIDTH and chr(ord(character) - TO_ASCII) in characters:
            return chr(ord(character) - TO_ASCII)
        if character in SEPARATORS:
            return " "
        return "" if character in QUOTES else character

    return "".join(map(read, text))


def split_greedily(word: str, known: Collection[str]) -> list[str] | None:
    """Return the symbols that a word is made of, the longest first; None if a rest is left."""
    found = list(greedy_symbols(word, known))
    return found if sum(map(len, found)) == len(word) else None


def greedy_symbols(word: str, known: Collection[str]) -> Iterator[str]:
    """Yield symbols from the start of a word on, the longest each, as far as there are some."""
    longest, at = max(map(len, known)), 0
    while at < len(word):
        sizes = range(min(longest, len(word) - at), 0, -1)
        size = next((size for size in sizes if word[at : at + size] in known), None)
        if size is None:
            return
        yield word[at : at + size]
        at += size


def explain_unknown(word: str, known: Collection[str], listed: str) -> str:
    """Return what is wrong with a word that is no symbol, and what was meant, if that can be told."""
    if parts := split_greedily(word, known):
        return f"{word!r} is none of the symbols {listed}; did you mean {' '.join(parts)!r}?"
    read = "".join(greedy_symbols(word, known))
    if read:
        return f"{word[len(read) :]!r} in {word!r} is none of the symbols {listed}"
    near = get_close_matches(word[:100], known, n=1)
    return f"{word!r} is none of the symbols {listed}" + (f"; did you mean {near[0]!r}?" if near else "")

"""The task of texts: its tokenizer, and how the pieces of one are shown.

`tokenizers` is imported here alone, and only where text is read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcli import registry
from tfcli.config.reading import read_bytes
from tfcli.config.task_section import TaskConfig
from tfcli.errors import UsageError

if TYPE_CHECKING:
    from tasks.base import Task

MASKS = ("[MASK]", "<mask>")  # the pieces that a model fills in
MOST = 50_000_000  # bytes of a tokenizer
# How white space within a piece is shown.
SHOWN = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍"}


def build_text(config: TaskConfig, run: Path) -> Task:
    """Return the task of texts for a run's own tokenizer.

    Raises:
        UsageError: it can't be read, or the extra that reads it isn't installed.
    """
    path = run / str(config.tokenizer)
    return make_task(config, load_tokenizer(path), path)


def make_task(config: TaskConfig, tokenizer: Any, path: Path) -> Task:
    """Return the task of texts for a tokenizer, which is from `path`.

    Raises:
        UsageError: it doesn't go with the rest.
    """
    pieces = tokenizer.get_vocab()

    def read(text: str, second: str | None) -> list[int]:
        ids: list[int] = tokenizer.encode(text, second).ids
        return ids

    def write(ids: Sequence[int]) -> str:
        text: str = tokenizer.decode(list(ids), skip_special_tokens=False)
        return text

    try:
        task: Task = registry.import_task_module("subwords").Subwords(
            symbols=make_symbols(pieces, config.vocab_size or len(pieces)),
            read=read,
            write=write,
            max_length=config.max_length,
            labels=config.labels,
            mask=next((pieces[name] for name in MASKS if name in pieces), None),
            predicts_next=config.layout == "next",
        )
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    return task


def import_tokenizers() -> Any:
    """Return the library that reads tokenizers.

    Raises:
        UsageError: it isn't installed.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise UsageError("to read text needs tokenizers: pip install tokenizers") from error
    return tokenizers


def load_tokenizer(path: Path) -> Any:
    """Return the tokenizer of a file; whatever length a text has, all of it is read.

    Raises:
        UsageError: there is none.
    """
    library = import_tokenizers()
    try:
        tokenizer = library.Tokenizer.from_str(read_bytes(path, MOST).decode())
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error
    except Exception as error:  # the library's own errors are plain ones
        line = " ".join(str(error).split())[:200]
        raise UsageError(
            f"{path}: no tokenizer ({line}); save the model's own with save_pretrained"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def make_symbols(pieces: dict[str, int], count: int) -> list[str]:
    """Return how each of `count` pieces is shown: legibly, and no two alike."""
    names = {number: name for name, number in pieces.items()}
    is_bytes = any(name.startswith("Ġ") for name in pieces)  # how GPT-2 writes a space
    found: dict[str, None] = {}
    for number in range(count):
        shown = unicodedata.normalize("NFC", show(names.get(number, ""), is_bytes))
        found[shown if shown and shown not in found else f"{shown}<{number}>"] = None
    return list(found)


def show(piece: str, is_bytes: bool) -> str:
    """Return a piece as it can be read: white space as marks, and what can't be printed as its code."""
    text = piece
    if is_bytes and (data := decode_bytes(piece)) is not None:
        text = data
    return "".join(map(show_character, text))


@cache
def show_character(character: str) -> str:
    """Return a character as it is shown."""
    if character in SHOWN:
        return SHOWN[character]
    is_visible = registry.find_problem_of_symbols([character], at_least=1) is None
    return character if is_visible else f"<{ord(character):X}>"


def decode_bytes(piece: str) -> str | None:
    """Return the text of a piece whose characters stand for bytes, as GPT-2's do; None if it is none."""
    try:
        return bytes(BYTES[character] for character in piece).decode()
    except (KeyError, UnicodeDecodeError):
        return None


def bytes_by_characters(plain: Iterable[int]) -> dict[str, int]:
    """Return the byte of each character: `plain` ones stand for themselves, the others come from 256 on."""
    own = set(plain)
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + i): byte for i, byte in enumerate(others)}


BYTES = bytes_by_characters((*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)))

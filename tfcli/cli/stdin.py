"""What comes in on stdin: text of other systems, too, as far as it says in which encoding it is."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tfcli.errors import UsageError

WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def stdin_lines() -> Iterator[tuple[str, str]]:
    """Yield the lines of stdin as they come, each after a word on which one it is.

    UTF-16 is read where it begins with its mark, as PowerShell writes it; the mark of UTF-8 is left out.

    Raises:
        UsageError: a line isn't text in the encoding of stdin.
    """
    if sys.stdin is None:
        return
    stream, encoding = sys.stdin.buffer, sys.stdin.encoding or "utf-8"
    first = stream.readline()
    if first.startswith(WIDE):  # a line ends with two bytes there, so that it is read as a whole
        text = decode(first + stream.read(), "utf-16", 1)
        yield from ((f"line {number}: ", line) for number, line in enumerate(text.splitlines(), 1))
        return
    if first.startswith(codecs.BOM_UTF8):
        first, encoding = first.removeprefix(codecs.BOM_UTF8), "utf-8"
    for number, line in enumerate(chain([first] if first else [], stream), 1):
        yield f"line {number}: ", decode(line, encoding, number)


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a file, each after a word on which one it is.

    Raises:
        UsageError: it can't be read, or isn't UTF-8 text.
    """
    from tfcli.config.reading import read_bytes

    try:
        text = read_bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text (byte {error.start}); convert it") from error
    yield from ((f"{path}, line {number}: ", line) for number, line in enumerate(text.splitlines(), 1))


def decode(data: bytes, encoding: str, number: int) -> str:
    """Return the text of a line.

    Raises:
        UsageError: it is none in that encoding.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        how = "convert it, or name its encoding, as in PYTHONIOENCODING=gbk"
        raise UsageError(f"stdin, line {number}: not {encoding} text; {how}") from error
    if "\0" in text:
        raise UsageError(
            f"stdin, line {number}: zero bytes, as in UTF-16 without its mark; convert it to UTF-8"
        )
    return text

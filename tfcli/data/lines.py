"""The lines of a file, with their numbers: decoded with care, and never all of them in memory."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from tfcli.config.reading import check_file, sha256_of
from tfcli.data.columns import DataError

STDIN = "-"
PAIRS = (".tsv", ".csv", ".jsonl")
TEXT = ".txt"
LONGEST_LINE = 1_000_000  # bytes
MOST_BYTES = 2**30
MOST_OF_STDIN = 2**27
HEADERS = {("input", "answer"), ("input", "target"), ("input", "output")}
UTF16 = (b"\xff\xfe", b"\xfe\xff")


class LineError(ValueError):
    """What is wrong, with the number of the line."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(problem)
        self.number = number


@contextmanager
def open_file(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading, or what stdin held.

    Raises:
        OSError: it can't be read, isn't a regular file, or is too large.
    """
    if path == STDIN:
        yield io.BytesIO(read_stdin())
        return
    check_file(Path(path), MOST_BYTES)
    with Path(path).open("rb") as file:
        yield file


def is_stdin_read() -> bool:
    """Whether this process knows what stdin held."""
    return read_stdin.cache_info().currsize > 0


@cache
def read_stdin() -> bytes:
    """Return all that stdin holds, which comes once.

    Raises:
        OSError: it is too much.
    """
    found = sys.stdin.buffer.read(MOST_OF_STDIN + 1)
    if len(found) > MOST_OF_STDIN:
        raise OSError(0, f"more than {MOST_OF_STDIN:,} bytes; write them to a file")
    return found


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file, or of what stdin held.

    Raises:
        OSError: it can't be read.
    """
    return hashlib.sha256(read_stdin()).hexdigest() if path == STDIN else sha256_of(Path(path))


def text_lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file with their numbers, without what ends them.

    Raises:
        LineError: a line isn't UTF-8, or too long.
    """
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            raise LineError(number, f"a line has more than {LONGEST_LINE:,} bytes")
        if number == 1 and raw.startswith(UTF16):
            raise LineError(1, "the file is UTF-16; save it as UTF-8")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise LineError(number, f"byte {error.start + 1} isn't UTF-8; save the file as UTF-8") from error
        yield number, text.rstrip("\r\n")


def rows_of(
    lines: Iterable[tuple[int, str]], form: str, tell: Callable[[int, str], None]
) -> Iterator[tuple[int, Any, Any]]:
    """Yield input and answer of each line with its number; blank lines and a header are left out.

    Each is text, or a list of symbols. `form` is one of `PAIRS`. `tell` is told of lines that are no pairs.
    """
    first = True
    for number, line in lines:
        if not line.strip():
            continue
        try:
            pair = read_object(number, line) if form == ".jsonl" else split_line(number, line, form)
        except LineError as error:
            tell(error.number, str(error))
            continue
        names = tuple(str(part).strip().lower() for part in pair)
        is_header = first and form != ".jsonl" and names in HEADERS
        first = False
        if not is_header:
            yield number, *pair


def split_line(number: int, line: str, form: str) -> tuple[str, str]:
    """Return the two columns of a line.

    Raises:
        LineError: it has more or fewer.
    """
    name = "comma" if form == ".csv" else "tab"
    if form == ".csv":
        try:
            columns = next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise LineError(number, f"{error}; a pair stands on one line") from error
    else:
        columns = line.split("\t")
    if len(columns) != 2:
        count = f"{len(columns)} columns" if len(columns) > 1 else f"no {name}"
        raise LineError(number, f"the line has {count}; it must be an input, a {name} and an answer")
    return columns[0], columns[1]


def read_object(number: int, line: str) -> tuple[Any, Any]:
    """Return input and answer of a line of JSON: {"input": ..., "answer": ...} or [input, answer].

    Raises:
        LineError: it is something else.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else "it can't be read"
        raise LineError(number, f"no JSON: {problem}") from error
    if isinstance(found, dict):
        known = [key for key in ("answer", "target", "output") if key in found]
        found = [found.get("input"), found[known[0]]] if known else None
    if not isinstance(found, list) or len(found) != 2 or not all(map(is_sequence, found)):
        must = '{"input": "a b", "answer": "b a"}, where each is text or a list of symbols'
        raise LineError(number, f"the line must be {must}")
    return found[0], found[1]


def is_sequence(value: Any) -> bool:
    """Whether a value of JSON is text or a list of symbols."""
    if isinstance(value, list):
        return all(isinstance(symbol, str | int) and not isinstance(symbol, bool) for symbol in value)
    return isinstance(value, str)


def form_of(path: str, first_line: str) -> str:
    """Return the form of a file: one of `PAIRS`, or `TEXT`; that of stdin follows from its first line.

    Raises:
        DataError: the name tells none.
    """
    if path == STDIN:
        if "\t" in first_line:
            return ".tsv"
        return ".jsonl" if first_line[:1] in ("{", "[") else TEXT
    suffix = Path(path).suffix.lower()
    if suffix in (*PAIRS, TEXT):
        return suffix
    raise DataError("its name must end in .tsv, .csv or .jsonl for pairs, or in .txt for a text")

"""A file of one's own, read: pairs of an input and its answer, or a text."""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from tfcli.data.columns import Column, DataError, Vocabulary
from tfcli.data.lines import STDIN, TEXT, LineError, form_of, open_file, rows_of, text_lines
from tfcli.errors import ConfigError
from tfcli.registry import SHOWN

Tokens = Literal["words", "characters"]

MOST_CLASSES = 100  # answers without spaces that are each one symbol
SHORTEST_TEXT = 20  # symbols
MOST_PROBLEMS = 20  # lines that are told


@dataclass(frozen=True)
class Wanted:
    """How a file is to be read; what is None follows from the file.

    `symbols` and `answers` are the only ones that there may be, if they are given.
    """

    path: str
    tokens: Tokens | None = None
    answer_tokens: Tokens | None = None
    symbols: tuple[str, ...] | None = None
    answers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Pairs:
    """The pairs of a file, and how they were read."""

    wanted: Wanted
    inputs: Column
    answers: Column
    contradictions: int  # inputs that stand there with different answers


@dataclass(frozen=True)
class Text:
    """The symbols of a text in their order, and how they were read."""

    wanted: Wanted
    ids: array[int]


@dataclass
class Reader:
    """Reads the lines of a file, as often as they are needed, and collects what is wrong with them."""

    path: str
    problems: list[str] = field(default_factory=list)
    form: str = TEXT

    def tell(self, number: int, problem: str) -> None:
        """Note what is wrong with a line.

        Raises:
            ConfigError: that is enough.
        """
        self.problems.append(f"{name_of(self.path)}:{number}: {problem}")
        if len(self.problems) == MOST_PROBLEMS:
            raise ConfigError(self.problems)

    @contextmanager
    def telling(self, number: int) -> Iterator[None]:
        """Note what is wrong with a line, and go on.

        Raises:
            ConfigError: as `tell`.
        """
        try:
            yield
        except DataError as error:
            self.tell(number, str(error))

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines of the file; its form is known from the first on.

        Raises:
            ConfigError: they are no text.
            DataError: the form isn't known.
        """
        first = True
        try:
            with open_file(self.path) as file:
                for number, line in text_lines(file):
                    if first:
                        self.form, first = form_of(self.path, line), False
                    yield number, line
        except LineError as error:
            self.problems.append(f"{name_of(self.path)}:{error.number}: {error}")
            raise ConfigError(self.problems) from error

    def rows(self) -> Iterator[tuple[int, Any, Any]]:
        """Yield number, input and answer of each line that is a pair; what is none is told.

        Raises:
            ConfigError, DataError: as `lines`.
        """
        lines = self.lines()
        first = next(lines, None)
        return rows_of(lines if first is None else chain([first], lines), self.form, self.tell)

    def check(self) -> None:
        """Raise what is wrong so far.

        Raises:
            ConfigError: something is.
        """
        if self.problems:
            raise ConfigError(self.problems)


def name_of(path: str) -> str:
    """Return how a file is called in messages."""
    return "stdin" if path == STDIN else path


def read(wanted: Wanted) -> Pairs | Text:
    """Return what a file holds; it is read once as long as it stays as it is.

    Raises:
        ConfigError: it can't be read, or holds something else; with the numbers of lines.
    """
    if wanted.path == STDIN:
        return read_as_it_is(wanted, 0, 0)
    try:
        status = Path(wanted.path).stat()
    except OSError as error:
        raise ConfigError([f"can't read {wanted.path}: {error.strerror}"]) from error
    return read_as_it_is(wanted, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def read_as_it_is(wanted: Wanted, mtime: int, size: int) -> Pairs | Text:
    """Return what a file holds that was last changed then.

    Raises:
        ConfigError: as `read`.
    """
    reader = Reader(wanted.path)
    try:
        if next(reader.lines(), None) is None:
            raise DataError("it is empty")
        return read_text(wanted, reader) if reader.form == TEXT else read_pairs(wanted, reader)
    except OSError as error:
        raise ConfigError([f"can't read {name_of(wanted.path)}: {error.strerror}"]) from error
    except DataError as error:
        raise ConfigError([f"{name_of(wanted.path)}: {error}"]) from error


def read_text(wanted: Wanted, reader: Reader) -> Text:
    """Read a text: its characters, ends of lines included, or its words.

    Raises:
        ConfigError: a line has a symbol that can't be one.
        DataError: the text is too short.
    """
    vocabulary, column = Vocabulary(wanted.symbols), Column()
    tokens: Tokens = wanted.tokens or "characters"
    for number, line in reader.lines():
        with reader.telling(number):
            column.append(vocabulary.number([*symbols_of_text(line, tokens), SHOWN["\n"]]))
    reader.check()
    if len(vocabulary.ids) < 2 or len(column.ids) < SHORTEST_TEXT:
        raise DataError(f"a text needs at least {SHORTEST_TEXT} symbols, two of them different")
    column.renumber(vocabulary.sort())
    return Text(Wanted(wanted.path, tokens, None, vocabulary.symbols), column.ids)


def symbols_of_text(line: str, tokens: Tokens) -> list[str]:
    """Return the symbols of a line of text.

    Raises:
        DataError: it holds a character that stands for another one.
    """
    line = unicodedata.normalize("NFC", line)
    if taken := [shown for shown in SHOWN.values() if shown in line]:
        raise DataError(f"{taken[0]!r} stands for a character that leaves no mark; the text may not have it")
    return line.split() if tokens == "words" else [SHOWN.get(character, character) for character in line]


def read_pairs(wanted: Wanted, reader: Reader) -> Pairs:
    """Read pairs: once to see what their symbols are, once to number them.

    Raises:
        ConfigError: lines are no pairs, or have symbols that can't be any.
        DataError: there are no pairs.
    """
    tokens, answer_tokens = survey(wanted, reader)
    sources, targets = Vocabulary(wanted.symbols), Vocabulary(wanted.answers)
    inputs, answers = Column(), Column()
    seen: dict[int, int] = {}
    contradictory = set()
    for number, source, target in reader.rows():
        with reader.telling(number):
            ids = sources.number(symbols_of(source, tokens, "input"))
            answer = targets.number(symbols_of(target, answer_tokens, "answer"))
            inputs.append(ids)
            answers.append(answer)
            key, value = hash(tuple(ids)), hash(tuple(answer))
            if seen.setdefault(key, value) != value:
                contradictory.add(key)
    reader.check()
    inputs.renumber(sources.sort())
    answers.renumber(targets.sort())
    how = Wanted(wanted.path, tokens, answer_tokens, sources.symbols, targets.symbols)
    return Pairs(how, inputs, answers, len(contradictory))


def survey(wanted: Wanted, reader: Reader) -> tuple[Tokens, Tokens]:
    """Return what the symbols of inputs and of answers are.

    Words where there are spaces; else characters. Answers without spaces that are few are classes.

    Raises:
        ConfigError: lines are no pairs.
        DataError: there are no pairs.
    """
    count, spaces = 0, [False, False]
    answers: set[str] = set()
    for _, *pair in reader.rows():
        count += 1
        for i, part in enumerate(pair):
            spaces[i] = spaces[i] or isinstance(part, list) or " " in part.strip()
        if len(answers) <= MOST_CLASSES:
            answers.add(str(pair[1]).strip())
    reader.check()
    if not count:
        raise DataError("there are no pairs in it")
    are_classes = not spaces[1] and len(answers) <= min(MOST_CLASSES, count // 2)
    tokens = wanted.tokens or ("words" if spaces[0] else "characters")
    of_answers: Tokens = "words" if spaces[1] or are_classes else "characters"
    return tokens, wanted.answer_tokens or wanted.tokens or of_answers


def symbols_of(part: str | list[str | int], tokens: Tokens, what: str) -> list[str]:
    """Return the symbols of an input or an answer.

    Raises:
        DataError: there are none.
    """
    if isinstance(part, list):
        found = [unicodedata.normalize("NFC", str(symbol)) for symbol in part]
    else:
        words = unicodedata.normalize("NFC", part).split()
        found = words if tokens == "words" else list("".join(words))
    if not found:
        raise DataError(f"the {what} is empty")
    return found

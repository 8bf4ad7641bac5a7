"""Numbers as people write them: `1:40`, `41:500:50`, `10,41,500`; `100:104`; `100,300`; heads `0,1`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tfcli.errors import UsageError

LONGEST = 100_000
MOST_SEEDS = 10_000
MOST_NUMBERS = 1_000  # of layers or heads


def parse_lengths(text: str) -> list[int]:
    """Return the lengths that `text` names, ascending, each once. A range includes its end: 1:3 is 1, 2, 3.

    Raises:
        UsageError: it can't be read, or a length is outside 1 to LONGEST.
    """
    lengths: set[int] = set()
    for part in text.split(","):
        if not re.fullmatch(r"\s*\d{1,9}(:\d{1,9}){0,2}\s*", part, re.ASCII):
            raise UsageError(f"can't read --lengths {text!r}; write 1:40, 41:500:50 or 10,41,500")
        first, *more = map(int, part.split(":"))
        last, step = [*more, 1][:2] if more else (first, 1)
        if not 1 <= first <= last <= LONGEST or step < 1:
            raise UsageError(
                f"--lengths {part.strip()}: lengths go up from 1 to at most {LONGEST}, in steps of at least 1"
            )
        lengths.update(range(first, last + 1, step))
    return sorted(lengths)


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that `text` names, ascending, each once: 7, 100:104, or several of these by comma.

    Raises:
        UsageError: it can't be read.
    """
    seeds: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?::(\d{1,9}))?\s*", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        seeds.update(range(first, min(last, first + MOST_SEEDS) + 1))
        if first > last or len(seeds) > MOST_SEEDS:
            rule = f"write FIRST:LAST, such as 100:104, or 0,3,7, at most {MOST_SEEDS} of them"
            raise UsageError(f"can't read --seeds {text!r}; {rule}")
    return sorted(seeds)


def parse_numbers(option: str, texts: Sequence[str] | None) -> list[int]:
    """Return the layers, loops or heads that an option names: `0`, `0,2` or `0:2`, and that repeatedly.

    Raises:
        UsageError: it can't be read.
    """
    numbers: list[int] = []
    for part in ",".join(texts or []).split(",") if texts else []:
        match = re.fullmatch(r"\s*(-?\d{1,9})(?::(\d{1,9}))?\s*", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + MOST_NUMBERS:
            raise UsageError(
                f"can't read {option} {part!r}; write 0, 0,2 or 0:2, and leave {option} out for all"
            )
        numbers += range(first, last + 1)
    return list(dict.fromkeys(numbers))


def parse_counts(key: str, text: str) -> list[int]:
    """Return the counts that `text` names for a setting, ascending, each once.

    Raises:
        UsageError: it can't be read, or one is 0.
    """
    counts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"\d{1,9}", part, re.ASCII) and int(part) for part in counts):
        raise UsageError(
            f"can't read {key}={text}; write whole numbers from 1 on, such as {key}=100,300,1000"
        )
    return sorted(set(map(int, counts)))

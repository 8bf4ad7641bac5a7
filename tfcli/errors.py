"""Errors that a user can cause and mend. Everything else is a bug and shows a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST_PROBLEMS = 50  # of one configuration are told
LONGEST_WORD = 100  # characters that are compared with what may have been meant
NO_MEMORY = "(?i)allocate memory|out of memory"  # how torch says so, in a RuntimeError


class StoppedError(Exception):
    """Somebody wants an evaluation to stop."""


class TfcliError(Exception):
    """The work failed: a damaged checkpoint, a diverged run. The message names what, where, and the fix."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows of it: the line that the command line prints, not where it arose."""
        return [f"error: {line}" for line in str(self).split("\n")]


class DivergedError(TfcliError):
    """Training went wrong: the loss or the weights are no longer numbers."""


class DamagedError(TfcliError):
    """What a run has saved isn't as it was written."""


class UsageError(TfcliError):
    """Wrong usage or configuration: nothing was started."""

    exit_code = 2


class ConfigError(UsageError):
    """All that is wrong in one configuration, a line each."""

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - MOST_PROBLEMS
        rest = [f"... and {more:,} more problems"] if more > 0 else []
        self.problems = [on_one_line(problem) for problem in problems[:MOST_PROBLEMS]] + rest
        super().__init__("\n".join(self.problems))


def on_one_line(text: str) -> str:
    """Return a text with its line breaks as escapes: a problem is a line, whatever it repeats of a file."""
    return text.replace("\n", "\\n")


def counted(number: int, noun: str) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def find_near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to one, if any is near: in other capitals, or with a typo."""
    if len(word) > LONGEST_WORD:
        return None
    lowered = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), list(lowered), n=1)
    return lowered[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'reverse'?` where a known word is near, else nothing."""
    near = find_near(word, known)
    return f"; did you mean {near!r}?" if near else ""

"""What follows from a file of one's own for the settings of its task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfcli import registry
from tfcli.data.columns import DataError
from tfcli.data.lines import STDIN, digest_of
from tfcli.data.reading import Pairs, Text, Wanted, name_of, read
from tfcli.errors import ConfigError

ENDS = ("end", "[end]", "[END]")  # the first that is none of the symbols
WINDOW = 64  # symbols of a text that are read at a time
PAIRS, TEXT = registry.OF_A_FILE


def fill_in(task: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a task with what follows from its file; what somebody chose stays.

    Raises:
        ConfigError: the file can't be read as it is meant.
    """
    found = read(wanted_by(task))
    check_test(task, found)
    try:
        facts = facts_of_text(task, found) if isinstance(found, Text) else facts_of_pairs(task, found)
    except DataError as error:
        raise ConfigError([f"{name_of(task['data'])}: {error}"]) from error
    return {**facts, **{key: value for key, value in task.items() if value is not None}}


def wanted_by(task: dict[str, Any]) -> Wanted:
    """Return how the settings of a task want its file to be read."""
    end, answers = task.get("end_symbol"), task.get("answers")
    if answers is not None:
        answers = tuple(str(answer) for answer in answers if answer != end)
    symbols = task.get("symbols")
    return Wanted(
        str(task["data"]),
        task.get("tokens"),
        task.get("answer_tokens"),
        None if symbols is None else tuple(map(str, symbols)),
        answers,
    )


def read_test(task: dict[str, Any]) -> Pairs | Text | None:
    """Return what the file of `test` holds, read as the other one was; None without one.

    Raises:
        ConfigError: it can't be read, or has other symbols.
    """
    if task.get("test") is None:
        return None
    how = read(wanted_by(task)).wanted
    return read(Wanted(str(task["test"]), how.tokens, how.answer_tokens, how.symbols, how.answers))


def check_test(task: dict[str, Any], found: Pairs | Text) -> None:
    """See to it that the file of `test` is of the same kind.

    Raises:
        ConfigError: it can't be read, or is of another kind.
    """
    test = read_test(task)
    if test is not None and type(test) is not type(found):
        raise ConfigError([f"{name_of(task['test'])}: it must hold what {name_of(task['data'])} holds"])


def facts_of_text(task: dict[str, Any], text: Text) -> dict[str, Any]:
    """Return what follows from a text."""
    longest = task.get("max_length") or min(WINDOW, max(2, len(text.ids) // 20))
    facts = {
        "name": TEXT,
        "tokens": text.wanted.tokens,
        "symbols": list(text.wanted.symbols or ()),
        "min_length": longest,
        "max_length": longest,
        "digest": digest_of(task["data"]),
    }
    return facts if task.get("objective") == "masked" else {**facts, "layout": "next", "objective": "next"}


def facts_of_pairs(task: dict[str, Any], pairs: Pairs) -> dict[str, Any]:
    """Return what follows from pairs: how long they are, and where the answer is read.

    Raises:
        DataError: the chosen layout can't hold them.
    """
    lengths = list(zip(pairs.inputs.lengths(), pairs.answers.lengths(), strict=True))
    is_aligned = all(source == target for source, target in lengths)
    is_class = all(target == 1 for _, target in lengths)
    layout = task.get("layout") or ("aligned" if is_aligned else "appended")
    if layout == "aligned" and not is_aligned and task.get("objective", "answer") == "answer":
        number, (source, target) = next((i, n) for i, n in enumerate(lengths, 1) if n[0] != n[1])
        raise DataError(f"pair {number} has {source} symbols and an answer of {target}; task.layout=appended")
    symbols, answers = pairs.wanted.symbols or (), pairs.wanted.answers or ()
    facts: dict[str, Any] = {
        "name": PAIRS,
        "tokens": pairs.wanted.tokens,
        "answer_tokens": pairs.wanted.answer_tokens,
        "symbols": list(symbols),
        "answers": list(symbols if set(answers) <= set(symbols) and not is_class else answers),
        "layout": layout,
        "min_length": min(source for source, _ in lengths),
        "max_length": max(source for source, _ in lengths),
        "digest": digest_of(task["data"]),
    }
    if is_aligned:
        return facts
    if not is_class:
        facts["end_symbol"] = next(end for end in ENDS if end not in facts["answers"])
        facts["answers"].append(facts["end_symbol"])
    facts["answer_lengths"] = steps_of(lengths, 0 if is_class else 1)
    return facts


def steps_of(lengths: Iterable[tuple[int, int]], extra: int) -> list[list[int]]:
    """Return the longest answer, and `extra`, of inputs up to a length, for each length where it rises."""
    longest: dict[int, int] = {}
    for source, target in lengths:
        longest[source] = max(target, longest.get(source, 0))
    steps: list[list[int]] = []
    for source in sorted(longest):
        if not steps or longest[source] + extra > steps[-1][1]:
            steps.append([source, longest[source] + extra])
    return steps


def remarks_on(task: dict[str, Any]) -> list[str]:
    """Return what is to be said of a file before it is trained on.

    Raises:
        ConfigError: it can't be read.
    """
    found, name = read(wanted_by(task)), name_of(task["data"])
    if isinstance(found, Text):
        return [f"{name}: {len(found.ids):,} {found.wanted.tokens}, {len(task['symbols']):,} different"]
    shortest, longest = task["min_length"], task["max_length"]
    lengths = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    kinds = {"aligned": "an answer as long as the input, read in its place"}
    answers = [answer for answer in task["answers"] if answer != task.get("end_symbol")]
    shown = ", ".join(answers[:5]) + (", ..." if len(answers) > 5 else "")
    appended = f"an answer of {found.wanted.answer_tokens}, read at blanks after the input"
    if not task.get("end_symbol"):
        appended = f"one of {len(answers)} classes ({shown}), read at a blank after the input"
    said = kinds.get(task["layout"], appended)
    remarks = [f"{name}: {len(found.inputs):,} pairs, inputs of {lengths} {found.wanted.tokens}; {said}"]
    if found.contradictions:
        remarks.append(f"{name}: {found.contradictions:,} inputs stand there with different answers")
    if task["data"] == STDIN:
        remarks.append("what stdin held isn't kept: to score the run later, train from a file")
    return remarks

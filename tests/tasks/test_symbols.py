"""Symbols: one rule, wherever they come from, and read as they look."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from torch import Tensor

from tasks.base import Task
from tasks.symbols import find_problem, is_printable, is_visible
from tests.conftest import SMALL, Cli
from tfcli.config.files import load_config
from tfcli.errors import UsageError
from tfcli.registry import load_task
from tfcli.render.untrusted import escape_controls

COMPOSED, DECOMPOSED = "\u00e9", "e\u0301"
UNREADABLE = [
    ("b c", "'b c' can't be typed: no spaces, no control or invisible characters, not empty"),
    ("", "'' can't be typed"),
    ("\u3000", "'\\u3000' can't be typed"),
    ("\x1b[31m", "'\\x1b[31m' can't be typed"),
    ("b\u0085", "'b\\x85' can't be typed"),
    ("\u200b", "'\\u200b' can't be typed"),
    ("b\u200f", "'b\\u200f' can't be typed"),
    ("\ufeffb", "'\\ufeffb' can't be typed"),
    ("b\u00ad", "'b\\xad' can't be typed"),
    ("b\u200dc", "'b\\u200dc' can't be typed"),
    ("😀\u200d", "can't be typed"),
    ("\u3164", "'\\u3164' can't be typed"),
    ("a", "each symbol may stand there once, a stands there more often"),
]
READABLE = ["-", "我", "😀", "👩\u200d👧", "❤\ufe0f", "می\u200cخواهم", "</b>", "'", DECOMPOSED, "Ω"]


def task_with(symbols: object, answers: object = None) -> type[Task]:
    """Return a task that has symbols of its own."""

    class Own(Task):
        SYMBOLS = symbols  # type: ignore[assignment]
        ANSWERS = answers  # type: ignore[assignment]

        def target(self, inputs: Tensor) -> Tensor:
            return inputs

    return Own


@pytest.mark.parametrize(("symbol", "message"), UNREADABLE)
def test_what_can_t_be_read_is_refused_on_every_path(symbol: str, message: str, tmp_path: Path) -> None:
    escaped = "".join(f"\\U{ord(character):08x}" for character in symbol)
    path = tmp_path / "mine.yaml"
    path.write_text(f'task: {{name: copy, symbols: [a, "{escaped}"]}}', encoding="utf-8")
    for make in (
        lambda: load_config(str(path)),
        lambda: load_config("copy", [f'task.symbols=[a, "{escaped}"]']),
        lambda: load_task("copy", "aligned", symbols=["a", symbol]),
        lambda: task_with(("a", symbol))(),
        lambda: task_with(("0", "1"), ("a", symbol))(),
    ):
        with pytest.raises((UsageError, ValueError)) as caught:
            make()
        assert message in str(caught.value)
        assert len(escape_controls(str(caught.value)).splitlines()) == 1


@pytest.mark.parametrize("symbol", READABLE)
def test_what_can_be_read_is_taken_on_every_path(symbol: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f'task: {{name: copy, symbols: [a, "{symbol}"]}}', encoding="utf-8")
    assert load_config(str(path)).task.symbols == ("a", symbol)
    for task in (task_with(("a", symbol))(), load_task("copy", "aligned", symbols=["a", symbol])):
        assert task.encode(f"a {symbol} a") == [0, 1, 0]
        assert task.decode([1]) == [symbol]


@pytest.mark.parametrize(("symbols", "message"), [((1, 2), "1 must be text"), ((), "must hold at least two")])
def test_symbols_of_a_class_are_text(symbols: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"its symbols: {message}"):
        task_with(symbols)(vocab_size=2)


def test_what_looks_the_same_is_the_same() -> None:
    for symbols in ([COMPOSED, "a"], [DECOMPOSED, "a"]):
        task = load_task("copy", "aligned", symbols=symbols)
        for typed in (COMPOSED, DECOMPOSED):
            assert task.encode(f"{typed} a") == task.encode(f"{typed}a") == [0, 1]
        assert task.decode([0]) == [symbols[0]]
    with pytest.raises(UsageError, match="written in two ways"):
        load_task("copy", "aligned", symbols=[COMPOSED, DECOMPOSED])
    with pytest.raises(UsageError, match="written in two ways"):
        load_config("copy", [f"task.symbols=[{COMPOSED}, {DECOMPOSED}]"])


def test_a_symbol_of_a_class_isn_t_shown_as_another_token_is(cli: Cli, folder: Path) -> None:
    source = "from tasks.copying import Copying\nclass Mine(Copying):\n    SYMBOLS = ('_', '^')\n"
    (folder / "mine.py").write_text(source)
    train = ["train", "copy", "task.name=mine.py:Mine", *SMALL[2:], "task.max_length=5", "-q"]
    for setting, symbol in (("task.layout=appended", "_"), ("model.begin_token=true", "^")):
        said = cli(*train, setting, expect=2).stderr
        assert f"mine.py:Mine: task.symbols: {symbol} stands for the " in said
        assert setting.partition("=")[0] in said
    assert not (folder / "runs").exists()
    cli(*train, "train.steps=1")


def test_symbols_of_a_class_in_a_file_are_held_against_the_rule(cli: Cli, folder: Path) -> None:
    source = "from tasks.copying import Copying\nclass Mine(Copying):\n    SYMBOLS = ('a', '\\u200b')\n"
    (folder / "mine.py").write_text(source)
    words = [word for word in SMALL if "vocab_size" not in word]
    said = cli("train", "copy", "task.name=mine.py:Mine", *words, "-q", expect=2).stderr
    assert "mine.py:Mine: its symbols: '\\u200b' can't be typed" in said
    assert not (folder / "runs").exists()


def test_a_symbol_that_stands_twice_is_soon_found_among_many() -> None:
    started = time.process_time()
    problem = find_problem([*map(str, range(20_000)), "3"])
    assert problem == "each symbol may stand there once, 3 stands there more often"
    assert time.process_time() - started < 1  # second; to count each by itself would take four


def test_plain_characters_are_judged_as_all_others() -> None:
    assert [is_printable(chr(code)) for code in range(128)] == [is_visible(chr(code)) for code in range(128)]

"""Files of one's own: what is read from them, and what is said of those that can't be."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from tests.data import play
from tfcli.config.files import load_config
from tfcli.config.schema import RunConfig
from tfcli.data.reading import Pairs, Text, Wanted, read
from tfcli.errors import ConfigError


def config_of(path: Path, text: str, *overrides: str, name: str = "data.tsv") -> RunConfig:
    (path / name).write_text(text, encoding="utf-8")
    return load_config(str(path / name), list(overrides))


def problems_of(path: Path, data: bytes, *overrides: str, name: str = "data.tsv") -> list[str]:
    (path / name).write_bytes(data)
    with pytest.raises(ConfigError) as raised:
        load_config(str(path / name), list(overrides))
    return [problem.replace(f"{path}/", "") for problem in raised.value.problems]


def test_answers_as_long_as_their_inputs_are_aligned(tmp_path: Path) -> None:
    task = config_of(tmp_path, "a b\tb a\nc a b\tb a c\n").task
    assert (task.name, task.layout, task.tokens) == ("pairs", "aligned", "words")
    assert task.symbols == task.answers == ("a", "b", "c")
    assert (task.min_length, task.max_length, task.end_symbol, task.answer_lengths) == (2, 3, None, None)


def test_one_symbol_of_few_is_a_class_at_one_blank(tmp_path: Path) -> None:
    task = config_of(tmp_path, "so good\tyes\nso bad\tno\nvery good\tyes\nbad\tno\n").task
    assert (task.layout, task.answers, task.end_symbol) == ("appended", ("no", "yes"), None)
    assert task.answer_lengths == ((1, 1),)


def test_other_answers_are_appended_with_an_end(tmp_path: Path) -> None:
    task = config_of(tmp_path, "12\t144\n3\t9\n25\t625\n").task
    assert (task.layout, task.tokens, task.end_symbol) == ("appended", "characters", "end")
    assert task.answers == ("1", "2", "4", "5", "6", "9", "end")
    assert task.answer_lengths == ((1, 2), (2, 4))


def test_what_somebody_chose_stays(tmp_path: Path) -> None:
    task = config_of(tmp_path, "a b\tb a\nc a b\tb a c\n", "task.layout=appended", "task.max_length=2").task
    assert (task.layout, task.max_length) == ("appended", 2)
    task = config_of(tmp_path, "good\tgut\nbad\tbös\n" * 2, "task.tokens=characters").task
    assert task.answers is not None
    assert len(task.answers) == 7


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.tsv", "3 1\t1 3\n2\t2\n"),
        ("d.csv", 'input,answer\n"3 1",1 3\n2,2\n'),
        ("d.jsonl", '{"input": "3 1", "answer": "1 3"}\n\n{"input": ["2"], "answer": [2]}\n'),
        ("d.jsonl", '[["3", "1"], ["1", "3"]]\n["2", "2"]\n'),
        ("d.tsv", "\ufeffinput\ttarget\r\n3 1\t1 3\r\n\r\n2\t2"),
    ],
)
def test_every_form_is_read_alike(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read(Wanted(str(tmp_path / name)))
    assert isinstance(found, Pairs)
    assert found.wanted.symbols == found.wanted.answers == ("1", "2", "3")
    assert (list(found.inputs.ids), list(found.inputs.ends)) == ([2, 0, 1], [2, 3])
    assert list(found.answers.ids) == [0, 2, 1]


def test_symbols_don_t_depend_on_the_order_of_the_lines(tmp_path: Path) -> None:
    lines = ["10 2 b\tb 2 10\n", "a 1\t1 a\n"]
    both = [config_of(tmp_path, "".join(order)).task.symbols for order in (lines, lines[::-1])]
    assert both[0] == both[1] == ("1", "2", "10", "a", "b")


def test_a_text_is_read_by_characters_or_words(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("the cat sat\non the mat\n")
    found = read(Wanted(str(tmp_path / "t.txt")))
    assert isinstance(found, Text)
    symbols = found.wanted.symbols or ()
    assert "".join(symbols[i] for i in found.ids) == "the␣cat␣sat⏎on␣the␣mat⏎"
    config = config_of(tmp_path, "a b c d e f g\n" * 30, "task.tokens=words", name="t.txt")
    assert config.task.symbols == ("a", "b", "c", "d", "e", "f", "g", "⏎")
    assert (config.task.layout, config.task.objective, config.model.mask.name) == ("next", "next", "causal")


def test_contradictions_are_counted(tmp_path: Path) -> None:
    (tmp_path / "d.tsv").write_text("a\tb\na\tb\na\tc\nb\tc\n")
    found = read(Wanted(str(tmp_path / "d.tsv")))
    assert isinstance(found, Pairs)
    assert found.contradictions == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "data.tsv: it is empty"),
        (b"\n\n", "data.tsv: there are no pairs in it"),
        (b"a b\n", "data.tsv:1: the line has no tab; it must be an input, a tab and an answer"),
        (b"a\tb\na\tb\tc\n", "data.tsv:2: the line has 3 columns; it must be an input, a tab and an answer"),
        (b"a\tb\n\tc\n", "data.tsv:2: the input is empty"),
        (b"a\tb\nd\t \n", "data.tsv:2: the answer is empty"),
        (b"a\tb\nb\xe4r\tc\n", "data.tsv:2: byte 2 isn't UTF-8; save the file as UTF-8"),
        ("a\tb\n".encode("utf-16"), "data.tsv:1: the file is UTF-16; save it as UTF-8"),
        (b"a\x07 b\tb a\n", "data.tsv:1: 'a\\x07' can't be typed"),
        (b"a\tb\n" + b"x" * 1_000_001 + b"\tb\n", "data.tsv:2: a line has more than 1,000,000 bytes"),
    ],
)
def test_the_line_and_the_problem_are_named(tmp_path: Path, data: bytes, problem: str) -> None:
    assert problems_of(tmp_path, data)[0].startswith(problem)


def test_all_problems_are_told_up_to_many(tmp_path: Path) -> None:
    assert len(problems_of(tmp_path, b"a\nb\tc\nd\n")) == 2
    assert len(problems_of(tmp_path, b"a\n" * 1000)) == 20


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("d.jsonl", b"{]\n", "d.jsonl:1: no JSON"),
        ("d.jsonl", b'{"input": "a"}\n', "d.jsonl:1: the line must be"),
        ("d.jsonl", b'{"input": 3, "answer": "b"}\n', "d.jsonl:1: the line must be"),
        ("d.jsonl", b"[" * 100_000 + b"\n", "d.jsonl:1: no JSON"),
        ("d.csv", b'a,"b\n', "d.csv:1: unexpected end of data"),
        ("d.txt", b"ab\n", "d.txt: a text needs at least 20 symbols"),
        ("d.txt", "a␣b\n".encode() * 20, "d.txt:1: '␣' stands for a character that leaves no mark"),
    ],
)
def test_other_forms_name_theirs(tmp_path: Path, name: str, data: bytes, problem: str) -> None:
    assert problems_of(tmp_path, data, name=name)[0].startswith(problem)


def test_a_file_that_isn_t_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*nothing\.tsv: No such file"):
        load_config(str(tmp_path / "nothing.tsv"))


def test_a_layout_that_can_t_hold_the_answers_is_refused(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, b"a b\tb a\nc\ta b\n", "task.layout=aligned")
    assert problem == "data.tsv: pair 2 has 1 symbols and an answer of 2; task.layout=appended"


def test_the_file_to_test_on_has_no_other_symbols(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("a b\tb a\na x\tx a\n")
    [problem] = problems_of(tmp_path, b"a b\tb a\nb a\ta b\n", f"task.test={tmp_path}/test.tsv")
    assert problem == "test.tsv:2: 'x' is none of the 2 symbols that are known"


def test_too_many_different_symbols_are_refused(tmp_path: Path) -> None:
    lines = "".join(f"w{i} w{i}\tx y\n" for i in range(16_001))
    [problem] = problems_of(tmp_path, lines.encode())[:1]
    assert "is symbol number 16,001, and there may be 16,000" in problem


def test_many_lines_take_little_memory(tmp_path: Path) -> None:
    (tmp_path / "d.tsv").write_text(
        "".join(f"{i % 10} {i % 7} 3\t3 {i % 7} {i % 10}\n" for i in range(50_000))
    )
    tracemalloc.start()
    found = read(Wanted(str(tmp_path / "d.tsv")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found, Pairs)
    assert len(found.inputs) == 50_000
    assert peak < 50_000 * 100  # bytes


def test_the_text_that_ships_is_the_one_its_script_writes() -> None:
    assert play.FILE.read_text(encoding="utf-8") == play.write()

"""What people type as a sequence is read as what they mean."""

from __future__ import annotations

import pytest
import torch

from tasks.base import Task
from tasks.own_text import OwnText
from tests.tasks.test_tasks import make

WORDS = ["我", "喜欢", "喜", "吃", "苹果", "不"]
MANY = [str(i) for i in range(20)]


def words() -> Task:
    return make("copy", symbols=WORDS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("我喜欢吃苹果", "我 喜欢 吃 苹果"),
        ("我喜吃", "我 喜 吃"),
        ("我喜欢，吃苹果。", "我 喜欢 吃 苹果"),
        ("我、喜欢、吃", "我 喜欢 吃"),
        ("“我 喜欢 吃 苹果”", "我 喜欢 吃 苹果"),
        ("「我喜欢吃苹果」", "我 喜欢 吃 苹果"),
        ("'我 喜欢'", "我 喜欢"),
        ("我\u3000喜欢", "我 喜欢"),  # the space of a Chinese keyboard
    ],
)
def test_a_sentence_is_read_as_a_person_means_it(typed: str, meant: str) -> None:
    task = words()
    assert task.decode(task.encode(typed)) == meant.split()


@pytest.mark.parametrize(
    "typed", ["3,1,2", "3, 1, 2", "３１２", "３ １ ２", "３，１，２", '"3 1 2"', "312", "‘3 1 2’"]
)
def test_digits_are_read_with_commas_quotes_and_in_full_width(typed: str) -> None:
    assert make("copy").encode(typed) == [3, 1, 2]


@pytest.mark.parametrize(
    ("symbols", "typed", "read"),
    [
        (["a", "b", ","], "a,b", ["a", ",", "b"]),
        (["a", "b", "，"], "a，b", ["a", "，", "b"]),
        (["1", "１"], "１1", ["１", "1"]),
        (["it's", "a"], "it's a", ["it's", "a"]),
        (["。", "我喜"], "我喜。", ["我喜", "。"]),
    ],
)
def test_what_belongs_to_a_symbol_is_read_as_itself(symbols: list[str], typed: str, read: list[str]) -> None:
    task = make("copy", symbols=symbols)
    assert task.decode(task.encode(typed)) == read


@pytest.mark.parametrize(
    ("symbols", "typed", "message"),
    [
        (WORDS, "我喜欢吃香蕉", "'香蕉' in '我喜欢吃香蕉' is none of the symbols 我 喜欢"),
        (WORDS, "我 喜欢吃", "'喜欢吃' is none of the symbols 我 喜欢 .*; did you mean '喜欢 吃'\\?"),
        (MANY, "3 25", "'25' is none of the symbols 0 1 .*; did you mean '2 5'\\?"),
        (MANY, "3,25", "'25' is none of the symbols"),
        (["apple", "pear"], "aple pear", "'aple' is none of the symbols .*; did you mean 'apple'\\?"),
        (WORDS, "，。", "the sequence is empty"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_may_be_meant(
    symbols: list[str], typed: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make("copy", symbols=symbols).encode(typed)


def test_a_number_of_one_digit_symbols_is_read_digit_by_digit_as_ever() -> None:
    assert make("copy", symbols=MANY).encode("123") == [1, 2, 3]
    assert make("copy", symbols=MANY).encode("12 3") == [12, 3]


@pytest.mark.parametrize("are_characters", [True, False])
def test_in_a_text_marks_stay_what_they_are(are_characters: bool) -> None:
    symbols = ["a", "b", "␣", "1"] if are_characters else ["a", "b", "1"]
    text = OwnText(symbols, are_characters, 1, 5, lambda required: (torch.zeros(99, dtype=torch.long), None))
    for typed in ("a,b", "a１", '"a"', "a b,"):
        with pytest.raises(ValueError, match="is none of the symbols"):
            text.encode_prompt(typed)

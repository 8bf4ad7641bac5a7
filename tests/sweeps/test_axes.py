"""What is varied is read as people write it."""

from __future__ import annotations

import pytest

from tfcli.errors import UsageError
from tfcli.sweeps.axes import Axis, Span, read_axis, split_values, split_words


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b", ["a", "b"]),
        ("0:3", ["0", "1", "2", "3"]),
        ("0:6:3,9", ["0", "3", "6", "9"]),
        ("-2:-1", ["-2", "-1"]),
        ("[a,b],[c]", ["[a,b]", "[c]"]),
        ("{name: rotary, base: 10},ends", ["{name: rotary, base: 10}", "ends"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('["a]",b],c', ['["a]",b]', "c"]),
        ("mine.py:Mine,window:4", ["mine.py:Mine", "window:4"]),
        (" 1e-3 , 3e-3 ", ["1e-3", "3e-3"]),
        ("it's,b", ["it's", "b"]),
    ],
)
def test_values_are_split_at_commas_outside_of_brackets_and_quotes(text: str, values: list[str]) -> None:
    axis = read_axis("key", text, split_values("key", text))
    assert axis is not None
    assert list(axis.values()) == values
    assert axis.count == len(values)


def test_a_setting_with_one_value_is_no_axis() -> None:
    fixed, axes = split_words(["train.steps=100", "train.seed=0:1", "train.freeze=[a,b]"])
    assert fixed == ["train.steps=100", "train.freeze=[a,b]"]
    assert [axis.key for axis in axes] == ["train.seed"]


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("train.seed=", "there is no value"),
        ("train.seed=1,", "a value is empty"),
        ("train.seed=1,,2", "a value is empty"),
        ("train.seed=3:0", "the range goes backwards; write 0:3"),
        ("train.seed=1e-1:1e-3", "the range goes backwards"),
        ("train.seed=0:1234567890123456789", "a number of a range has at most 18 digits"),
        ("train.learning_rate=1:1e400", "the range is wider than numbers go"),
        ("train.seed=0:8:0", "steps of 0 are for whole numbers, and at least 1"),
        ("model.dropout=0:0.2:0.1", "steps of 0.1 are for whole numbers"),
        ("train.seed=0:8:-1", "steps of -1 are for whole numbers, and at least 1"),
        ("train.seed=0.5:1.5:2", "steps of 2 are for whole numbers"),
        ("train.seed=1,2,1", "1 stands there twice"),
        ("train.seed=0:5,3", "3 stands there twice"),
        ("train.seed=0:5,4:9", "4 stands there twice"),
        ("model.positions=[a", "there is no ] at its end"),
        ('model.positions="a', 'there is no " at its end'),
        ("train.learning_rate=1e-3:1e-2,1", "a range of numbers that aren't whole stands alone"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_right_form(word: str, problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        split_words([word])
    assert problem in str(raised.value)
    assert str(raised.value).startswith(word)


def test_a_setting_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r"train.seed stands there twice; give all of its values at once"):
        split_words(["train.seed=0:1", "train.seed=5"])


def test_a_range_is_drawn_from_by_its_logarithm_where_it_is_wide() -> None:
    assert Span(1e-4, 1e-2, None).at(0.5) == "0.001"
    assert Span(0.1, 0.3, None).at(0.5) == "0.2"
    assert Span(16, 256, 1).at(0.5) == "64"
    assert [Span(0, 3, 1).at(share) for share in (0.0, 0.3, 0.99, 1.0)] == ["0", "1", "3", "3"]
    assert {Span(16, 256, 16).at(i / 100) for i in range(100)} == {str(n) for n in range(16, 257, 16)}
    assert Axis("key", (), Span(1e-4, 1e-2, None)).first == "0.0001"


def test_a_range_of_whole_numbers_can_be_taken_for_all_that_lie_between() -> None:
    [_, [whole]] = split_words(["model.dropout=0:1"])
    assert whole.with_fractions().span == Span(0, 1, None)
    assert whole.with_fractions().count == 0
    [_, [in_steps]] = split_words(["model.dropout=0:4:2"])
    assert in_steps.with_fractions() == in_steps

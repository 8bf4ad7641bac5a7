"""Chinese numerals: one for each number, drawn evenly, and each digit's own character."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from tasks.base import IGNORE
from tasks.translating import PLACES, Translating, forms_of_length

DIGITS = "零一二三四五六七八九"
LONGEST = 15
CPU = torch.device("cpu")


def group(number: int, opens: bool) -> str:
    """Return four digits in words; with 零 before them where others come first and no thousands follow."""
    found = "" if opens or number >= 1000 else "零"
    for value, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // value % 10
        if digit:
            found += DIGITS[digit] + unit
        elif found and found[-1] != "零" and number % value:
            found += "零"
    return found


def numeral(number: int) -> str:
    """Return the numeral of a number, made digit by digit."""
    high, low = divmod(number, 10**4)
    text = (group(high, True) + "万" if high else "") + (group(low, not high) if low else "")
    return DIGITS[0] if number == 0 else text.removeprefix("一") if text.startswith("一十") else text


def numbers() -> list[int]:
    """All small numbers, round ones, and some of any size."""
    drawn = torch.randint(10**PLACES, (3_000,), generator=torch.Generator().manual_seed(0)).tolist()
    round_ones = [n // 10**zeros * 10**zeros for zeros in (1, 2, 3, 4, 5, 6) for n in drawn[:200]]
    sparse = [
        a * 10**place + b for a in (1, 3, 10, 12, 20) for place in range(7) for b in (0, 1, 10, 15, 300)
    ]
    return [n for n in {*range(21_000), *round_ones, *sparse, *drawn} if n < 10**PLACES]


def by_length() -> dict[int, dict[str, int]]:
    """Return the numerals of those numbers, by their length."""
    found: dict[int, dict[str, int]] = {}
    for number in numbers():
        found.setdefault(len(numeral(number)), {})[numeral(number)] = number
    return found


def encode(task: Translating, texts: list[str]) -> torch.Tensor:
    return torch.tensor([[task.SYMBOLS.index(character) for character in text] for text in texts])


NUMERALS = by_length()


def test_no_two_numbers_share_a_numeral() -> None:
    assert sum(map(len, NUMERALS.values())) == len(set(numbers()))


@pytest.mark.parametrize("length", range(1, LONGEST + 1))
def test_numerals_are_read_as_they_are_written(length: int) -> None:
    task = Translating()
    inputs = encode(task, list(NUMERALS[length]))
    assert task.valid(inputs).all()
    for target, number in zip(task.target(inputs), NUMERALS[length].values(), strict=True):
        assert task.decode_answer(target[target != IGNORE].tolist()) == [*str(number), "end"]


@pytest.mark.parametrize("length", range(1, LONGEST + 1))
def test_nothing_else_is_drawn_than_numerals(length: int) -> None:
    task = Translating()
    inputs = task.draw(200, length, torch.Generator().manual_seed(length))
    for row, target in zip(inputs, task.target(inputs), strict=True):
        digits = task.decode_answer(target[target != IGNORE].tolist())
        assert digits[-1] == "end"
        assert numeral(int("".join(digits[:-1]))) == "".join(task.decode(row.tolist()))


def test_every_number_has_a_form() -> None:
    sizes = [int(forms_of_length(length, CPU).sizes().sum()) for length in range(1, LONGEST + 1)]
    assert sum(sizes) == 10**PLACES
    assert sizes[:2] == [11, 45]


def test_numbers_of_a_length_are_equally_likely() -> None:
    task = Translating()
    drawn = task.draw(45_000, 2, torch.Generator().manual_seed(0))
    found = Counter(map(tuple, drawn.tolist()))
    assert len(found) == 45
    assert max(abs(count - 1_000) for count in found.values()) < 5 * 1_000**0.5


@pytest.mark.parametrize(("asked", "there_is"), [(1, 1), (15, 15), (16, 15), (500, 15)])
def test_no_numeral_is_longer_than_the_longest(asked: int, there_is: int) -> None:
    assert Translating().nearest_length(asked) == there_is


@pytest.mark.parametrize(
    "text",
    [
        "一十",
        "零五",
        "一百五百",
        "一百零五十",
        "三百五十零",
        "一万三百",
        "一千零零五",
        "十十",
        "万",
        "一千零十五",
    ],
)
def test_what_is_no_standard_numeral_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="isn't of the form"):
        Translating().encode(text)


@pytest.mark.parametrize("length", [1, 2, 7, 11, LONGEST])
def test_digits_are_read_from_their_own_characters(length: int) -> None:
    task = Translating()
    inputs = task.draw(100, length, torch.Generator().manual_seed(0))
    for row, target, source in zip(inputs, task.target(inputs), task.source(inputs), strict=True):
        text = task.decode(row.tolist())
        for digit, at in zip(target.tolist(), source.tolist(), strict=True):
            if at != IGNORE:
                assert text[at] == DIGITS[digit] or (text[at], at, digit) == ("十", 0, 1)
            else:
                assert digit in (0, task.END, IGNORE)


def test_zeros_that_others_imply_have_no_source() -> None:
    task = Translating()
    assert task.source(encode(task, ["三百零五"]))[0, :4].tolist() == [0, IGNORE, 3, IGNORE]
    assert task.source(encode(task, ["零"]))[0, :2].tolist() == [0, IGNORE]

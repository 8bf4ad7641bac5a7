"""Translating: answer a Chinese numeral in digits.

Axes: B batch, T position of the input, M position of the answer, P place of a digit, that of the ones first.
"""

import itertools
from functools import lru_cache

import torch
from torch import Tensor

from .base import IGNORE, Task, positions
from .forms import Forms, make_forms

PLACES = 8  # of digits; from 亿 on, which is the next of them, numerals need a symbol more
TEN, MYRIAD = 10, 13
DIGIT, ABOVE_ONE = range(1, 10), range(2, 10)
ZERO = range(1)


class Translating(Task):
    """三 百 零 五 -> 3 0 5 end. The number that a Chinese numeral stands for, up to 99,999,999.

    Numerals are in the standard form, one for each number: 零 once for any zeros between digits of a group
    of four places, and after 万 where no thousands follow; 一 before 十 everywhere but at the beginning; 二,
    never 两. All numbers whose numerals have the same length are equally likely.
    """

    SYMBOLS = tuple("零一二三四五六七八九十百千万")
    ANSWERS = (*map(str, range(10)), "end")
    END = 10

    def answer_length(self, length: int) -> int:
        return PLACES + 1

    def nearest_length(self, length: int) -> int:
        """九千九百九十九万九千九百九十九 and its like are the longest."""
        return min(length, len(numeral_form((True,) * PLACES)))

    def valid(self, inputs: Tensor) -> Tensor:
        if inputs.shape[1] != self.nearest_length(inputs.shape[1]):
            return inputs.new_zeros(len(inputs), dtype=torch.bool)
        return forms_of_length(inputs.shape[1], inputs.device).match(inputs).any(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        forms = forms_of_length(length, generator.device)
        which = torch.multinomial(forms.sizes(), count, replacement=True, generator=generator)
        return forms.fill(which, generator)

    def target(self, inputs: Tensor) -> Tensor:
        digits, place = by_place(inputs, inputs.clamp(max=1).where(inputs >= TEN, inputs)), answered(inputs)
        found = digits.gather(1, place.clamp(min=0)).clamp(min=0)  # what isn't written is 0
        return found.where(place >= 0, self.END).masked_fill(place < -1, IGNORE)

    def source(self, inputs: Tensor) -> Tensor:
        """Return where a digit's own character stands, or the 十 that begins; implied zeros have none."""
        place = answered(inputs)
        found = by_place(inputs, positions(inputs)).gather(1, place.clamp(min=0))
        return found.masked_fill(place < 0, IGNORE)


def answered(inputs: Tensor) -> Tensor:
    """Return the place of the digit at each position of the answer, [B, M]; -1 at its end, less after."""
    highest = (by_place(inputs, positions(inputs)) >= 0).long() * torch.arange(PLACES, device=inputs.device)
    return highest.amax(1, keepdim=True) - torch.arange(PLACES + 1, device=inputs.device)


def by_place(inputs: Tensor, values: Tensor) -> Tensor:
    """Return the values [B, T] of the characters that stand for digits, by their places [B, P].

    `IGNORE` stands where the numeral has no character for a digit.
    """
    after = torch.nn.functional.pad(inputs[:, 1:], (0, 1))
    first = positions(inputs) == 0
    leads = first & (inputs == TEN)  # 十五: its one isn't written
    unit = torch.where(leads, inputs, after)
    place = torch.where((unit >= TEN) & (unit < MYRIAD), unit - TEN + 1, 0)
    place = place + PLACES // 2 * (inputs == MYRIAD).flip(1).cumsum(1).flip(1)
    stands = leads | ((inputs > 0) & (inputs < TEN)) | (inputs.shape[1] == 1)
    kept = values.new_full((len(inputs), PLACES + 1), IGNORE)  # the last for all that stand for none
    return kept.scatter(1, place.where(stands, PLACES), values)[:, :PLACES]


@lru_cache(maxsize=64)
def forms_of_length(length: int, device: torch.device) -> Forms:
    """Return the forms of the numerals of that many characters."""
    rows = [[ZERO]]
    for nonzero in itertools.product((False, True), repeat=PLACES):
        row = numeral_form(nonzero)
        if row[1:2] == [range(TEN, TEN + 1)]:
            rows += [row[1:], [ABOVE_ONE, *row[1:]]]
        elif row:
            rows.append(row)
    return make_forms([row for row in rows if len(row) == length], device)


def numeral_form(nonzero: tuple[bool, ...]) -> list[range]:
    """Return the characters of numbers with digits at these places, the highest first, as ranges of ids."""
    found: list[range] = []
    gap = False
    for place, is_there in zip(reversed(range(PLACES)), nonzero, strict=True):
        unit = place % (PLACES // 2)
        if is_there:
            found += [ZERO] * (gap and bool(found)) + [DIGIT]
            found += [range(TEN + unit - 1, TEN + unit)] * (unit > 0)
        gap = not is_there
        if place == PLACES // 2 and found:
            found.append(range(MYRIAD, MYRIAD + 1))
            gap = False
    return found

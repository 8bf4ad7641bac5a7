"""Sums and products of two binary numbers, lowest digit first."""

from abc import abstractmethod

import torch
from torch import Tensor

from .base import IGNORE, Task

OPERATOR = 2


class BinaryArithmetic(Task):
    """What addition and multiplication share: the form of the input, and how a number is answered."""

    SHORTEST = 3
    ANSWERS = ("0", "1", "end")
    END = 2

    @abstractmethod
    def result(self, first: int, second: int) -> int:
        """Return the number that is asked for."""

    def valid(self, inputs: Tensor) -> Tensor:
        marks = inputs == OPERATOR
        return (marks.sum(1) == 1) & ~marks[:, 0] & ~marks[:, -1]

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        digits = torch.randint(2, (count, length), generator=generator, device=device)
        at = torch.randint(1, length - 1, (count, 1), generator=generator, device=device)
        return digits.scatter(1, at, OPERATOR)

    def target(self, inputs: Tensor) -> Tensor:
        rows = []
        length = self.answer_length(inputs.shape[1])
        for row in inputs.tolist():
            at = row.index(OPERATOR)
            result = self.result(number(row[:at]), number(row[at + 1 :]))
            digits = [int(digit) for digit in reversed(f"{result:b}")]
            rows.append([*digits, self.END, *[IGNORE] * (length - len(digits) - 1)])
        return torch.tensor(rows, device=inputs.device)


class BinaryAddition(BinaryArithmetic):
    """0 1 + 1 1 -> 1 0 1 end. The sum, lowest digit first, then its end (2207.02098)."""

    SYMBOLS = ("0", "1", "+")

    def result(self, first: int, second: int) -> int:
        return first + second

    def answer_length(self, length: int) -> int:
        return length + 1


class BinaryMultiplication(BinaryArithmetic):
    """0 1 * 1 1 -> 0 1 1 end. The product, lowest digit first, then its end (2207.02098)."""

    SYMBOLS = ("0", "1", "*")

    def result(self, first: int, second: int) -> int:
        return first * second

    def answer_length(self, length: int) -> int:
        return length


def number(digits: list[int]) -> int:
    """Return the number that binary digits stand for, the lowest first."""
    return sum(digit << i for i, digit in enumerate(digits))

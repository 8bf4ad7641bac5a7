"""Equation solving: answer the x for which an expression has the value that it is said to have, modulo 5."""

import torch
from torch import Tensor

from .base import IGNORE, Task
from .bracketed_arithmetic import DIGITS, expression, random_numbers, value_of


class EquationSolving(Task):
    """( 2 - x ) = 1 -> 1. One answer: the x, modulo 5 (2207.02098). Expressions have + and - alone."""

    SYMBOLS = (*DIGITS, "+", "-", "(", ")", "x", "=")
    ANSWERS = DIGITS
    SHORTEST = 3

    def answer_length(self, length: int) -> int:
        return 1

    def valid(self, inputs: Tensor) -> Tensor:
        return self.target(inputs)[:, 0] != IGNORE

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        numbers = random_numbers(generator)
        drawn = []
        for _ in range(count):
            words = expression(length - 2, "+-", numbers)
            value = value_of(words)
            digits = [i for i, word in enumerate(words) if word in DIGITS]
            words[numbers.choice(digits)] = "x"
            drawn.append([self.SYMBOLS.index(word) for word in (*words, "=", str(value))])
        return torch.tensor(drawn, device=generator.device)

    def target(self, inputs: Tensor) -> Tensor:
        found = [solution(self.decode(row)) for row in inputs.tolist()]
        return torch.tensor(found, device=inputs.device)[:, None]


def solution(words: list[str]) -> int:
    """The digit in place of x; `IGNORE` if this is no equation with one x."""
    *words, equals, value = words if len(words) >= EquationSolving.SHORTEST else ["", "", ""]
    if equals != "=" or value not in DIGITS or words.count("x") != 1 or "=" in words:
        return IGNORE
    at = words.index("x")
    for digit in DIGITS:
        if value_of([*words[:at], digit, *words[at + 1 :]]) == int(value):
            return int(digit)
    return IGNORE

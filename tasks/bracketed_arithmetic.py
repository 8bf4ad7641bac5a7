"""Modular arithmetic with brackets: answer the value of a nested expression modulo 5."""

import operator
import random

import torch
from torch import Tensor

from .base import IGNORE, Task

MODULUS = 5
DIGITS = tuple(map(str, range(MODULUS)))
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


class BracketedArithmetic(Task):
    """( 2 - ( 1 * - 3 ) ) -> 0. One answer: the value modulo 5 (2207.02098).

    An expression is a digit, a minus and a digit, either of them in brackets, or two expressions with an
    operator between them in brackets.
    """

    SYMBOLS = (*DIGITS, "+", "-", "*", "(", ")")
    ANSWERS = DIGITS

    def answer_length(self, length: int) -> int:
        return 1

    def valid(self, inputs: Tensor) -> Tensor:
        found = [value_of(self.decode(row)) is not None for row in inputs.tolist()]
        return torch.tensor(found, dtype=torch.bool, device=inputs.device)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        numbers = random_numbers(generator)
        drawn = [expression(length, "+-*", numbers) for _ in range(count)]
        ids = [[self.SYMBOLS.index(word) for word in words] for words in drawn]
        return torch.tensor(ids, device=generator.device)

    def target(self, inputs: Tensor) -> Tensor:
        values = [value_of(self.decode(row)) for row in inputs.tolist()]
        found = [IGNORE if value is None else value % MODULUS for value in values]
        return torch.tensor(found, device=inputs.device)[:, None]


def random_numbers(generator: torch.Generator) -> random.Random:
    """Python's random numbers, as the generator decides: to draw a tree takes many choices, one by one."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return random.Random(int(seed))


def expression(length: int, operators: str, numbers: random.Random) -> list[str]:
    """Return a random expression of so many symbols: where it is split is drawn anew at each level."""
    if length <= 4:
        minus = ["-"] if length % 2 == 0 else []
        inner = [*minus, numbers.choice(DIGITS)]
        return inner if length <= 2 else ["(", *inner, ")"]
    left = numbers.randint(1, length - 4)
    operator = numbers.choice(operators)
    return [
        "(",
        *expression(left, operators, numbers),
        operator,
        *expression(length - 3 - left, operators, numbers),
        ")",
    ]


def value_of(words: list[str]) -> int | None:
    """Return the value of an expression modulo 5; None if it is none."""
    try:
        value, end = parse(words, 0)
    except (IndexError, KeyError, ValueError, RecursionError):
        return None
    return value % MODULUS if end == len(words) else None


def parse(words: list[str], at: int) -> tuple[int, int]:
    """Return the value of the expression that begins there, and where it ends.

    Raises:
        IndexError, KeyError, ValueError: there is none.
    """
    if words[at] == "-":
        return -DIGITS.index(words[at + 1]), at + 2
    if words[at] != "(":
        return DIGITS.index(words[at]), at + 1
    value, at = parse(words, at + 1)
    if words[at] != ")":
        apply = OPERATORS[words[at]]
        right, at = parse(words, at + 1)
        value = apply(value, right)
    if words[at] != ")":
        raise ValueError("a bracket isn't closed")
    return value % MODULUS, at + 1

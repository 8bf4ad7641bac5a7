"""Modular arithmetic with brackets: answer the value of a nested expression modulo 5."""

import random

import torch
from torch import Tensor

from .base import IGNORE, Task

MODULUS = 5
DIGITS = tuple(map(str, range(MODULUS)))


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
        drawn = [self.encode_words(expression(length, "+-*", numbers)) for _ in range(count)]
        return torch.tensor(drawn, device=generator.device)

    def target(self, inputs: Tensor) -> Tensor:
        values = [value_of(self.decode(row)) for row in inputs.tolist()]
        found = [IGNORE if value is None else value % MODULUS for value in values]
        return torch.tensor(found, device=inputs.device)[:, None]

    def encode_words(self, words: list[str]) -> list[int]:
        """Ids of symbols that are known to be the task's own."""
        return [self.SYMBOLS.index(word) for word in words]


def random_numbers(generator: torch.Generator) -> random.Random:
    """Python's random numbers, as the generator decides: to draw a tree takes many choices, one by one."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    return random.Random(int(seed))


def expression(length: int, operators: str, numbers: random.Random) -> list[str]:
    """A random expression of so many symbols: where it is split is drawn anew at each level."""
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
    """The value of an expression modulo 5; None if it is none."""
    open_brackets: list[list[int | str]] = [[]]  # what each open bracket holds so far
    for word in words:
        if word == "(":
            open_brackets.append([])
        elif word == ")":
            value = reduced(open_brackets.pop())
            if value is None or not open_brackets:
                return None
            open_brackets[-1].append(value)
        else:
            open_brackets[-1].append(int(word) if word in DIGITS else word)
    # Outside all brackets no operator stands between two values.
    whole = len(open_brackets) == 1 and sum(isinstance(part, int) for part in open_brackets[0]) == 1
    bare = len(words) <= 2 or (words[0] == "(" and words[-1] == ")")
    return reduced(open_brackets[0]) if whole and bare else None


def reduced(parts: list[int | str]) -> int | None:
    """The value of what a pair of brackets holds: a value or two, each with a minus before it or none."""
    values: list[int | str] = []
    rest = list(parts)
    while rest:
        sign = -1 if rest[0] == "-" and len(rest) > 1 else 1
        rest = rest[1:] if sign < 0 else rest
        if not isinstance(rest[0], int):
            return None
        values.append(sign * rest.pop(0))
        if rest:
            values.append(rest.pop(0))
            if not rest:
                return None
    match values:
        case [int(value)]:
            return value % MODULUS
        case [int(left), "+", int(right)]:
            return (left + right) % MODULUS
        case [int(left), "-", int(right)]:
            return (left - right) % MODULUS
        case [int(left), "*", int(right)]:
            return left * right % MODULUS
    return None

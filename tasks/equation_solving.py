"""Equation solving: answer the x for which an expression has the value that it is said to have, modulo 5."""

import itertools

import torch
from torch import Tensor

from .base import IGNORE, Task
from .bracketed_arithmetic import DIGITS, expression, random_numbers, value_of


class EquationSolving(Task):
    """( 2 - x ) = 1 -> 1. One answer: the x, modulo 5 (2207.02098). Expressions have + and - alone.

    As in the released generator, x takes the place of the first digit from a random position on, around
    the end: the longer the way from the digit before, the likelier the place. The digit itself is equally
    likely to be each of the five. Lengths below 3, where the released generator gives zeros, become 3.
    """

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
            ways = ways_to_digits(words)
            [at] = numbers.choices([*ways], [*ways.values()])
            words[at] = "x"
            drawn.append([self.SYMBOLS.index(word) for word in (*words, "=", str(value))])
        return torch.tensor(drawn, device=generator.device)

    def likelihood(self, inputs: Tensor) -> Tensor:
        # How an expression is split doesn't matter: where all are enumerated, each split has as many.
        expressions = [self.decode(row)[:-2] for row in inputs.tolist()]
        ways = [ways_to_digits(words)[words.index("x")] for words in expressions]
        return torch.tensor(ways, dtype=torch.float32, device=inputs.device)

    def target(self, inputs: Tensor) -> Tensor:
        found = [solution(self.decode(row)) for row in inputs.tolist()]
        return torch.tensor(found, device=inputs.device)[:, None]


def ways_to_digits(words: list[str]) -> dict[int, int]:
    """From how many positions each digit or x of an expression is the next one, to the right and around."""
    places = [i for i, word in enumerate(words) if word in DIGITS or word == "x"]
    around = itertools.pairwise([places[-1], *places])
    return {at: (at - before - 1) % len(words) + 1 for before, at in around}


def solution(words: list[str]) -> int:
    """Return the digit in place of x; `IGNORE` if this is no equation with one x."""
    *words, equals, value = words if len(words) >= EquationSolving.SHORTEST else ["", "", ""]
    if equals != "=" or value not in DIGITS or words.count("x") != 1 or "=" in words:
        return IGNORE
    at = words.index("x")
    for digit in DIGITS:
        if value_of([*words[:at], digit, *words[at + 1 :]]) == int(value):
            return int(digit)
    return IGNORE

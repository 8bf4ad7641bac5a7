"""Modular arithmetic without brackets: answer the value of an expression modulo 5."""

import torch
from torch import Tensor

from .base import Task

MODULUS = 5
PLUS, MINUS, TIMES = MODULUS, MODULUS + 1, MODULUS + 2


class ModularArithmetic(Task):
    """2 + 3 * 4 -> 4. One answer: the value modulo 5; products come before sums (2207.02098)."""

    SYMBOLS = (*map(str, range(MODULUS)), "+", "-", "*")
    ANSWERS = tuple(map(str, range(MODULUS)))

    def answer_length(self, length: int) -> int:
        return 1

    def nearest_length(self, length: int) -> int:
        """Digits and operators take turns, so the length is odd."""
        return length - 1 + length % 2

    def valid(self, inputs: Tensor) -> Tensor:
        if inputs.shape[1] % 2 == 0:
            return inputs.new_zeros(len(inputs), dtype=torch.bool)
        return (inputs[:, ::2] < MODULUS).all(1) & (inputs[:, 1::2] >= MODULUS).all(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        device = generator.device
        digits = torch.randint(MODULUS, (count, length), generator=generator, device=device)
        operators = torch.randint(PLUS, TIMES + 1, (count, length), generator=generator, device=device)
        return torch.where(torch.arange(length, device=device) % 2 == 0, digits, operators)

    def target(self, inputs: Tensor) -> Tensor:
        total, product = torch.zeros_like(inputs[:, 0]), inputs[:, 0]  # of what is over, of the term so far
        for i in range(1, inputs.shape[1], 2):
            operator, digit = inputs[:, i], inputs[:, i + 1]
            total = torch.where(operator == TIMES, total, total + product)
            signed = torch.where(operator == MINUS, -digit, digit)
            product = torch.where(operator == TIMES, product * digit, signed) % MODULUS
        return ((total + product) % MODULUS)[:, None]

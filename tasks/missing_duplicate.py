"""Missing duplicate: a string stands there twice with one symbol hidden; answer which one it is."""

import torch
from torch import Tensor

from .base import Task

HIDDEN, PADDING = 2, 3


class MissingDuplicate(Task):
    """0 1 1 0 ? 1 -> 1. One answer: the hidden symbol; an odd length ends with a . (2207.02098)."""

    SYMBOLS = ("0", "1", "?", ".")
    ANSWERS = ("0", "1")
    SHORTEST = 2

    def answer_length(self, length: int) -> int:
        return 1

    def valid(self, inputs: Tensor) -> Tensor:
        half = inputs.shape[1] // 2
        if half == 0:
            return inputs.new_zeros(len(inputs), dtype=torch.bool)
        first, second, rest = inputs[:, :half], inputs[:, half : 2 * half], inputs[:, 2 * half :]
        hidden = inputs == HIDDEN
        binary = (inputs[:, : 2 * half] <= HIDDEN).all(1) & (rest == PADDING).all(1)
        alike = (first == second) | hidden[:, :half] | hidden[:, half : 2 * half]
        return binary & alike.all(1) & (hidden.sum(1) == 1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        half, device = length // 2, generator.device
        string = torch.randint(HIDDEN, (count, half), generator=generator, device=device)
        at = torch.randint(2 * half, (count, 1), generator=generator, device=device)
        padding = string.new_full((count, length % 2), PADDING)
        return torch.cat([string.repeat(1, 2).scatter(1, at, HIDDEN), padding], dim=1)

    def target(self, inputs: Tensor) -> Tensor:
        half = inputs.shape[1] // 2
        first, second = inputs[:, :half], inputs[:, half : 2 * half]
        shown = torch.where(first == HIDDEN, second, torch.where(second == HIDDEN, first, 0))
        return shown.sum(1, keepdim=True)

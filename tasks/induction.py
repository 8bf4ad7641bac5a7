"""Induction: a string of different symbols stands there twice; what comes next is known the second time."""

import torch
from torch import Tensor

from .base import IGNORE, Task, positions
from .objectives import next_symbols


class Induction(Task):
    """3 1 2 3 1 2 -> 1 2. Each token of the second string tells the next, as it did in the first.

    A head has to find the token after an earlier one of the same symbol: the induction head of Olsson et al.
    2022 (2209.11895). Nothing tells the first string, so its tokens are neither learned from nor scored.
    """

    SHORTEST = 4
    predicts_next = True

    def nearest_length(self, length: int) -> int:
        return max(self.SHORTEST, min(length // 2, self.vocab_size) * 2)

    def valid(self, inputs: Tensor) -> Tensor:
        half = inputs.shape[1] // 2
        if half < 2 or inputs.shape[1] % 2:
            return inputs.new_zeros(len(inputs), dtype=torch.bool)
        ordered = inputs[:, :half].sort(dim=1).values
        different = (ordered[:, 1:] != ordered[:, :-1]).all(1)
        return different & (inputs[:, :half] == inputs[:, half:]).all(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        chance = torch.rand(count, self.vocab_size, generator=generator, device=generator.device)
        return chance.topk(length // 2, dim=1).indices.repeat(1, 2)

    def target(self, inputs: Tensor) -> Tensor:
        return next_symbols(inputs).masked_fill(positions(inputs) < inputs.shape[1] // 2, IGNORE)

    def source(self, inputs: Tensor) -> Tensor:
        half = inputs.shape[1] // 2
        return (positions(inputs) - half + 1).clamp(min=0)

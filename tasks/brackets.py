"""Brackets: answer of each whether its other half is there."""

import torch
from torch import Tensor

from .base import IGNORE, Task

KINDS = ("()", "[]", "{}", "<>", "「」", "『』", "《》", "【】")


class Brackets(Task):
    """( { [ ) ] -> closed open closed closed closed. Each bracket needs its other half, wherever that stands.

    A bracket stands there at most once, and a closing one never before the one that it closes; kinds may
    cross. Any different brackets are drawn, and two of a kind that stand in the wrong order swap places.
    """

    SYMBOLS = tuple("".join(KINDS))
    ANSWERS = ("open", "closed")

    def nearest_length(self, length: int) -> int:
        return min(length, len(self.SYMBOLS))

    def valid(self, inputs: Tensor) -> Tensor:
        equal = inputs[:, :, None] == inputs[:, None, :]
        return (equal.sum(-1) == 1).all(1) & ~self.crossed(inputs).any(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        order = torch.rand(count, len(self.SYMBOLS), generator=generator, device=generator.device)
        inputs = order.argsort(dim=1)[:, :length]
        return torch.where(self.crossed(inputs), inputs ^ 1, inputs)

    def likelihood(self, inputs: Tensor) -> Tensor:
        return 2.0 ** (self.target(inputs).sum(1) / 2)  # two ways to draw each pair

    def target(self, inputs: Tensor) -> Tensor:
        return partners(inputs).any(-1).long()

    def source(self, inputs: Tensor) -> Tensor:
        found = partners(inputs)
        return found.int().argmax(-1).masked_fill(~found.any(-1), IGNORE)

    def crossed(self, inputs: Tensor) -> Tensor:
        """Return which tokens are half of a pair that stands in the wrong order, bool [B, T]."""
        found = partners(inputs)
        wrong = found & (inputs[:, :, None] % 2 == 1)  # a closing one
        wrong = wrong.triu(1)  # whose opening one comes after it
        return wrong.any(-1) | wrong.any(-2)


def partners(inputs: Tensor) -> Tensor:
    """Return which key is the other half of which query, bool [B, T, T]."""
    return inputs[:, :, None] == (inputs ^ 1)[:, None, :]

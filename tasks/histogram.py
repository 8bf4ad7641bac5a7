"""Histogram: answer how often each token's symbol occurs."""

from functools import lru_cache
from math import comb

import torch
from torch import Tensor

from .base import Task

MOST = 10  # and more is one answer


class Histogram(Task):
    """3 1 3 2 3 -> 3 1 3 1 3. Each token needs its equals, wherever they stand, to count them.

    After the first program of Weiss et al. 2021 (2106.06981). What occurs ten times or more is answered 10+.
    How many of the symbols may occur is drawn first, evenly, so that high counts aren't rare; then which.
    """

    ANSWERS = (*map(str, range(1, MOST)), f"{MOST}+")

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        V, device = self.vocab_size, generator.device
        kinds = torch.randint(1, V + 1, (count, 1), generator=generator, device=device)
        order = torch.rand(count, V, generator=generator, device=device).argsort(dim=1)
        which = (torch.rand(count, length, generator=generator, device=device) * kinds).long()
        return order.gather(1, which)

    def likelihood(self, inputs: Tensor) -> Tensor:
        different = torch.nn.functional.one_hot(inputs, self.vocab_size).amax(1).sum(1)
        return by_count(self.vocab_size, inputs.shape[1], inputs.device)[different]

    def target(self, inputs: Tensor) -> Tensor:
        return (inputs[:, :, None] == inputs[:, None, :]).sum(-1).clamp(max=MOST) - 1


@lru_cache(maxsize=64)
def by_count(vocab_size: int, length: int, device: torch.device) -> Tensor:
    """How likely a sequence is of which d symbols are different, up to a factor, for each d, [V + 1]."""
    V, T = vocab_size, length
    # The share of the choices of n symbols that have these, times n ** -T.
    chances = [
        sum(comb(V - d, n - d) / comb(V, n) / n**T for n in range(max(1, d), V + 1)) for d in range(V + 1)
    ]
    return torch.tensor(chances, dtype=torch.float64, device=device)

"""Associative recall: keys and their values, then one of the keys; answer its value."""

import torch
from torch import Tensor

from .base import IGNORE, Task


class Recall(Task):
    """0 7 2 5 1 9 2 -> 5. A head has to find the token after the key that stands there again.

    The first half of the symbols are keys, all of them different in a sequence, the others values. After Ba
    et al. 2016 (1610.06258). Only the answer to the last key is learned and scored.
    """

    SHORTEST = 3
    predicts_next = True

    @property
    def n_keys(self) -> int:
        """How many of the symbols are keys."""
        return self.vocab_size // 2

    def nearest_length(self, length: int) -> int:
        return 2 * max(1, min((length - 1) // 2, self.n_keys)) + 1

    def valid(self, inputs: Tensor) -> Tensor:
        keys, values, last = inputs[:, :-1:2], inputs[:, 1::2], inputs[:, -1:]
        if inputs.shape[1] % 2 == 0:
            return inputs.new_zeros(len(inputs), dtype=torch.bool)
        ordered = keys.sort(dim=1).values
        different = (ordered[:, 1:] != ordered[:, :-1]).all(1) & (keys < self.n_keys).all(1)
        return different & (values >= self.n_keys).all(1) & (keys == last).any(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        pairs, device = length // 2, generator.device
        keys = torch.rand(count, self.n_keys, generator=generator, device=device).topk(pairs).indices
        values = torch.randint(
            self.n_keys, self.vocab_size, (count, pairs), generator=generator, device=device
        )
        which = torch.randint(pairs, (count, 1), generator=generator, device=device)
        return torch.cat([torch.stack([keys, values], dim=2).flatten(1), keys.gather(1, which)], dim=1)

    def target(self, inputs: Tensor) -> Tensor:
        value = inputs.gather(1, self.source(inputs)[:, -1:])
        return torch.cat([torch.full_like(inputs[:, 1:], IGNORE), value], dim=1)

    def source(self, inputs: Tensor) -> Tensor:
        asked = (inputs[:, :-1:2] == inputs[:, -1:]).int().argmax(1, keepdim=True)
        return (2 * asked + 1).expand_as(inputs)

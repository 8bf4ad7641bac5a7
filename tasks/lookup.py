"""Looking up: pairs of a key and a value, then questions; answer the value of each key."""

import torch
from torch import Tensor

from .base import Task, positions

KEYS, VALUES = "abcdefgh", "01234"
FIRST_QUESTION = len(KEYS) * len(VALUES)  # the id of the first symbol that is a question


class Lookup(Task):
    """c4 a1 b1 a? c? -> 4 1 1 1 4. A question needs the pair of its key, wherever that stands.

    A pair is one token, and answers its own value. The keys of the pairs are all different, and each question
    has its pair. How many pairs there are is drawn evenly from 1 to what fits; then keys, their order, values
    and questions are.
    """

    SYMBOLS = (*(key + value for key in KEYS for value in VALUES), *(f"{key}?" for key in KEYS))
    ANSWERS = tuple(VALUES)
    SHORTEST = 2

    def valid(self, inputs: Tensor) -> Tensor:
        asks, keys = inputs >= FIRST_QUESTION, keys_of(inputs)
        ordered = ~asks[:, 0] & asks[:, -1] & (asks.int().diff(dim=1) >= 0).all(1)
        same = (keys[:, :, None] == keys[:, None, :]) & ~asks[:, None, :]  # [B, T, T]: pairs of the same key
        return ordered & (same.sum(-1) == 1).all(1)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        device, most = generator.device, min(length - 1, len(KEYS))
        pairs = torch.randint(1, most + 1, (count, 1), generator=generator, device=device)
        keys = torch.rand(count, len(KEYS), generator=generator, device=device).argsort(dim=1)
        values = torch.randint(len(VALUES), (count, length), generator=generator, device=device)
        place = torch.arange(length, device=device).expand(count, length)
        asked = (torch.rand(count, length, generator=generator, device=device) * pairs).long()
        key = keys.gather(1, torch.where(place < pairs, place.clamp(max=most - 1), asked))
        return torch.where(place < pairs, key * len(VALUES) + values, FIRST_QUESTION + key)

    def target(self, inputs: Tensor) -> Tensor:
        return inputs.gather(1, self.source(inputs)) % len(VALUES)

    def source(self, inputs: Tensor) -> Tensor:
        keys, asks = keys_of(inputs), inputs >= FIRST_QUESTION
        same = (keys[:, :, None] == keys[:, None, :]) & ~asks[:, None, :]
        return torch.where(asks, same.int().argmax(-1), positions(inputs))


def keys_of(inputs: Tensor) -> Tensor:
    """Return the number of the key that each token is about."""
    return torch.where(inputs < FIRST_QUESTION, inputs // len(VALUES), inputs - FIRST_QUESTION)

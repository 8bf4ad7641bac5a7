"""Which sequences are held out: a hash of the whole sequence decides, in every process alike.

Axes: B batch, T position of the input, V vocabulary.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

# The hash of a sequence is a polynomial in a primitive root of a Mersenne prime. Every product of two
# residues stays below 2**62, so it is exact in int64 on every device and the same in every process.
PRIME = 2**31 - 1
ROOT = 16807
AT_ONCE = 256  # powers: nearly all lengths are below
HELD_OUT_SHARE = 10  # one sequence in ten is held out


class Sides(NamedTuple):
    """The sequences of a length that has few, each once, int64 [B, T], by the side that they are on.

    `limit` is the lowest hash of those to train on, and `complete` whether these are all that there are,
    not just all that were drawn.
    """

    train: Tensor
    held_out: Tensor
    limit: int
    complete: bool


def split(everything: Tensor, complete: bool) -> Sides:
    """Hold out the tenth of lowest hashes of all sequences [B, T] of a length, at least one."""
    hashes = sequence_hash(everything)
    count = max(1, len(everything) // HELD_OUT_SHARE)
    limit = int(hashes.sort().values[:count].amax()) + 1 if len(everything) else 0
    held_out = hashes < limit
    return Sides(everything[~held_out], everything[held_out], limit, complete)


def sequence_hash(inputs: Tensor) -> Tensor:
    """Return a hash in [0, PRIME) of each row of `inputs` [B, T], the same on every device and machine."""
    powers = powers_of_root(inputs.shape[1], inputs.device)
    h = ((inputs + 1) * powers % PRIME).sum(dim=1) % PRIME
    # Squaring breaks the linearity of the polynomial: neighbours don't land on the same side together.
    return (h * h % PRIME) * ROOT % PRIME


def as_ids(inputs: Tensor) -> Tensor:
    """Return `inputs` [B, T] as they are, and numbers [B, T, P] as whole ones [B, T * P]: by their bits."""
    if inputs.dim() == 2:
        return inputs
    return inputs.flatten(1).contiguous().view(torch.int32).to(torch.int64) & PRIME


def powers_of_root(length: int, device: torch.device) -> Tensor:
    """Return the powers of `ROOT` from the first on, int64 [T]."""
    return _table(-(-length // AT_ONCE) * AT_ONCE, device)[:length]


@lru_cache(maxsize=64)  # to move them to a GPU at each step would make the step wait
def _table(length: int, device: torch.device) -> Tensor:
    return torch.tensor([pow(ROOT, i + 1, PRIME) for i in range(length)], device=device)


def all_sequences(vocab_size: int, length: int) -> Tensor:
    """Every sequence of this length, int64 [V**T, T]."""
    index = torch.arange(vocab_size**length)[:, None]
    return index // vocab_size ** torch.arange(length - 1, -1, -1) % vocab_size


def first_of_each(inputs: Tensor) -> Tensor:
    """Return the rows of `inputs` [B, T] in their order, without those that stood before."""
    _, which = torch.unique(inputs, dim=0, return_inverse=True)
    first = torch.full_like(which, len(which)).scatter_reduce(
        0, which, torch.arange(len(which), device=which.device), "amin"
    )
    return inputs[first[first < len(which)].sort().values]

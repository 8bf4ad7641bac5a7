"""Handwritten digits of 8 x 8 pixels, read by a Vision Transformer (Dosovitskiy et al. 2020, 2010.11929).

They are those of the UCI repository (Alpaydin & Kaynak 1998) that scikit-learn brings, 1,797 in number.

Axes: N picture, B batch, T patch, P pixel of a patch, S pixel of a side.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import IGNORE, Batch
from .copies import on_device
from .extras import MissingExtraError, import_extra
from .pictures import LEVELS, Pictures
from .splitting import PRIME, sequence_hash

SKEW = 0.2
MOVED = 0.25  # halves of a side: a pixel
HELD_OUT = 5  # one picture in five is held out
SIDE = 8


class Digit(NamedTuple):
    """Pictures of digits: `pixels` [N, 8, 8] from 0 to 1, and which digit each shows, `labels` [N]."""

    pixels: Tensor
    labels: Tensor


@cache
def load() -> tuple[Digit, Digit]:
    """Return what is trained on and what is held out; a hash of the pixels decides.

    Raises:
        MissingExtraError: scikit-learn isn't installed.
    """
    data = import_extra("sklearn.datasets", "vision").load_digits()
    levels = torch.from_numpy(data.images)
    labels = torch.from_numpy(data.target).to(torch.int64)
    held_out = sequence_hash(levels.flatten(1).to(torch.int64)) < PRIME // HELD_OUT
    pixels = levels.float() / LEVELS
    train, test = (Digit(pixels[side], labels[side]) for side in (~held_out, held_out))
    return train, test


class Known(NamedTuple):
    """A digit of the data."""

    label: int
    held_out: bool


class Digits(Pictures):
    """17 -> 5. One answer: the handwritten digit of a picture, here the held-out one of that number.

    Its 8 x 8 pixels are 4 x 4 patches of 2 x 2. Each time a picture is learned from, it is a little
    distorted. A fifth is held out, by a hash.
    """

    SIDE = SIDE
    PATCH = 2
    N_FEATURES = PATCH**2
    ANSWERS = tuple("0123456789")

    def answer_length(self, length: int) -> int:
        return 1

    def is_held_out(self, inputs: Tensor) -> Tensor:
        return shows_held_out(self.pixels(inputs)).to(inputs.device)

    def target(self, inputs: Tensor) -> Tensor:
        """Return which digit each picture shows, moved or not; `IGNORE` for those of other people."""
        return find(self.pixels(inputs)).to(inputs.device)[:, None]

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        train, _ = load()
        which = torch.randint(len(train.labels), (batch_size,), generator=generator, device=generator.device)
        return self.renew(self.batch(train, which), generator)

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        _, test = load()
        order = torch.randperm(len(test.labels), generator=generator, device=generator.device)
        return self.batch(test, order[:count])

    def training_set(self, count: int | None, generator: torch.Generator) -> list[Batch]:
        train, _ = load()
        return [self.batch(train, torch.randperm(len(train.labels), generator=generator)[:count])]

    def held_out_set(self, count: int, generator: torch.Generator) -> list[Batch]:
        return [self.sample_held_out(count, self.max_length, generator)]

    def renew(self, batch: Batch, generator: torch.Generator) -> Batch:
        moved = distort(self.pixels(batch.inputs), generator)
        return batch._replace(inputs=self.patches(moved))

    def held_out_picture(self, numbers: list[int]) -> Tensor:
        if len(numbers) > 1:
            raise ValueError(
                f"one number names a held-out picture, {self.SIDE**2} are its pixels, and these are"
                f" {len(numbers)}"
            )
        return self.patches(held_out_digit(numbers[0])[None])[0]

    def n_sequences(self, length: int) -> int:
        return sum(len(side.labels) for side in load())

    def n_held_out(self, length: int) -> int:
        return len(load()[1].labels)

    def batch(self, side: Digit, which: Tensor) -> Batch:
        """Return some pictures with their answers, where `which` [B] is."""
        pixels, labels = (on_device(part, which.device)[which] for part in side)
        return Batch(self.patches(pixels), labels[:, None])


def held_out_digit(number: int) -> Tensor:
    """Return the pixels [8, 8] of the held-out picture of that number.

    Raises:
        ValueError: there are fewer.
    """
    pixels = load()[1].pixels
    if number >= len(pixels):
        raise ValueError(f"the held-out pictures are 0 to {len(pixels) - 1}, and {number} is none of them")
    return pixels[number]


def distort(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return pictures [B, S, S] a little turned, stretched, slanted and moved; what comes in is black."""
    chance = torch.rand(len(pixels), 6, generator=generator, device=pixels.device) * 2 - 1
    around = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], device=pixels.device)
    limits = torch.tensor([[SKEW, SKEW, MOVED], [SKEW, SKEW, MOVED]], device=pixels.device)
    maps = around + chance.reshape(-1, 2, 3) * limits
    pictures = pixels[:, None]
    grid = F.affine_grid(maps, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)[:, 0]


def find(pixels: Tensor) -> Tensor:
    """Return which digit pictures [B, S, S] show if they are of the data, else `IGNORE`, int64 [B]."""
    known = known_digits()
    return torch.tensor([known[key].label if key in known else IGNORE for key in keys(pixels)])


def shows_held_out(pixels: Tensor) -> Tensor:
    """Return whether pictures [B, S, S] show a digit that is held out, bool [B]."""
    known = known_digits()
    return torch.tensor([key in known and known[key].held_out for key in keys(pixels)])


def known_digits() -> dict[bytes, Known]:
    """Return the digits that are known by what is in their pictures; none without scikit-learn."""
    try:
        return index_digits()
    except MissingExtraError:
        return {}


@cache
def index_digits() -> dict[bytes, Known]:
    """Return all digits by what is in their pictures.

    Raises:
        MissingExtraError: scikit-learn isn't installed.
    """
    return {
        key: Known(label, side == 1)
        for side, digits in enumerate(load())
        for key, label in zip(keys(digits.pixels), digits.labels.tolist(), strict=True)
    }


def keys(pixels: Tensor) -> list[bytes]:
    """Return what is in pictures [B, S, S], wherever it stands: the levels of the box that has it all."""
    levels = (pixels * LEVELS).round().to(torch.uint8).cpu()
    return [key_of(picture) for picture in levels]


def key_of(levels: Tensor) -> bytes:
    """Return what is in a picture [S, S]."""
    rows, columns = levels.any(1).nonzero()[:, 0], levels.any(0).nonzero()[:, 0]
    if not len(rows):
        return b""
    box = levels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return bytes([box.shape[1]]) + box.numpy().tobytes()

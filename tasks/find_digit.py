"""Object detection at toy scale: one digit somewhere on a black canvas.

Axes: B batch, T patch, P pixel of a patch, S pixel of a side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .base import IGNORE, Batch
from .copies import on_device
from .digits import SIDE, Digit, find, held_out_digit, load, shows_held_out
from .pictures import Pictures


class FindDigit(Pictures):
    """17 0 5 -> 5 0,2. The digit that stands on a canvas, and the patch that holds its middle.

    The canvas is 4 x 4 patches of 4 x 4 pixels, and the digit's 8 x 8 may stand anywhere on it. A fifth of
    the digits is held out, as in `digits`.
    """

    SIDE = 16
    PATCH = 4
    N_FEATURES = PATCH**2
    EXAMPLE = "17 0 5"
    ANSWERS = (*"0123456789", *(f"{row},{column}" for row in range(4) for column in range(4)))

    def answer_length(self, length: int) -> int:
        return 2

    def target(self, inputs: Tensor) -> Tensor:
        """Return the digit and the patch of each canvas, [B, 2]; `IGNORE` for digits of other people."""
        pixels = self.pixels(inputs)
        digit, where = find(pixels).to(inputs.device), self.middle(pixels)
        return torch.stack([digit, where + 10], dim=1).where(digit[:, None] != IGNORE, IGNORE)

    def is_held_out(self, inputs: Tensor) -> Tensor:
        return shows_held_out(self.pixels(inputs)).to(inputs.device)

    def source(self, inputs: Tensor) -> Tensor:
        """Return the patch in the middle for both answers [B, 2]: a part of the digit stands there."""
        where = self.middle(self.pixels(inputs))
        return torch.where(where < 0, IGNORE, where)[:, None].expand(-1, 2)

    def middle(self, pixels: Tensor) -> Tensor:
        """Return the patch that holds the middle of what is on a canvas [B, S, S], -1 of an empty one."""
        inked = pixels > 0
        at = [center_of(inked.any(2)), center_of(inked.any(1))]
        row, column = (place // self.PATCH for place in at)
        return torch.where(inked.flatten(1).any(1), row * self.across + column, -1)

    def sample(self, batch_size: int, length: int, generator: torch.Generator) -> Batch:
        train, _ = load()
        size = len(train.labels) * self.n_places
        numbers = torch.randint(size, (batch_size,), generator=generator, device=generator.device)
        return self.batch(train, numbers)

    def sample_held_out(self, count: int, length: int, generator: torch.Generator) -> Batch:
        _, test = load()
        size = len(test.labels) * self.n_places
        order = torch.randperm(size, generator=generator, device=generator.device)
        return self.batch(test, order[:count])

    def held_out_picture(self, numbers: list[int]) -> Tensor:
        digit, *at = numbers
        last = self.SIDE - SIDE
        row, column = at if len(at) == 2 else (last // 2, last // 2)
        if len(at) == 1 or max(row, column) > last:
            raise ValueError(
                f"a held-out digit is named by its number, and by the row and the column of its corner, 0 to"
                f" {last} each: {self.EXAMPLE}"
            )
        canvas = torch.zeros(1, self.SIDE, self.SIDE)
        canvas[0, row : row + SIDE, column : column + SIDE] = held_out_digit(digit)
        return self.patches(canvas)[0]

    @property
    def n_places(self) -> int:
        """In how many places a digit may stand."""
        return (self.SIDE - SIDE + 1) ** 2

    def n_sequences(self, length: int) -> int:
        return sum(len(side.labels) for side in load()) * self.n_places

    def n_held_out(self, length: int) -> int:
        return len(load()[1].labels) * self.n_places

    def batch(self, side: Digit, numbers: Tensor) -> Batch:
        """Return canvases by their `numbers` [B]: of digit i, place j is number i * n_places + j."""
        which, place = numbers // self.n_places, numbers % self.n_places
        pixels, labels = (on_device(part, numbers.device)[which] for part in side)
        steps = self.SIDE - SIDE + 1
        canvas = pixels.new_zeros(len(numbers), self.SIDE, self.SIDE)
        at = torch.arange(SIDE, device=numbers.device)
        rows, columns = (place // steps)[:, None] + at, (place % steps)[:, None] + at  # [B, 8]
        first = torch.arange(len(numbers), device=numbers.device)[:, None, None]
        canvas[first, rows[:, :, None], columns[:, None, :]] = pixels
        targets = torch.stack([labels, self.middle(canvas) + 10], dim=1)
        return Batch(self.patches(canvas), targets)


def center_of(inked: Tensor) -> Tensor:
    """Return the middle between the first and the last True of rows [B, S], int64 [B]."""
    first = inked.int().argmax(1)
    last = inked.shape[1] - 1 - inked.int().flip(1).argmax(1)
    return (first + last) // 2

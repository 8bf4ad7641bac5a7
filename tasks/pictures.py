"""Pictures as sequences: patches in the order of reading, each made of its pixels.

Axes: B batch, T patch, P pixel of a patch, S pixel of a side.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Task

LEVELS = 16  # of brightness, as pictures are typed: 0 is black


class Pictures(Task):
    """Square pictures of `SIDE` pixels a side in square patches of `PATCH`, and answers to them.

    All have the same length, that of the picture in patches. Pixels are numbers from 0 to 1.
    """

    SIDE: int
    PATCH: int
    SYMBOLS = ("patch",)
    EXAMPLE = "17"  # how a held-out picture is named

    def __init__(
        self,
        vocab_size: int | None = None,
        min_length: int = 1,
        max_length: int = 20,
        symbols: Sequence[str] | None = None,
    ) -> None:
        self.across = self.SIDE // self.PATCH  # patches in a row
        count = self.across**2
        if not min_length <= count <= max_length:
            raise ValueError(
                f"a picture is {count} patches; lengths of {min_length} to {max_length} have none"
            )
        super().__init__(vocab_size, count, count, symbols)

    def nearest_length(self, length: int) -> int:
        return self.across**2

    def has_length(self, length: int) -> bool:
        return length == self.across**2

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        """Return patches of noise: whatever a model can read, without any data."""
        shape = (count, self.across**2, self.PATCH**2)
        return torch.rand(shape, generator=generator, device=generator.device)

    def patches(self, pixels: Tensor) -> Tensor:
        """Return pictures [B, S, S] in patches [B, T, P]."""
        n, p = self.across, self.PATCH
        return pixels.reshape(-1, n, p, n, p).transpose(2, 3).reshape(-1, n * n, p * p)

    def pixels(self, inputs: Tensor) -> Tensor:
        """Return pictures [B, S, S] whose patches are `inputs` [B, T, P]."""
        n, p = self.across, self.PATCH
        return inputs.reshape(-1, n, n, p, p).transpose(2, 3).reshape(-1, self.SIDE, self.SIDE)

    @abstractmethod
    def held_out_picture(self, numbers: list[int]) -> Tensor:
        """Return the patches [T, P] of the held-out picture that some numbers name.

        Raises:
            ValueError: there is none.
        """

    def picture(self, inputs: Tensor) -> list[list[float]]:
        rows: list[list[float]] = self.pixels(inputs[None])[0].tolist()
        return rows

    def patch_names(self) -> list[str]:
        """Return what patches are called: their row and their column, from 0."""
        return [f"{row},{column}" for row in range(self.across) for column in range(self.across)]

    def show(self, inputs: Tensor) -> list[str]:
        return self.patch_names()

    def parse(self, text: str) -> Tensor:
        """Return the patches [T, P] of a picture that is typed: its pixels row by row, from 0 to 16.

        A few whole numbers name one of the held-out pictures.

        Raises:
            ValueError: it is none.
        """
        if re.fullmatch(r"\s*[0-9]{1,9}(\s+[0-9]{1,9}){0,2}\s*", text):
            return self.held_out_picture([int(word) for word in text.split()])
        try:
            levels = [float(word) for word in text.replace(",", " ").split()]
        except ValueError:
            levels = []
        if len(levels) == self.SIDE**2:
            for i, level in enumerate(levels):
                if not 0 <= level <= LEVELS:
                    raise ValueError(
                        f"pixels are numbers from 0 to {LEVELS}, and pixel {i}, from 0 on, is {level:g}"
                    )
        else:
            raise ValueError(
                f"a picture is {self.SIDE**2} numbers from 0 to {LEVELS}, row by row, or the number of one"
                f" that is held out, such as {self.EXAMPLE}, not {shorten(text)}"
            )
        return self.patches(torch.tensor(levels).reshape(1, self.SIDE, self.SIDE) / LEVELS)[0]


def shorten(text: str) -> str:
    """Return what was typed, cut to what fits a message."""
    count = len(text.split())
    return repr(text) if len(text) <= 40 else f"the {count} words {text[:30]!r} ..."

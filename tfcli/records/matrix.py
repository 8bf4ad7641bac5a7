"""A matrix of floats in one block of memory: 4 or 8 bytes a number, of which nested lists take 32."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from math import isfinite
from typing import Any, overload


class Matrix(Sequence[list[Any]]):
    """Rows of floats. Each row comes out as a list that is made when it is asked for.

    It equals the nested lists that it stands for, and numpy reads it in place. Its deep copies, and so what
    `dataclasses.asdict` makes of it, are nested lists.

    Args:
        values: all numbers, row after row: of type code "f" or "d".
        width: numbers in a row, at least 1.
        gaps: whether a number that isn't finite stands for none, and comes out as None.

    Raises:
        ValueError: the values aren't whole rows.
    """

    __slots__ = ("gaps", "values", "width")
    __hash__ = None  # type: ignore[assignment]  # like the lists that it equals

    def __init__(self, values: array[float], width: int, *, gaps: bool = False) -> None:
        if width < 1 or len(values) % width:
            raise ValueError(f"{len(values)} numbers are no whole rows of {width}")
        self.values = values
        self.width = width
        self.gaps = gaps

    def __len__(self) -> int:
        return len(self.values) // self.width

    @overload
    def __getitem__(self, index: int) -> list[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[Any]]: ...

    def __getitem__(self, index: int | slice) -> list[Any]:
        chosen = range(len(self))[index]
        return self.row(chosen) if isinstance(chosen, int) else [self.row(i) for i in chosen]

    def row(self, i: int) -> list[Any]:
        """Return row `i`, from 0."""
        row = self.values[i * self.width : (i + 1) * self.width].tolist()
        return [value if isfinite(value) else None for value in row] if self.gaps else row

    def is_finite(self) -> bool:
        """Whether every number that comes out is finite."""
        return self.gaps or all(map(isfinite, self.values))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Matrix | list):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"<Matrix {len(self)} x {self.width}>"

    def __deepcopy__(self, memo: object) -> list[list[Any]]:
        return list(self)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The numbers as numpy takes them, not to be written to; what a gap holds isn't finite."""
        order = "<" if sys.byteorder == "little" else ">"
        return {
            "version": 3,
            "shape": (len(self), self.width),
            "typestr": f"{order}f{self.values.itemsize}",
            "data": memoryview(self.values).toreadonly(),
        }

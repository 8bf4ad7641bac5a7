"""Models whose weights come from a file: nothing is drawn for them."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

CONSTANTS = ("constant_", "ones_", "zeros_")


class WithoutDraws(TorchFunctionMode):
    """Leaves tensors as they are where a module would draw its first weights; constants are written.

    To draw millions that are overwritten takes a tenth of a second.
    """

    skips_constants = False

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_first = getattr(function, "__module__", None) == nn.init.__name__
        if is_first and (self.skips_constants or function.__name__ not in CONSTANTS):
            return (kwargs or {}).get("tensor", *args[:1])
        return function(*args, **(kwargs or {}))


class WithoutNumbers(WithoutDraws):
    """Writes no constants either.

    On the device "meta" there are no numbers, and yet torch imports its compiler to write some, which takes a
    second.
    """

    skips_constants = True

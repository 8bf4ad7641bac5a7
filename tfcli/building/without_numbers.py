"""Models whose weights come from a file: nothing is drawn for them."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode


class WithoutNumbers(TorchFunctionMode):
    """Leaves tensors as they are where a module would draw its first weights.

    To draw millions that are overwritten takes a tenth of a second. On the device "meta" there are none, and
    yet torch imports its compiler for them, which takes a second.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__module__", None) == nn.init.__name__:
            return (kwargs or {}).get("tensor", *args[:1])
        return function(*args, **(kwargs or {}))

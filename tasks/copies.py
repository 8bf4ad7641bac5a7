"""Data that lie on the CPU, for whoever needs them on another device, time and again."""

from __future__ import annotations

from collections.abc import MutableMapping

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

Copies = dict[torch.device, Tensor]

_COPIES: MutableMapping[Tensor, Copies] = WeakTensorKeyDictionary()  # they go when their tensor goes


def on_device(data: Tensor, device: torch.device) -> Tensor:
    """Return data on a device, where they stay: to move them at each step would make the step wait.

    They aren't to be changed, neither there nor here.
    """
    if data.device == device:
        return data
    copies = _COPIES.setdefault(data, {})
    if device not in copies:
        copies[device] = data.to(device)
    return copies[device]

"""How far each parameter moves in a step, beside the others: not at all, or less in earlier layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from tfcli.errors import UsageError, did_you_mean


def rates_of(model: nn.Module, freeze: Sequence[str], layer_decay: float, n_layers: int) -> Tensor | None:
    """Return the rate of each parameter, 0 for those in frozen parts; None where all have the rate 1.

    A layer has `layer_decay` times the rate of the one after it, and what comes before the layers that of one
    before the first (Clark et al. 2020, 2003.10555, section 3.1). Frozen parameters get no gradient.

    Raises:
        UsageError: a part that isn't there, or nothing is left to train.
    """
    if not freeze and layer_decay == 1:
        return None
    names = [name for name, _ in model.named_parameters()]
    for pattern in freeze:
        if not any(is_in(name, pattern) for name in names):
            raise UsageError(f"train.freeze: there is no part {pattern!r}{near(pattern, names)}")
    rates = []
    for name, parameter in model.named_parameters():
        is_frozen = any(is_in(name, pattern) for pattern in freeze)
        parameter.requires_grad_(not is_frozen)
        rate = 0.0 if is_frozen else layer_decay ** depth_from_end(name, n_layers)
        rates.append(torch.full_like(parameter, rate).flatten())
    if not any(bool(rate.any()) for rate in rates):
        raise UsageError("train.freeze: nothing is left to train")
    return torch.cat(rates)


def is_in(name: str, pattern: str) -> bool:
    """Whether a parameter is in a part, or in one that a pattern with * stands for."""
    return any(fnmatchcase(part, pattern) for part in parts_of(name))


def parts_of(name: str) -> Iterator[str]:
    """Yield the parts that a parameter is in, the largest first, and itself."""
    words = name.split(".")
    for count in range(1, len(words) + 1):
        yield ".".join(words[:count])


def near(pattern: str, names: Sequence[str]) -> str:
    """Return what may have been meant, or the largest parts that there are."""
    every = list(dict.fromkeys(part for name in names for part in parts_of(name)))
    largest = dict.fromkeys(".".join(name.split(".")[: 1 + name.startswith("blocks.")]) for name in names)
    return did_you_mean(pattern, every) or f" (parts: {', '.join(largest)}, and what is in them)"


def depth_from_end(name: str, n_layers: int) -> int:
    """How many layers later the model is read: 0 for what comes after the last layer."""
    match = re.match(r"blocks\.(\d+)\.", name)
    if match:
        return n_layers - int(match[1])
    is_before = name.split(".")[0] in ("embedding", "positions", "counters", "token_types", "embedding_norm")
    return n_layers + 1 if is_before else 0

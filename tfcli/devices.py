"""Where and how exactly the arithmetic is done: device, threads, precision, seeds."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from tfcli.config.schema import TrainConfig
from tfcli.errors import UsageError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """Return the device of that name; for `auto` a GPU where there is one.

    Raises:
        UsageError: this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = name.partition(":")
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }[kind]
    if int(index or 0) >= there:
        raise UsageError(f"there is no device {name} here; auto takes what there is")
    return torch.device(name)


def prepare(config: TrainConfig) -> torch.device:
    """Set threads and seed, and choose the device."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    return choose_device(config.device)


def matmul_precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return a context in which matrix products are done in `precision`; weights stay float32."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "float32")


def make_generator(device: torch.device, seed: int) -> torch.Generator:
    """Return a random generator of its own on `device`."""
    return torch.Generator(device).manual_seed(seed)

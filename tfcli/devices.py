"""Where and how exactly the arithmetic is done: device, threads, memory, precision, seeds."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING

import torch

import tfcli
from tfcli.config.model_section import ModelConfig
from tfcli.config.schema import RunConfig
from tfcli.config.together import work_of
from tfcli.config.train_section import TrainConfig
from tfcli.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

SMALL = 1e8  # multiplications of a layer in a forward pass
SHARE = 1e6  # ... of models that go together, which are worth one more thread
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h of glibc has them
KEPT = 2**29  # bytes at most that nothing needs any more and that stay with the process
LARGE = 2**27  # bytes of a tensor that never stays
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Threads:
    """Torch's number of threads, and the one that is its own: before a model is given another."""

    def __init__(self) -> None:
        self.own = self.given = torch.get_num_threads()

    def set(self, number: int) -> None:
        """Give torch another number, for a model."""
        self.find_own()
        torch.set_num_threads(number)
        self.given = number

    def find_own(self) -> int:
        """Return torch's own number, or the last that somebody else has set."""
        if (now := torch.get_num_threads()) != self.given:
            self.own = self.given = now
        return self.own


THREADS = Threads()


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
    """Set threads, memory and seed, and choose the device."""
    keep_memory()
    if config.threads is not None:
        THREADS.set(config.threads)
    torch.manual_seed(config.seed)
    return choose_device(config.device)


def with_threads(config: RunConfig) -> RunConfig:
    """Return a configuration that says how many threads to train with: the last digits depend on it."""
    if config.train.threads is not None:
        return config
    longest = config.task.max_length
    threads = count_threads(config.model, config.train.batch_size * longest, longest)
    return config.model_copy(update={"train": config.train.model_copy(update={"threads": threads})})


def threads_together(config: RunConfig, n_models: int) -> int:
    """Return how many threads a step of so many models together is worth, unless the user has said it."""
    if config.train.threads is not None:
        return config.train.threads
    return min(THREADS.find_own(), 1 + int(n_models * work_of(config) / SHARE))


@contextmanager
def few_threads(model: ModelConfig, tokens: int, longest: int) -> Iterator[None]:
    """Let a pass over so many tokens have the threads that it is worth; afterwards they are as before."""
    keep_memory()
    before = torch.get_num_threads()
    THREADS.set(count_threads(model, tokens, longest))
    try:
        yield
    finally:
        THREADS.set(before)


def count_threads(model: ModelConfig, tokens: int, longest: int) -> int:
    """Return 1 where a pass is so little work that threads wait for each other, else torch's own number.

    Beside a busy neighbour they wait for as long as it pleases that one.
    """
    work = tokens * model.d_model * (4 * model.d_model + 2 * model.d_ff + 2 * longest)
    return 1 if work < SMALL else THREADS.find_own()


@cache
def keep_memory() -> None:
    """Let the process keep the memory that a pass has given back: the next one needs as much.

    Else the C library of Linux gives it back to the system after each step, and has it anew page by page,
    which takes up to a quarter of the time. Where the user has set that library's own ways, these hold.
    """
    own = any(name.startswith("MALLOC_") for name in os.environ) or "GLIBC_TUNABLES" in os.environ
    if own or platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(M_TRIM_THRESHOLD, KEPT)
    library.mallopt(M_MMAP_THRESHOLD, LARGE)


def list_versions() -> dict[str, str]:
    """Return the versions that a run is trained with."""
    return {
        "tfcli": tfcli.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def matmul_precision(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return a context in which matrix products are done in `precision`; weights stay float32."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "float32")


def make_generator(device: torch.device, seed: int) -> torch.Generator:
    """Return a random generator of its own on `device`."""
    return torch.Generator(device).manual_seed(seed)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's global random numbers, on the CPU and on `device`."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(device: torch.device, states: dict[str, Tensor]) -> None:
    """Bring torch's global random numbers into the states that `random_states` returned for such a device."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["mps"])

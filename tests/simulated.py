"""A device beside the CPU for machines that have none: its tensors say that they lie there.

Their numbers lie on the CPU, where they are computed. As on a GPU, an operation on tensors of two devices is
refused, and so are random numbers of another device. What is listed here as what the host waits for is noted.
So a training can be followed on another device than the CPU, to the same numbers, wherever there is no other.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from tfcli import devices
from tfcli.commands import evaluate, resume, seeds

NAME = "simulated"
SET_UP = "_setup_privateuseone_for_python_backend"  # torch has it since 2.10, and calls it its own
IS_THERE = hasattr(backend_registration, SET_UP)

MOVES = ("aten::_to_copy", "aten::copy_")  # from one device to the other
INDEXING = ("aten::index", "aten::index_put", "aten::index_put_")
ALIKE = (
    "aten::cat",
    "aten::gather",
    "aten::index_select",
    "aten::scatter",
    "aten::stack",
)  # no number from here
LOOKED_AT = (  # the host has to know a number, or how many there are
    "aten::_local_scalar_dense",
    "aten::_unique2",
    "aten::bincount",
    "aten::equal",
    "aten::is_nonzero",
    "aten::masked_select",
    "aten::nonzero",
    "aten::repeat_interleave",
    "aten::unique_consecutive",
    "aten::unique_dim",
)


class Simulated(torch.Tensor):
    """A tensor on the device; `numbers` is the one on the CPU that it stands for."""

    numbers: Tensor

    @staticmethod
    def __new__(cls, numbers: Tensor) -> Simulated:
        """Return one that stands for a tensor on the CPU."""
        made: Simulated = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.shape,
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=torch.device(NAME, 0),
        )
        made.numbers = numbers
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch says that it is no class method
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return compute(func, args, kwargs or {})

    def __repr__(self, **_: object) -> str:  # type: ignore[override]
        return f"Simulated({self.numbers!r})"

    def tolist(self) -> Any:
        """Return the numbers, which have to come to the CPU first."""
        return self.cpu().tolist()

    def __deepcopy__(self, memo: dict[int, Any]) -> Simulated:
        made = Simulated(self.numbers.clone())
        memo[id(self)] = made
        return made

    @property
    def data(self) -> Tensor:
        """The tensor without its history."""
        found: Tensor = torch.Tensor.data.__get__(self)  # type: ignore[attr-defined]
        return found

    @data.setter
    def data(self, new: Tensor) -> None:
        torch.Tensor.data.__set__(self, new)  # type: ignore[attr-defined]
        self.numbers = numbers_of(new)


GENERATORS: set[int] = set()  # what torch knows those of the device by


class GeneratorThere(torch.Generator):
    """Random numbers that say that they are on the device."""

    device = property(lambda self: torch.device(NAME, 0))


class Generator(torch.Generator):
    """What makes random numbers for a device: for this one, those of the CPU."""

    def __new__(cls, device: torch.device | str = "cpu", plain: Any = torch.Generator) -> Any:
        """Return such."""
        is_there = torch.device(device).type == NAME
        made: Any = GeneratorThere() if is_there else plain()
        (GENERATORS.add if is_there else GENERATORS.discard)(made._cdata)
        return made


class Simulation(TorchDispatchMode):  # type: ignore[no-untyped-call]  # as torch leaves it
    """Within this, there is the device; `waits` tells what the host waited for, and where.

    `operations` is the number of those that had tensors there.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as torch leaves it
        self.waits: list[str] = []
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if is_waiting(func._schema.name, args, kwargs or {}):
            own = [line for line in traceback.extract_stack() if is_own(line.filename)]
            self.waits.append(f"{func} at {own[-1].filename}:{own[-1].lineno}" if own else str(func))
        self.operations += any(isinstance(x, Simulated) for x in tree_leaves((args, kwargs)))
        return compute(func, args, kwargs or {})


def is_own(path: str) -> bool:
    """Whether a file is neither torch's nor this one."""
    return "torch" not in path.split("/") and path != __file__


def compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Compute an operation on the CPU; what comes of it is where it would be.

    Raises:
        RuntimeError: its tensors, or its random numbers, are on two devices.
    """
    name, device = func._schema.name, kwargs.get("device")
    there = any(isinstance(x, Simulated) for x in tree_leaves((args, kwargs)))
    goes_there = there if device is None else torch.device(device).type == NAME
    if (
        there
        and name not in MOVES
        and any(is_amiss(x, name) for x in tree_leaves(must_match(name, args, kwargs)))
    ):
        raise RuntimeError(f"{name}: some tensors are on {NAME}, and some on the CPU")
    generator = kwargs.get("generator")
    if generator is not None and (generator._cdata in GENERATORS) != goes_there:
        raise RuntimeError(f"{name}: a generator of another device")
    if device is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    found = func(*tree_map(numbers_of, args), **tree_map(numbers_of, kwargs))
    if func._schema.is_mutable:
        return kwargs.get("out", args[0] if args else None)
    return tree_map(lambda x: Simulated(x) if isinstance(x, Tensor) else x, found) if goes_there else found


def must_match(name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    """Return what must be on one device: all, but for indices, which may be on the CPU."""
    return (
        (args[0], args[2:], kwargs) if name in INDEXING and isinstance(args[0], Simulated) else (args, kwargs)
    )


def is_amiss(value: Any, name: str) -> bool:
    """Whether a value is a tensor on the CPU that can't stand beside others; a single number mostly can."""
    return (
        isinstance(value, Tensor) and not isinstance(value, Simulated) and bool(value.dim() or name in ALIKE)
    )


def numbers_of(value: Any) -> Any:
    """Return the tensor on the CPU that one on the device stands for, and all else as it is."""
    return value.numbers if isinstance(value, Simulated) else value


def is_waiting(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether the host waits for the device at an operation."""
    there = [isinstance(x, Simulated) for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    if name == "aten::copy_":
        return len(set(there)) == 2
    if name == "aten::_to_copy":
        device = kwargs.get("device")
        return device is not None and (torch.device(device).type == NAME) != there[0]
    if name in INDEXING and there[0]:
        indices = [index for index in args[1] if index is not None]
        return any(index.dtype == torch.bool or not isinstance(index, Simulated) for index in indices)
    if name == "aten::multinomial":  # without replacement it looks at what it draws from
        return any(there) and (args[1] == 1 or not (args[2:3] or [kwargs.get("replacement")])[0])
    return name in LOOKED_AT and any(there)


def choose_device(name: str) -> torch.device:
    """Return the device, unless it is the CPU that is asked for."""
    return torch.device("cpu" if name == "cpu" else NAME)


@contextmanager
def simulation(patch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    """Let there be the device, and let whatever tfcli trains or scores be there."""
    set_up()
    patch.setattr(torch, "Generator", Generator)
    patch.setattr(torch, "inference_mode", torch.no_grad)  # whose tensors can't stand for others
    for module in (devices, evaluate, resume, seeds):
        patch.setattr(module, "choose_device", choose_device)
    torch._C._set_only_lift_cpu_tensors(True)  # so that torch.tensor(..., device=...) may go there
    try:
        # backward() in this thread: torch makes those of devices when it is first called, maybe long before.
        with Simulation() as made, torch.autograd.set_multithreading_enabled(False):
            yield made
    finally:
        torch._C._set_only_lift_cpu_tensors(False)


def set_up() -> None:
    """Let torch know of the device, which it does until the process ends."""
    if not hasattr(torch, NAME):
        getattr(backend_registration, SET_UP)(NAME)
        if not hasattr(torch, NAME):
            torch._register_device_module(NAME, SimpleNamespace())  # type: ignore[no-untyped-call]  # likewise
        module = getattr(torch, NAME)
        module.is_available = lambda: True
        module.get_amp_supported_dtype = lambda: [torch.bfloat16]

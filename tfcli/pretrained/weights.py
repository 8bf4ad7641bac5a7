"""The tensors of a folder: one safetensors file, or several with an index. Pickles are never opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tfcli.config.reading import check_file
from tfcli.errors import UsageError
from tfcli.model.faults import is_finite
from tfcli.pretrained.folder import INDEX, SINGLE, read_json

PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
FLOATS = ("F64", "F32", "F16", "BF16")
OLD_NAMES = {"gamma": "weight", "beta": "bias"}  # of norms, in checkpoints that came from TensorFlow


class Entry(NamedTuple):
    """Where a tensor lies, and what it is."""

    file: Path
    name: str  # in the file
    shape: tuple[int, ...]
    dtype: str  # as safetensors calls it


class WeightFiles:
    """The tensors of a folder by name; they are read one by one, when they are asked for.

    Raises:
        UsageError: there are none, or some file can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        for file in weight_files(folder):
            self.add(file)

    def add(self, file: Path) -> None:
        """Note the tensors of a file."""
        try:
            check_file(file)
            with safe_open(file, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118  # it is no mapping
                    view = opened.get_slice(name)
                    entry = Entry(file, name, tuple(view.get_shape()), str(view.get_dtype()))
                    known = rename(name)
                    if known in self.entries:
                        raise UsageError(f"{file}: {known} is there twice; save the model again")
                    self.entries[known] = entry
        except OSError as error:
            raise UsageError(f"can't read {file}: {error.strerror or error}") from error
        except SafetensorError as error:
            raise UsageError(f"{file}: no safetensors file ({error}); save the model again") from error

    def read(self, name: str) -> Tensor:
        """Return a tensor as float32.

        Raises:
            UsageError: it holds other numbers than that, or some that are none.
        """
        entry = self.entries[name]
        if entry.dtype not in FLOATS:
            raise UsageError(f"{entry.file}: {name} is {entry.dtype}; save the model in float32")
        with safe_open(entry.file, "pt") as opened:
            values: Tensor = opened.get_tensor(entry.name).to(torch.float32)
        if not is_finite(values):
            raise UsageError(f"{entry.file}: some numbers of {name} aren't finite; the model can't be used")
        return values


def weight_files(folder: Path) -> Sequence[Path]:
    """Return the files that hold the weights of a folder.

    Raises:
        UsageError: there are none, or the index names some that aren't there.
    """
    if (folder / INDEX).exists():
        return files_of_index(folder / INDEX)
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    for pickle in PICKLES:
        if (folder / pickle).exists():
            raise UsageError(
                f"{folder / pickle}: a pickle, which may run anything when it is opened; where you trust it, "
                "load it with the class that config.json names, and save_pretrained writes safetensors"
            )
    raise UsageError(f"{folder}: no weights; it needs {SINGLE}, or {INDEX} with the files that it names")


def files_of_index(index: Path) -> Sequence[Path]:
    """Return the files that an index names, each beside it."""
    named = read_json(index).get("weight_map")
    if not isinstance(named, dict) or not named or not all(isinstance(name, str) for name in named.values()):
        raise UsageError(
            f"{index}: its weight_map must say which file holds each tensor; save the model again"
        )
    for name in sorted(set(named.values())):
        if PurePath(name).name != name or not (index.parent / name).is_file():
            raise UsageError(
                f"{index}: names the file {name!r}, which isn't in its folder; fetch all files of the model"
            )
    return [index.parent / name for name in sorted(set(named.values()))]


def rename(name: str) -> str:
    """Return what a tensor is called today."""
    stem, _, last = name.rpartition(".")
    return f"{stem}.{OLD_NAMES[last]}" if last in OLD_NAMES and stem.endswith("LayerNorm") else name

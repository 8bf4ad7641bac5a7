"""Tensors below a header of texts, with digests that tell whether both are as they were written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from tfcli.runs import headers, writing
from tfcli.runs.headers import TensorEntry

DTYPES = {  # as headers call them
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def write_sealed(file: Path, form: str, texts: dict[str, str], tensors: dict[str, Tensor]) -> None:
    """Write tensors below a header of texts, with digests that tell whether both are as they were written."""
    # Clones, since the parameters are views of one vector while they are trained.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    said = {**texts, "digest": digest_of(copies)}
    seal = headers.seal_of(form, *said.values())
    writing.write_atomically(file, save(copies, {"format": form, **said, "seal": seal}))


def load_tensors(path: Path, digest: str | None) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint.

    Raises:
        TfcliError: they aren't as they were written.
    """
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise headers.damage_error(path, str(error)) from error
    if digest is not None and digest_of(tensors) != digest:
        raise headers.damage_error(path, "its tensors are not as they were written")
    return tensors


def digest_of(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the names, dtypes, shapes and bytes of tensors."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        add_to_digest(found, name, tensors[name])
    return found.hexdigest()


def add_to_digest(found: hashlib._Hash, name: str, tensor: Tensor) -> None:
    """Add a tensor to a digest."""
    found.update(f"{name} {describe(tensor)}\n".encode())
    found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)


def describe(tensor: Tensor) -> str:
    """Describe a tensor by its dtype and its shape."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def describe_entry(entry: TensorEntry) -> str:
    """Describe a tensor of which only the header has been read."""
    return f"{DTYPES.get(entry.dtype, entry.dtype)} {list(entry.shape)}"

"""Tensors as the matrices of records."""

from __future__ import annotations

from array import array

import torch
from torch import Tensor

from tfcli.records.matrix import Matrix


def make_matrix(values: Tensor, *, gaps: bool = False) -> Matrix:
    """Return `values` [rows, columns] in their own precision; with `gaps`, None for what isn't finite."""
    code, kind = ("d", torch.float64) if values.dtype == torch.float64 else ("f", torch.float32)
    kept = values.detach().to("cpu", kind).contiguous()
    numbers: array[float] = array(code)
    numbers.frombytes(kept.flatten().view(torch.uint8).numpy().data)
    return Matrix(numbers, values.shape[1], gaps=gaps)

"""Tensors come into records with the numbers that they have."""

from __future__ import annotations

import pytest
import torch

from tfcli.inspection.matrices import make_matrix


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_a_matrix_has_the_numbers_of_its_tensor(dtype: torch.dtype) -> None:
    values = torch.rand(4, 6, generator=torch.Generator().manual_seed(0)).to(dtype)
    for tensor in (values, values.T, values[1:3, ::2], values[[]], values.requires_grad_()):
        assert make_matrix(tensor) == tensor.tolist()


def test_masked_scores_are_gaps() -> None:
    scores = torch.tensor([[0.0, -torch.inf], [1.0, 2.0]])
    assert make_matrix(scores, gaps=True) == [[0.0, None], [1.0, 2.0]]

"""Weights from scores: what they add up to, and 1.5-entmax against bisection and finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from tfcli.model.attention_weights import Entmax15, Softmax, entmax15

KINDS = [Softmax, Entmax15]


def scores(rows: int = 50, keys: int = 30, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(rows, keys, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("cls", KINDS)
@pytest.mark.parametrize("keys", [1, 2, 30])
def test_rows_are_positive_and_sum_to_one(cls: type[Softmax], keys: int) -> None:
    weights = cls()(scores(keys=keys))
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(50, dtype=torch.float64))


@pytest.mark.parametrize("cls", KINDS)
def test_what_may_not_be_attended_to_has_no_weight(cls: type[Softmax]) -> None:
    masked = scores()
    masked[:, 20:] = -math.inf
    weights = cls()(masked)
    assert (weights[:, 20:] == 0).all()
    torch.testing.assert_close(weights[:, :20], cls()(scores()[:, :20]))


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_entmax_is_what_bisection_finds(scale: float) -> None:
    torch.testing.assert_close(entmax15(scores(scale=scale)), Entmax15().recompute(scores(scale=scale)))


def test_entmax_leaves_low_scores_without_weight() -> None:
    weights = entmax15(scores())
    assert (weights == 0).any(-1).all()
    assert ((weights > 0).sum(-1) > 1).any()


def test_the_gradient_of_entmax_is_that_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(entmax15, scores(rows=4, keys=6, scale=0.7).requires_grad_())

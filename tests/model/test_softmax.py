"""Softmax and cross entropy are torch's, over rows of any length."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tfcli.model.softmax import AT_ONCE, cross_entropy, softmax

LENGTHS = [1, 2, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1]


@pytest.mark.parametrize("length", LENGTHS)
def test_softmax_is_that_of_torch(length: int) -> None:
    scores = torch.randn(3, 2, 4, length, requires_grad=True)
    scores = torch.cat([scores[..., :1], scores[..., 1:].masked_fill(scores[..., 1:] > 1, -torch.inf)], -1)
    weigh = torch.randn(3, 2, 4, length)
    results = []
    for function in (softmax, lambda x: x.softmax(-1)):
        weights = function(scores)
        results.append((weights, *torch.autograd.grad((weights * weigh).sum(), scores, retain_graph=True)))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("symbols", LENGTHS)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_cross_entropy_is_that_of_torch(symbols: int, reduction: str) -> None:
    logits = torch.randn(3, 4, symbols, requires_grad=True)
    targets = torch.randint(symbols, (3, 4))
    targets[1, 2] = -100  # which doesn't count
    found = cross_entropy(logits, targets, reduction)
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss.sum(), logits)[0] for loss in (found, expected)), rtol=1e-5, atol=1e-6
    )

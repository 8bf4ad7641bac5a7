"""Counters: whole numbers, read off in circles."""

from __future__ import annotations

import math

import pytest
import torch

from tests.models import make as make_model
from tfcli.model.counters import MODULI, Counters
from tfcli.model.trace import ForwardTrace


def make() -> Counters:
    torch.manual_seed(0)
    return Counters(5, 3, 16)


def test_a_count_adds_up_rounded_steps_one_by_one() -> None:
    counters = make()
    tokens = torch.randint(3, (2, 30), generator=torch.Generator().manual_seed(1))
    counts = counters.counts(tokens)
    step = counters.step.weight.round()
    so_far = torch.zeros(2, 5)
    for t in range(30):
        so_far = so_far + step[tokens[:, t]]
        assert torch.equal(counts[:, t], so_far)


def test_what_is_shown_is_a_point_on_a_circle_for_each_modulus() -> None:
    counters = make()
    tokens = torch.tensor([[0, 1, 2, 2]])
    counts = counters.counts(tokens)[0, -1].detach()
    points = [math.cos(2 * math.pi * float(c) / m) for c in counts for m in MODULI]
    points += [math.sin(2 * math.pi * float(c) / m) for c in counts for m in MODULI]
    # The features of a counter stand together: its cosines, then its sines.
    C, M = 5, len(MODULI)
    order = [part * C * M + c * M + m for c in range(C) for part in range(2) for m in range(M)]
    expected = counters.show.weight @ torch.tensor([points[i] for i in order])
    torch.testing.assert_close(counters(tokens)[0, -1], expected)


def test_nothing_new_is_shown_at_a_greater_length() -> None:
    """After 210 equal tokens, the least common multiple of all moduli, the counters are where they were."""
    counters = make()
    shown = counters(torch.zeros(1, 2000, dtype=torch.int64))[0]
    assert math.lcm(*MODULI) == 210
    torch.testing.assert_close(shown[:500], shown[210:710], atol=1e-4, rtol=0)
    torch.testing.assert_close(shown[:500], shown[1260:1760], atol=1e-4, rtol=0)


def test_steps_are_learned_through_the_rounding() -> None:
    counters = make()
    counters(torch.tensor([[0, 1]])).sum().backward()
    assert counters.step.weight.grad is not None
    assert counters.step.weight.grad[:2].abs().sum() > 0


@pytest.mark.parametrize("counters", [0, 5])
def test_a_model_counts_only_if_it_is_asked_to(counters: int) -> None:
    model = make_model(counters=counters)
    names = [name for name, _ in model.named_parameters() if name.startswith("counters")]
    assert bool(names) is bool(counters)
    tokens = torch.tensor([[0, 1, 2]])
    torch.testing.assert_close(model(tokens, trace=ForwardTrace()), model(tokens))

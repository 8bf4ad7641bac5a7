"""Batches of several models become one: what fills them up does nothing, and costs as little as can be."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

import pytest
import torch

from tests.training.test_stack import make_trainers, settings
from tfcli.training.filling import fill_up, share_out


def test_what_is_filled_up_is_never_attended_to() -> None:
    trainers = make_trainers(settings(train={"train_samples": 45}))
    batches = [trainer.next_batch(step) for trainer in trainers for step in (1, 2)]
    filled = fill_up(batches)
    assert filled.may_attend is not None
    for i, batch in enumerate(batches):
        n, t = batch.inputs.shape
        assert torch.equal(filled.inputs[i, :n, :t], batch.inputs)
        assert not filled.may_attend[i, :n, t:].any()
        assert (filled.targets[i, n:] == -100).all()
    assert filled.may_attend.any(-1).all()


@pytest.mark.parametrize("price", [0.0, 0.5, 3.0, 12.0, math.inf])
def test_groups_are_the_ones_that_take_the_least_time(price: float) -> None:
    def time_of(groups: Sequence[Sequence[int]]) -> float:
        return sum(price + len(group) * max(lengths[row] for row in group) for group in groups)

    def partitions(rows: list[int]) -> Iterator[list[list[int]]]:
        if not rows:
            yield []
            return
        for rest in partitions(rows[1:]):
            yield [[rows[0]], *rest]
            for i in range(len(rest)):
                yield [*rest[:i], [rows[0], *rest[i]], *rest[i + 1 :]]

    draw = random.Random(0)
    for _ in range(10):
        lengths = [draw.randint(1, 9) for _ in range(7)]
        groups = share_out(lengths, price)
        assert sorted(row for group in groups for row in group) == list(range(7))
        assert len(groups) == 1 or price < math.inf
        assert time_of(groups) == min(time_of(other) for other in partitions(list(range(7))))

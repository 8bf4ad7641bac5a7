"""Training sets that have an end: each sequence once an epoch, in batches of nearby lengths."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from tasks.base import IGNORE, Batch
from tfcli.building.models import build_for_training, build_layout
from tfcli.building.trainings import Training
from tfcli.config.schema import RunConfig
from tfcli.training.epochs import Epochs, in_order

CPU = torch.device("cpu")


def batches(sizes: dict[int, int]) -> list[Batch]:
    """Return sequences that are told apart by their first symbol, some of each length."""
    found, number = [], 1
    for length, count in sizes.items():
        inputs = torch.arange(number, number + count)[:, None].repeat(1, length)
        number += count
        found.append(Batch(inputs, inputs.clone()))
    return found


def firsts(epochs: Epochs, steps: range) -> list[list[int]]:
    return [epochs.batch(step).inputs[:, 0].tolist() for step in steps]


@pytest.mark.parametrize("sizes", [{4: 10}, {2: 7, 5: 12, 9: 4}])
def test_each_sequence_comes_once_an_epoch_in_another_order(sizes: dict[int, int]) -> None:
    epochs = Epochs(batches(sizes), 4, 0, CPU)
    n = sum(sizes.values())
    assert epochs.n_steps == -(-n // 4)
    orders = []
    for epoch in range(3):
        steps = range(1 + epoch * epochs.n_steps, 1 + (epoch + 1) * epochs.n_steps)
        order = [number for batch in firsts(epochs, steps) for number in batch]
        assert sorted(order) == list(range(1, n + 1))
        orders.append(order)
    assert orders[0] != orders[1] != orders[2]


def test_a_step_alone_tells_its_batch() -> None:
    one, other = (Epochs(batches({3: 50, 5: 50}), 8, 1, CPU) for _ in range(2))
    in_turn = firsts(one, range(1, 40))
    assert [firsts(other, range(step, step + 1))[0] for step in (39, 2, 20)] == [
        in_turn[i] for i in (38, 1, 19)
    ]
    assert firsts(Epochs(batches({3: 50, 5: 50}), 8, 2, CPU), range(1, 3)) != in_turn[:2]


def test_mixed_lengths_are_filled_up_and_marked() -> None:
    [batch] = in_order(batches({2: 1, 4: 2}), 9, CPU)
    assert batch.inputs.tolist() == [[1, 1, 0, 0], [2, 2, 2, 2], [3, 3, 3, 3]]
    assert batch.targets.tolist() == [[1, 1, IGNORE, IGNORE], [2, 2, 2, 2], [3, 3, 3, 3]]
    assert batch.may_attend is not None
    assert batch.may_attend.tolist() == [[True, True, False, False], [True] * 4, [True] * 4]


def test_little_is_filled_up() -> None:
    epochs = Epochs(batches(dict.fromkeys(range(1, 21), 200)), 64, 0, CPU)
    padded = [epochs.batch(step).may_attend for step in range(1, epochs.n_steps + 1)]
    filled = sum(int((~mask).sum()) for mask in padded if mask is not None)
    assert filled < 0.05 * 200 * sum(range(1, 21))


@pytest.mark.parametrize("layout", ["aligned", "appended"])
def test_the_loss_of_a_mixed_batch_is_that_of_its_sequences(layout: str) -> None:
    config = RunConfig.model_validate(
        {"task": {"name": "reverse", "layout": layout}, "model": {"n_layers": 1}}
    )
    task, model = build_for_training(config)
    model.eval()
    assert build_layout(config, task).appended == (layout == "appended")
    parts = [task.sample(5, length, torch.Generator().manual_seed(length)) for length in (3, 8)]
    [together] = in_order(parts, 99, CPU)

    def nats(batch: Batch) -> torch.Tensor:
        logits = model(batch.inputs, batch.may_attend).flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits, batch.targets.flatten(), reduction="sum")

    with torch.inference_mode():
        torch.testing.assert_close(nats(together), sum(map(nats, parts)), rtol=1e-4, atol=1e-3)


def test_only_so_many_sequences_are_trained_on() -> None:
    settings = {"train_samples": 30, "batch_size": 8, "steps": 20, "threads": 1}
    config = RunConfig.model_validate({"task": {"name": "copy"}, "train": settings})
    task, model = build_for_training(config)
    trainer = Training(model, task, config).trainer
    seen = Counter(
        tuple(row[mask].tolist())
        for step in range(1, 21)
        for batch in [trainer.next_batch(step)]
        for row, mask in zip(
            batch.inputs,
            torch.ones_like(batch.inputs, dtype=torch.bool) if batch.may_attend is None else batch.may_attend,
            strict=True,
        )
    )
    assert len(seen) <= 30
    assert sum(seen.values()) == 5 * 30


def test_any_seed_will_do() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(4, (8, 3), generator=generator)
    batch = Batch(inputs, inputs)
    for seed in (0, 2**62, 2**63 - 1):
        epochs = Epochs([batch], 4, seed, torch.device("cpu"))
        assert epochs.batch(1).inputs.shape == (4, 3)
        assert epochs.generator(3).initial_seed() >= 0

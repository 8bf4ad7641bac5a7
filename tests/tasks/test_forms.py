"""Tasks whose inputs have a form of their own: nothing is trained on or scored that they can't give."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tasks import TASKS
from tasks.base import IGNORE, Task
from tests.conftest import SMALL, Cli, as_json
from tests.models import layout_of
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig


class Permutations(Task):
    """Inputs without repeats, which `draw` alone knows."""

    def __init__(self) -> None:
        super().__init__(vocab_size=6, max_length=6)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, self.vocab_size, generator=generator).argsort(dim=1)[:, :length]

    def target(self, inputs: Tensor) -> Tensor:
        return inputs.sort(dim=1).values


class ToldPermutations(Permutations):
    """The same, with `valid`."""

    def valid(self, inputs: Tensor) -> Tensor:
        return (inputs.sort(dim=1).values.diff(dim=1) > 0).all(1)


class Biased(Task):
    """Zeros are nine times as likely as ones, and nothing says so but `draw`."""

    def __init__(self) -> None:
        super().__init__(vocab_size=2, max_length=6)

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return (torch.rand(count, length, generator=generator) < 0.1).long()

    def target(self, inputs: Tensor) -> Tensor:
        return inputs


class ToldBiased(Biased):
    """The same, with `likelihood`."""

    def likelihood(self, inputs: Tensor) -> Tensor:
        return 0.1 ** inputs.sum(1) * 0.9 ** (1 - inputs).sum(1)


class NeverTwo(Task):
    """Twos have no likelihood, though `valid` takes them."""

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(2, (count, length), generator=generator)

    def likelihood(self, inputs: Tensor) -> Tensor:
        return (inputs < 2).all(1).float()

    def valid(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0] >= 0

    def target(self, inputs: Tensor) -> Tensor:
        return inputs


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("cls", [Permutations, ToldPermutations])
@pytest.mark.parametrize("length", range(1, 7))
def test_only_what_draw_gives_is_trained_on_and_scored(cls: type[Task], length: int) -> None:
    task = cls()
    batch, held_out = task.sample(500, length, generator()), task.sample_held_out(500, length, generator())
    for inputs in (batch.inputs, held_out.inputs):
        assert (inputs.sort(dim=1).values.diff(dim=1) > 0).all()
    assert (batch.targets != IGNORE).all()
    assert not task.is_held_out(batch.inputs).any()
    assert task.is_held_out(held_out.inputs).all()


@pytest.mark.parametrize("length", range(1, 6))
def test_what_was_drawn_is_never_called_all_that_there_is(length: int) -> None:
    assert Permutations().n_held_out(length) is None
    told = ToldPermutations()
    n = math.perm(6, length)
    assert told.n_sequences(length) == n
    assert told.n_held_out(length) == max(1, n // 10)


def test_a_sample_is_not_said_to_be_everything(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(PERMUTATIONS)
    for name, there_are in (("Silent", [None] * 3), ("Telling", [4, 12, 24])):
        name = f"task.name=mine.py:{name}"
        cli("train", "copy", *SMALL, name, "task.max_length=3", "train.steps=1", "-q")
        report = as_json(cli, "eval", "--lengths", "1:3")
        assert [score["held_out_of"] for score in report["lengths"]] == there_are


PERMUTATIONS = """
import torch
from tfcli import Task

class Silent(Task):
    def draw(self, count, length, generator):
        return torch.rand(count, self.vocab_size, generator=generator).argsort(dim=1)[:, :length]

    def target(self, inputs):
        return inputs

class Telling(Silent):
    def valid(self, inputs):
        return (inputs.sort(dim=1).values.diff(dim=1) > 0).all(1)
"""


@pytest.mark.parametrize("cls", [Biased, ToldBiased])
@pytest.mark.parametrize("length", [2, 3, 6])
def test_short_lengths_are_sampled_as_they_are_drawn(cls: type[Task], length: int) -> None:
    task = cls()
    assert task.sides(length) is not None
    drawn = task.draw(20_000, length, generator())
    drawn = drawn[~task.is_held_out(drawn)]
    sampled = task.sample(20_000, length, generator(1)).inputs
    assert sampled.float().mean().item() == pytest.approx(drawn.float().mean().item(), abs=0.01)


def test_some_of_the_held_out_are_chosen_as_they_are_drawn() -> None:
    """The floor is fitted to what is drawn; a score is of the same population."""
    task = ToldBiased()
    sides = task.sides(6)
    assert sides is not None
    chances = task.likelihood(sides.held_out)
    expected = float((chances * sides.held_out.sum(1)).sum() / chances.sum())
    ones = [int(task.sample_held_out(1, 6, generator(seed)).inputs.sum()) for seed in range(400)]
    assert sum(ones) / 400 == pytest.approx(expected, abs=0.2)
    assert len(torch.unique(task.sample_held_out(99, 6, generator()).inputs, dim=0)) == len(sides.held_out)


def test_what_has_no_likelihood_is_neither_trained_on_nor_held_out() -> None:
    task = NeverTwo(vocab_size=3)
    assert task.n_sequences(3) == 8
    for batch in (task.sample(200, 3, generator()), task.sample_held_out(200, 3, generator())):
        assert (batch.inputs < 2).all()


@pytest.mark.parametrize("name", TASKS)
def test_what_is_listed_is_held_out_on_one_side_alone(name: str) -> None:
    task = build_task(TaskConfig.model_validate({"name": name, "layout": layout_of(name)}))
    for length in {task.nearest_length(n) for n in range(1, 9)}:
        if sides := task.sides(length):
            assert task.is_held_out(sides.held_out).all()
            assert not task.is_held_out(sides.train).any()
            assert len(sides.held_out) == max(1, (len(sides.train) + len(sides.held_out)) // 10)


def test_rows_come_again_where_most_of_what_is_drawn_is_held_out() -> None:
    task = Permutations()
    held_out = task.sample_held_out(50, 5, generator()).inputs
    [free] = task.sample(1, 5, generator()).inputs
    task.draw = lambda count, length, generator: torch.cat([held_out, free[None]])  # type: ignore[method-assign]
    inputs, targets, _ = task.sample(40, 5, generator())
    assert torch.equal(inputs, free.expand(40, 5))
    assert (targets != IGNORE).all()

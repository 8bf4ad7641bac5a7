"""Tasks whose inputs are numbers: pictures in patches, and what a user's own may be."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from tasks.base import IGNORE, Task
from tasks.contract import find_problem_of_input, find_problem_of_sequences
from tasks.digits import Digits, distort, held_out_digit, index_digits, load
from tasks.extras import MissingExtraError
from tasks.pictures import Pictures
from tests.conftest import Cli
from tests.models import PICTURES
from tfcli import registry


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make(name: str) -> Pictures:
    task = registry.load_task(name, "appended", vocab_size=None, min_length=1, max_length=20, symbols=None)
    assert isinstance(task, Pictures)
    return task


@pytest.mark.parametrize("name", PICTURES)
def test_patches_and_pixels_are_two_ways_to_write_a_picture(name: str) -> None:
    task = make(name)
    inputs = task.draw(3, 16, generator())
    assert inputs.shape == (3, 16, task.N_FEATURES)
    pixels = task.pixels(inputs)
    assert torch.equal(task.patches(pixels), inputs)
    row, column = 1, 2
    patch = pixels[
        0, row * task.PATCH : (row + 1) * task.PATCH, column * task.PATCH : (column + 1) * task.PATCH
    ]
    assert torch.equal(inputs[0, row * task.across + column], patch.flatten())
    assert task.show(inputs[0])[row * task.across + column] == "1,2"
    assert task.picture(inputs[0]) == pixels[0].tolist()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_is_typed_is_the_one_that_is_read(name: str) -> None:
    task = make(name)
    levels = torch.arange(task.SIDE**2) % 17
    inputs = task.parse(" ".join(map(str, levels.tolist())))
    assert torch.equal((task.pixels(inputs[None]) * 16).flatten().long(), levels)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(
    "text", ["", "a b", "1 2 3 4", "99999", " ".join(["17"] * 64), "nan " * 64, "-1 " * 64]
)
def test_what_is_no_picture_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"held.out|numbers from 0 to 16"):
        make(name).parse(text)


@pytest.mark.parametrize(
    ("name", "text"), [("digits", "17 3"), ("find-digit", "17 3"), ("find-digit", "17 9 0")]
)
def test_a_held_out_picture_has_to_be_named_in_full(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="held-out"):
        make(name).parse(text)


@pytest.mark.parametrize("name", PICTURES)
def test_no_digit_is_on_both_sides_and_targets_are_those_of_the_data(name: str) -> None:
    task = make(name)
    held_out = task.sample_held_out(200, 16, generator())
    assert task.is_held_out(held_out.inputs).all()
    assert torch.equal(task.target(held_out.inputs), held_out.targets)
    assert len(held_out.inputs) == 200
    again = task.sample_held_out(200, 16, generator())
    assert torch.equal(again.inputs, held_out.inputs)
    assert not task.is_held_out(task.sample(200, 16, generator()).inputs).any()


def test_all_that_is_there_is_on_one_side_or_the_other() -> None:
    task = Digits()
    train, test = load()
    assert len(train.labels) + len(test.labels) == task.n_sequences(16) == 1797
    assert len(test.labels) == task.n_held_out(16) == len(task.sample_held_out(1000, 16, generator()).inputs)
    for count, found in ((None, len(train.labels)), (100, 100)):
        [batch] = task.training_set(count, generator())
        assert len(batch.inputs) == found
        assert not task.is_held_out(batch.inputs).any()
    [held_out] = task.held_out_set(99, generator())
    assert len(held_out.inputs) == 99


def test_a_picture_is_distorted_each_time_it_is_learned_from() -> None:
    task = make("digits")
    batch = task.sample_held_out(50, 16, generator())
    once, again = (task.renew(batch, generator(seed)) for seed in (1, 2))
    assert torch.equal(once.targets, batch.targets)
    assert not torch.equal(once.inputs, again.inputs)
    assert once.inputs.min() >= 0
    assert once.inputs.max() <= 1 + 1e-6
    pixels = task.pixels(batch.inputs)
    nearer = (distort(pixels, generator()) - pixels).abs().mean((1, 2))
    assert float(nearer.mean()) < float((pixels.roll(1, 0) - pixels).abs().mean())  # than another digit


def test_a_digit_is_found_wherever_it_stands() -> None:
    task = make("find-digit")
    for row in range(9):
        canvas = torch.zeros(1, 16, 16)
        canvas[0, row : row + 8, 8 - row : 16 - row] = held_out_digit(17)
        inputs = task.patches(canvas)
        inked = canvas[0].nonzero()
        middle = (inked.amin(0) + inked.amax(0)) // 2
        where = int(middle[0]) // 4 * 4 + int(middle[1]) // 4
        assert task.target(inputs).tolist() == [[5, 10 + where]]
        assert task.source(inputs).tolist() == [[where, where]]  # type: ignore[union-attr]
        assert torch.equal(task.parse(f"17 {row} {8 - row}"), inputs[0])


def test_of_a_picture_that_nobody_knows_the_answer_isnt_known() -> None:
    noise = make("digits").draw(4, 16, generator())
    assert (make("digits").target(noise) == IGNORE).all()
    assert not make("digits").is_held_out(noise).any()
    for typed in (torch.zeros(1, 16, 16), torch.full((1, 16, 16), 0.5)):  # without a digit there is no place
        assert make("find-digit").target(typed).tolist() == [[IGNORE, IGNORE]]


def test_without_scikit_learn_a_line_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *words: Any, **others: Any) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("tasks.extras.import_module", refuse)
    load.cache_clear()
    index_digits.cache_clear()
    with pytest.raises(MissingExtraError, match=r"sklearn isn't installed: pip install \"tfcli\[vision\]\""):
        make("digits").sample(1, 16, generator())
    assert make("digits").draw(2, 16, generator()).shape == (2, 16, 4)  # all that it takes to load a run
    typed = make("digits").parse("16 " * 64)
    assert make("digits").target(typed[None]).tolist() == [[IGNORE]]


class Brighter(Task):
    """Which of two numbers is larger, a token each."""

    N_FEATURES = 2
    SYMBOLS = ("pair",)
    ANSWERS = ("first", "second")

    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.rand(count, length, 2, generator=generator)

    def target(self, inputs: Tensor) -> Tensor:
        return (inputs[..., 0] < inputs[..., 1]).long()


class Whole(Brighter):
    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.randint(5, (count, length, 2), generator=generator)


class Endless(Brighter):
    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return super().draw(count, length, generator) / 0


def test_a_task_of_ones_own_may_be_made_of_numbers() -> None:
    task = Brighter()
    for length in (1, 5, 20):
        assert find_problem_of_sequences(task, length) is None
        assert not task.is_held_out(task.sample(50, length, generator()).inputs).any()
        held_out = task.sample_held_out(30, length, generator())
        assert len(held_out.inputs) == 30
        assert task.is_held_out(held_out.inputs).all()


class Same(Brighter):
    def draw(self, count: int, length: int, generator: torch.Generator) -> Tensor:
        return torch.ones(count, length, 2)


class Countless(Brighter):
    N_FEATURES = 0


class Undrawn(Task):
    N_FEATURES = 2

    def target(self, inputs: Tensor) -> Tensor:
        return inputs[..., 0].long()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Whole(), r"must return float32 \[62, 3, 2\], not int64 \[62, 3, 2\]"),
        (Endless(), "finite numbers"),
        (Same(), "one sequence alone, and it takes two"),
        (Countless(), "N_FEATURES must be a whole number from 1 on, not 0"),
        (Undrawn(), r"needs a draw\(\)"),
    ],
)
def test_numbers_that_cant_be_read_are_refused(task: Task, message: str) -> None:
    problem = find_problem_of_sequences(task, 3)
    assert problem is not None
    assert re.search(message, problem)


def test_numbers_are_shown_by_their_place_and_read_by_the_class_alone() -> None:
    task = Brighter()
    assert task.show(torch.zeros(3, 2)) == ["#0", "#1", "#2"]
    with pytest.raises(ValueError, match=r"no parse\(text\)"):
        task.parse("0 1")


@pytest.mark.parametrize("found", [[[0.0, 1.0]], torch.zeros(3), torch.zeros(0, 2), torch.zeros(2, 3)])
def test_what_was_read_has_to_be_numbers_of_the_tokens(found: object) -> None:
    assert "parse() must return float32" in str(find_problem_of_input(Brighter(), found))
    assert find_problem_of_input(Brighter(), torch.zeros(3, 2)) is None
    assert find_problem_of_input(make("digits"), make("digits").parse("17")) is None


def test_more_pictures_than_there_are_cant_be_learned_from(cli: Cli) -> None:
    result = cli("train", "digits", "train.train_samples=100000", expect=2)
    assert "there are 1429 sequences to train on" in result.stderr

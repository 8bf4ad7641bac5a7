"""What a task promises is held against it at every length that is used, before anything is done with it."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tasks import TASKS
from tasks.base import IGNORE, Task
from tasks.contract import (
    find_problem_of_length,
    find_problem_of_sequences,
    lengths_to_draw,
)
from tests.conftest import SMALL, Cli
from tests.models import PICTURES
from tfcli import registry
from tfcli.errors import UsageError


class Same(Task):
    """A task that keeps its promises."""

    def target(self, inputs: Tensor) -> Tensor:
        return inputs


Method = Callable[..., object]


def broken(name: str, method: Method, **attributes: object) -> type[Task]:
    """Return such a task with another method."""
    return type("Broken", (Same,), {name: method, **attributes})


def at(length: int, wrong: Method, right: Method) -> Method:
    """Return a method of a task that is wrong at one length."""
    return lambda self, inputs: (wrong if inputs.shape[1] == length else right)(self, inputs)


def same(self: Task, inputs: Tensor) -> Tensor:
    return inputs


def draw_of(change: Callable[[Tensor, int], object]) -> Method:
    """Return a `draw` that changes what is drawn, by its length."""

    def draw(self: Task, count: int, length: int, generator: torch.Generator) -> object:
        return change(Task.draw(self, count, length, generator), length)

    return draw


def write_into(self: Task, inputs: Tensor) -> Tensor:
    return inputs.sort(dim=1).values if inputs.shape[1] < 4 else inputs.add_(1).remainder_(10)


def remember(self: Task, inputs: Tensor) -> Tensor:
    buffer: Tensor = self.__dict__.setdefault("buffer", torch.zeros(2_000, 20, dtype=torch.int64))
    return buffer[: len(inputs), : inputs.shape[1]].copy_(inputs)


def draw_permutations(self: Task, count: int, length: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, self.vocab_size, generator=generator).argsort(dim=1)[:, :length]


def draw_skewed(self: Task, count: int, length: int, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, length, generator=generator) < 0.001).long()


BROKEN: list[tuple[str, type[Task], str]] = [
    (
        "answer_length",
        broken("answer_length", lambda self, length: 0 if length == 7 else length),
        "length 7: answer_length(7) must return a whole number from 1 on, not 0",
    ),
    (
        "answer_length of a float",
        broken("answer_length", lambda self, length: length / 1),
        "length 1: answer_length(1) must return a whole number from 1 on, not 1.0",
    ),
    (
        "answer_length of how often it was asked",
        broken("answer_length", lambda self, length: next(self.__dict__.setdefault("asked", count(1)))),
        "length 1: answer_length(1) returned 1, and then something else",
    ),
    (
        "answer_length and target",
        broken("answer_length", lambda self, length: length + (length == 13)),
        "length 13: target() must return int64 [72, 14], not int64 [72, 13]",
    ),
    (
        "nearest_length",
        broken("nearest_length", lambda self, length: length - (length == 1)),
        "length 1: nearest_length(1) must return a whole number from 1 on, not 0",
    ),
    (
        "nearest_length of a nearest length",
        broken("nearest_length", lambda self, length: length + 1),
        "length 1: nearest_length(1) returned 2, and nearest_length(2) another, 3",
    ),
    (
        "shape of draw",
        broken("draw", draw_of(lambda drawn, length: drawn[:, :-1] if length == 5 else drawn)),
        "length 5: draw() must return int64 [62, 5], not int64 [62, 4]",
    ),
    (
        "dtype of draw",
        broken("draw", draw_of(lambda drawn, length: drawn.float() if length == 5 else drawn)),
        "length 5: draw() must return int64 [62, 5], not float32 [62, 5]",
    ),
    (
        "ids of draw",
        broken("draw", draw_of(lambda drawn, length: drawn + 1)),
        "length 1: draw() must return ids from 0 to 9, not 1 to 10",
    ),
    (
        "no tensor",
        broken("draw", draw_of(lambda drawn, length: drawn.tolist())),
        "length 1: draw() must return a tensor, int64 [62, 1], not list",
    ),
    (
        "global random numbers",
        broken("draw", lambda self, count, length, generator: torch.randint(10, (count, length))),
        "length 1: draw() gives other sequences for the same generator: draw from the generator it is",
    ),
    (
        "Python's random numbers",
        broken(
            "draw",
            lambda self, count, length, generator: torch.tensor(
                [[random.randrange(10)] * length for _ in range(count)]
            ),
        ),
        "length 1: draw() gives other sequences for the same generator",
    ),
    (
        "a seed of its own",
        broken(
            "draw",
            lambda self, count, length, generator: Task.draw(
                self, count, length, torch.Generator().manual_seed(3)
            ),
        ),
        "length 1: draw() gives the same sequences for every generator",
    ),
    (
        "target writes",
        broken("target", write_into),
        "length 4: target() changes its input: let it work on inputs.clone()",
    ),
    (
        "valid writes",
        broken("valid", lambda self, inputs: inputs.zero_()[:, 0] == 0),
        "length 1: valid() changes its input",
    ),
    (
        "source writes",
        broken("source", lambda self, inputs: inputs.zero_()),
        "length 1: source() changes its input",
    ),
    (
        "target remembers",
        broken("target", remember),
        "length 1: target() changes what it returned before: let it return a new tensor each time",
    ),
    (
        "random targets",
        broken("target", lambda self, inputs: torch.randint_like(inputs, 10)),
        "length 1: target() answers the same input differently",
    ),
    (
        "random targets at one length",
        broken("target", at(9, lambda self, inputs: inputs[:, torch.randperm(9)], same)),
        "length 9: target() answers the same input differently",
    ),
    (
        "targets by the others of a batch",
        broken("target", lambda self, inputs: (inputs + inputs[:1]) % 10),
        "length 1: target() answers the same input differently",
    ),
    (
        "target of the highest symbol alone",
        broken("target", lambda self, inputs: inputs + (inputs.sum(1, keepdim=True) == 9 * 18).long()),
        "length 18: target() must return ids from 0 to 9, not 0 to 10",
    ),
    (
        "target of one short sequence",
        broken(
            "target", lambda self, inputs: inputs + 3 * (inputs == torch.tensor([8])).all(1)[:, None].long()
        ),
        "length 1: target() must return ids from 0 to 9, not 0 to 11",
    ),
    (
        "no answer to one sequence",
        broken("target", lambda self, inputs: inputs.where((inputs > 0).any(1, keepdim=True), IGNORE)),
        "length 1: target() must return an answer to each input, not only -100, as for '0'",
    ),
    (
        "an end before the end",
        broken(
            "target", at(2, lambda self, inputs: inputs.index_fill(1, torch.tensor([0]), IGNORE), same), END=9
        ),
        "length 2: target() must return -100 after the end of an answer alone",
    ),
    (
        "raising at one length",
        broken("target", at(11, lambda self, inputs: inputs[:, 99], same)),
        "length 11: IndexError: index 99 is out of bounds",
    ),
    (
        "valid of one number",
        broken("valid", lambda self, inputs: torch.tensor(True)),
        "length 1: valid() must return bool [62], not bool []",
    ),
    (
        "valid of what draw doesn't give",
        broken("valid", lambda self, inputs: inputs.shape[1] < 5 or inputs[:, 0] > 0),
        "length 1: valid() must return bool [62], not bool",
    ),
    (
        "valid without draw",
        broken("valid", lambda self, inputs: inputs[:, 0] + inputs[:, -1] < 18),
        "length 1: draw() must return [62, 1] of what valid() takes, and it refuses '9'",
    ),
    (
        "valid of all but one, without draw",
        broken(
            "valid",
            lambda self, inputs: (inputs != torch.arange(inputs.shape[1])).any(1) | (inputs.shape[1] != 4),
        ),
        "length 4: draw() gives 10000 sequences, of which valid() takes 9999: define draw(), too",
    ),
    (
        "valid of too much",
        broken("valid", lambda self, inputs: inputs[:, 0] >= 0, draw=draw_permutations),
        "length 2: of 100 sequences that valid() takes, 2000 draws gave 90, and not '",
    ),
    (
        "draw of what is rarely valid",
        broken("valid", lambda self, inputs: inputs[:, 0] >= 0, draw=draw_skewed),
        "length 1: of 10 sequences that valid() takes, 2000 draws gave 2, and not '2': let valid() refuse",
    ),
    (
        "negative likelihood",
        broken("likelihood", lambda self, inputs: inputs[:, 0] - 0.5),
        "length 1: likelihood() must be finite and above 0 for what draw() gives, not -0.5",
    ),
    (
        "no number",
        broken("likelihood", lambda self, inputs: inputs[:, 0] / 0),
        "length 1: likelihood() must be finite and above 0 for what draw() gives, not ",
    ),
    (
        "likelihood of ids",
        broken("likelihood", lambda self, inputs: inputs[:, 0] + 1),
        "length 1: likelihood() must return floats [62], or None, not int64 [62]",
    ),
    (
        "one sequence",
        broken("draw", draw_of(lambda drawn, length: drawn * (length > 1))),
        "length 1: there is only 1 sequence, and it takes two, one to train on and one to hold out",
    ),
    (
        "no sequence",
        broken("valid", lambda self, inputs: inputs[:, 0] < 0),
        "length 1: draw() must return [62, 1] of what valid() takes, and it refuses '",
    ),
]


@pytest.mark.parametrize(("cls", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_breaks_a_promise_is_named_with_task_and_length(cls: type[Task], message: str) -> None:
    before = torch.get_rng_state()
    with pytest.raises(UsageError) as caught:
        registry.check_task(cls(), "mine.py:Broken", range(1, 21))
    said = str(caught.value)
    assert said.startswith("task mine.py:Broken, length ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert torch.equal(torch.get_rng_state(), before), "the weights of a seed don't depend on what is tried"


def test_a_task_that_keeps_its_promises_is_taken() -> None:
    for vocab_size, longest in ((10, 20), (2, 20), (300, 1500)):
        task = Same(vocab_size=vocab_size, max_length=longest)
        registry.check_task(task, "mine.py:Same", range(1, longest + 1))


# Of the pictures that are drawn to try a model nobody knows the answer.
@pytest.mark.parametrize("name", [name for name in TASKS if name not in PICTURES])
def test_what_is_built_in_keeps_its_promises_at_every_length(name: str) -> None:
    """So that nobody who trains on one has to wait for this."""
    module, _, cls = TASKS[name].partition(":")
    task = getattr(import_module(f"tasks.{module}"), cls)()
    lengths = [*range(1, 31), 41, 100]
    for length in lengths:
        assert find_problem_of_length(task, length) is None
    for length in {task.nearest_length(length) for length in lengths}:
        assert find_problem_of_sequences(task, length) is None


def test_of_many_lengths_the_short_ones_and_both_ends_are_drawn_from() -> None:
    found = lengths_to_draw(range(3, 100_001))
    assert found[:14] == list(range(3, 17))
    assert (found[14], found[-1]) == (17, 100_000)
    assert len(found) == 14 + 12
    assert lengths_to_draw([5, 3, 5]) == [3, 5]


BEYOND = """
from tfcli import Task

class Beyond(Task):
    def target(self, inputs):
        return inputs + (inputs.shape[1] == 9) * 7

class Uneven(Task):
    def answer_length(self, length):
        return length + (length == 3)

    def target(self, inputs):
        return inputs[:, [*range(inputs.shape[1])] + [0] * (inputs.shape[1] == 3)]
"""


def test_lengths_beyond_the_trained_ones_are_tried_when_they_are_used(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(BEYOND)
    cli("train", "copy", "task.name=mine.py:Beyond", *SMALL, "train.steps=1", "-q")
    cli("eval", "--lengths", "1:8", "--samples", "3")
    bench = ["bench", "copy", "task.name=mine.py:Beyond", "task.vocab_size=4", "task.max_length=5"]
    for words in (["eval"], bench):
        said = cli(*words, "--lengths", "8,9", expect=2).stderr
        assert "mine.py:Beyond, length 9: target() must return ids from 0 to 3, not 7 to 10" in said
        assert len(said.splitlines()) == 1


def test_an_answer_of_another_length_than_the_tokens_is_found_at_any_length(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(BEYOND)
    said = cli("train", "copy", "task.name=mine.py:Uneven", *SMALL, "-q", expect=2).stderr
    assert "Uneven has no answer for each token of the input: 4 for 3; set task.layout=appended" in said
    assert not (folder / "runs").exists()

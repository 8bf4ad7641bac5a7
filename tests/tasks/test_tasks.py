"""Tasks: targets, sampling, and a held-out split that training can't touch."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tasks import TASKS
from tasks.base import FEW, IGNORE, Task
from tasks.splitting import PRIME, all_sequences, first_of_each, sequence_hash
from tests.models import PICTURES, layout_of
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig

NAMES = [name for name in TASKS if name not in PICTURES]


def make(name: str, **options: object) -> Task:
    return build_task(TaskConfig.model_validate({"name": name, "layout": layout_of(name), **options}))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "answer"), [("copy", [3, 1, 2, 1]), ("reverse", [1, 2, 1, 3]), ("sort", [1, 1, 2, 3])]
)
def test_target_is_what_the_name_says(name: str, answer: list[int]) -> None:
    assert make(name).target(torch.tensor([[3, 1, 2, 1]])).tolist() == [answer]


def test_sorted_output_is_an_ordered_permutation() -> None:
    inputs, targets, _ = make("sort").sample(64, 12, generator())
    assert (targets.diff() >= 0).all()
    counts = [torch.nn.functional.one_hot(ids, 10).sum(1) for ids in (inputs, targets)]
    assert torch.equal(*counts)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [1, 2, 7, 20])
def test_training_never_touches_the_held_out_side(name: str, length: int) -> None:
    task = make(name)
    batch = task.sample(500, length, generator())
    learned_from = (batch.targets != IGNORE).any(dim=1)
    assert not task.is_held_out(batch.inputs[learned_from]).any()
    assert learned_from.all()
    held_out = task.sample_held_out(500, length, generator())
    assert len(held_out.inputs) > 0
    assert task.is_held_out(held_out.inputs).all()
    for side in (batch, held_out):
        rows = (side.targets != IGNORE).any(dim=1)
        assert torch.equal(side.targets[rows], task.target(side.inputs[rows]))


def test_rows_that_had_to_be_taken_from_the_held_out_side_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = make("copy")
    held_out = task.sample_held_out(300, 9, generator()).inputs
    monkeypatch.setattr(task, "draw", lambda count, length, generator: held_out[:count])
    assert (task.sample(200, 9, generator()).targets == IGNORE).all()


@pytest.mark.parametrize("batch_size", [1, 200])
def test_a_batch_of_few_sequences_has_something_to_learn_in_every_row(batch_size: int) -> None:
    task = make("copy", vocab_size=2)  # one of the two sequences of length 1 is held out
    for seed in range(20):
        inputs, targets, _ = task.sample(batch_size, 1, generator(seed))
        assert torch.equal(inputs, targets)
        assert not task.is_held_out(inputs).any()


@pytest.mark.parametrize(("vocab_size", "length"), [(2, 1), (2, 3), (3, 6), (10, 1), (10, 4)])
def test_few_sequences_are_split_with_something_on_both_sides(vocab_size: int, length: int) -> None:
    task = make("sort", vocab_size=vocab_size)
    everything = all_sequences(vocab_size, length)
    assert len(set(map(tuple, everything.tolist()))) == vocab_size**length == task.n_sequences(length)
    held_out = int(task.is_held_out(everything).sum())
    assert held_out == task.n_held_out(length)
    assert held_out == max(1, len(everything) // 10)
    sampled = task.sample_held_out(FEW, length, generator()).inputs
    assert len(sampled) == len(set(map(tuple, sampled.tolist()))) == held_out


@pytest.mark.parametrize(
    ("name", "length"), [("bracketed-arithmetic", 7), ("missing-duplicate", 12), ("modular-arithmetic", 5)]
)
def test_held_out_sequences_of_a_form_are_scored_once_each(name: str, length: int) -> None:
    """These have too many to be listed and too few to be drawn without meeting some again."""
    task = make(name)
    assert task.n_held_out(length) is None
    inputs = task.sample_held_out(500, length, generator()).inputs
    assert len(set(map(tuple, inputs.tolist()))) == len(inputs)
    assert 10 < len(inputs) < 500
    assert task.is_held_out(inputs).all()


def test_about_a_tenth_is_held_out_where_there_are_many() -> None:
    task = make("copy")
    drawn = torch.randint(10, (20_000, 12), generator=generator())
    assert task.is_held_out(drawn).float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert task.n_held_out(12) is None


def test_rows_that_stood_before_are_left_out_and_the_others_keep_their_order() -> None:
    rows = torch.tensor([[3, 1], [2, 2], [3, 1], [0, 5], [2, 2], [1, 1]])
    assert first_of_each(rows).tolist() == [[3, 1], [2, 2], [0, 5], [1, 1]]


def test_the_hash_is_the_polynomial_it_claims_to_be() -> None:
    row = [4, 0, 9, 9, 1]
    h = sum((token + 1) * pow(16807, i + 1, PRIME) for i, token in enumerate(row)) % PRIME
    assert sequence_hash(torch.tensor([row])).tolist() == [h * h % PRIME * 16807 % PRIME]


def test_the_split_is_the_same_in_another_process() -> None:
    code = (
        "import torch; from tasks.reversing import Reversing;"
        "x = torch.randint(10, (200, 9), generator=torch.Generator().manual_seed(5));"
        "print(Reversing().is_held_out(x).int().tolist())"
    )
    drawn = torch.randint(10, (200, 9), generator=generator(5))
    here = make("reverse").is_held_out(drawn).int().tolist()
    for salt in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": salt, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == str(here)


def test_the_same_seed_draws_the_same_batches() -> None:
    first, second = (make("sort").sample(8, 6, generator(3)) for _ in range(2))
    assert torch.equal(first.inputs, second.inputs)
    assert not torch.equal(first.inputs, make("sort").sample(8, 6, generator(4)).inputs)


def test_symbols_are_read_with_and_without_spaces() -> None:
    digits = make("copy")
    assert digits.encode("7 1 4") == digits.encode("714") == [7, 1, 4]
    words = make("copy", symbols=["我", "喜欢", "吃", "苹果"])
    assert words.encode("我 喜欢  吃 苹果") == [0, 1, 2, 3]
    assert words.decode([3, 0]) == ["苹果", "我"]


@pytest.mark.parametrize(
    ("text", "message"), [("", "empty"), ("  ", "empty"), ("7 x", "'x'"), ("7a", "'7a'"), ("10", None)]
)
def test_what_is_no_symbol_is_named(text: str, message: str | None) -> None:
    if message is None:
        assert make("copy").encode(text) == [1, 0]
    else:
        with pytest.raises(ValueError, match=message):
            make("copy").encode(text)


def test_a_task_rejects_what_does_not_fit_together() -> None:
    cls = type(make("copy"))
    with pytest.raises(ValueError, match="symbols"):
        cls(vocab_size=3, symbols=["a", "b"])
    with pytest.raises(ValueError, match="lengths"):
        cls(min_length=5, max_length=4)

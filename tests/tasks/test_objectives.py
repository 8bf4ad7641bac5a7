"""Objectives over the inputs of a task: the next symbol, hidden symbols."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.base import IGNORE, Task
from tests.conftest import Cli
from tfcli.building.models import build_task
from tfcli.config.schema import RunConfig
from tfcli.config.task_section import TaskConfig
from tfcli.errors import UsageError


def task_of(**settings: object) -> Task:
    return build_task(TaskConfig.model_validate({"name": "copy", **settings}))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("side", ["sample", "sample_held_out"])
def test_each_token_answers_with_the_next(side: str) -> None:
    task = task_of(objective="next")
    batch = getattr(task, side)(30, 7, generator())
    assert torch.equal(batch.targets[:, :-1], batch.inputs[:, 1:])
    assert (batch.targets[:, -1] == IGNORE).all()
    assert task.is_held_out(batch.inputs).all() == (side == "sample_held_out")


def test_a_symbol_that_stands_alone_is_not_learned_from() -> None:
    task = task_of(objective="next", min_length=1, max_length=3, vocab_size=4)
    found = task.training_set(45, generator()) or []
    assert sum(len(batch.inputs) for batch in found) == 45
    assert all((batch.targets != IGNORE).any(1).all() for batch in found)


NEXT = ["task.layout=next", "model.mask=causal", "model.positions=rotary", "model.d_model=8"]


def test_a_file_with_symbols_that_stand_alone_is_learned_from(cli: Cli, folder: Path) -> None:
    (folder / "pairs.csv").write_text("".join(f"{x},a\n{x} {y},a\n" for x in "bcdefgh" for y in "bcdef"))
    cli("train", "pairs.csv", *NEXT, "train.steps=20", "train.batch_size=1", "--out", "out")


def test_a_file_of_such_symbols_alone_is_refused(cli: Cli, folder: Path) -> None:
    (folder / "pairs.csv").write_text("".join(f"{x},a\n" for x in "bcdefghijklmnopqrst"))
    result = cli("train", "pairs.csv", *NEXT, "--out", "out", expect=2)
    assert "no input to learn from has two symbols" in result.stderr


@pytest.mark.parametrize("side", ["sample", "sample_held_out"])
def test_hidden_symbols_are_to_be_restored(side: str) -> None:
    task = task_of(objective="masked", hidden_share=0.3)
    copy = task_of()
    batch = getattr(task, side)(500, 7, generator())
    hidden = batch.inputs == task.vocab_size - 1
    assert task.symbols[-1] == "[MASK]"
    assert torch.equal(hidden, batch.targets != IGNORE)
    assert hidden.any(1).all()
    assert 0.25 < hidden.float().mean() < 0.4
    whole = torch.where(hidden, batch.targets, batch.inputs)
    assert copy.is_held_out(whole).all() == (side == "sample_held_out")


def test_the_same_sequence_is_hidden_elsewhere_another_time() -> None:
    task = task_of(objective="masked")
    [batch] = [b for b in task.training_set(50, generator()) or [] if b.inputs.shape[1] == 9][:1]
    first, second = (task.renew(batch, generator(seed)) for seed in (0, 1))
    assert not torch.equal(first.inputs, second.inputs)
    assert torch.equal(task.renew(batch, generator(0)).inputs, first.inputs)


def test_what_fills_up_is_never_hidden() -> None:
    task = task_of(objective="masked", hidden_share=0.9)
    inputs = torch.zeros(4, 6, dtype=torch.int64)
    may_attend = torch.arange(6) < torch.tensor([[6], [2], [1], [3]])
    batch = task.training_set(4, generator())
    assert batch is not None
    found = task.renew(batch[0]._replace(inputs=inputs, targets=inputs, may_attend=may_attend), generator())
    assert ((found.targets != IGNORE) <= may_attend).all()
    assert (found.inputs[~may_attend] == 0).all()


def test_what_is_typed_with_a_mask_is_shown_filled_in() -> None:
    task = task_of(objective="masked")
    inputs = torch.tensor(task.encode("3 [MASK] 2"))
    assert task.decode_answer(task.fill(inputs, torch.tensor([9, 8, 7])).tolist()) == ["3", "8", "2"]


MODEL = {"mask": "causal", "positions": "rotary"}


@pytest.mark.parametrize(
    ("task", "model", "problem"),
    [
        ({"layout": "next"}, {"positions": "rotary"}, "needs model.mask causal"),
        ({"layout": "next"}, {"mask": "causal"}, "ends count from the end"),
        ({"layout": "next"}, {**MODEL, "indices": "randomized"}, "needs consecutive indices"),
        ({"layout": "next", "objective": "answer"}, MODEL, "doesn't go with layout next"),
        ({"layout": "appended", "objective": "next"}, MODEL, "doesn't go with layout appended"),
        ({"layout": "appended", "objective": "masked"}, {}, "is answered in its place"),
    ],
)
def test_what_doesn_t_go_together_is_refused(
    task: dict[str, str], model: dict[str, str], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        RunConfig.model_validate({"task": {"name": "copy", **task}, "model": model})


@pytest.mark.parametrize("one", ["layout", "objective"])
def test_next_is_both(one: str) -> None:
    task = RunConfig.model_validate({"task": {"name": "copy", one: "next"}, "model": MODEL}).task
    assert (task.layout, task.objective) == ("next", "next")


@pytest.mark.parametrize("layout", ["aligned", "appended"])
def test_a_task_about_the_next_symbol_needs_that_layout(layout: str) -> None:
    with pytest.raises(
        UsageError, match=r"in induction, each token answers with what comes next.*layout=next"
    ):
        task_of(name="induction", layout=layout)

"""A stack: each of its trainings comes to what it comes to alone, up to rounding, whatever its parts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models import ALL
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare
from tfcli.errors import StoppedError
from tfcli.evaluation import held_out_set, score
from tfcli.model import POSITIONS
from tfcli.training import OPTIMIZERS, SCHEDULES
from tfcli.training.agreement import find_disagreement
from tfcli.training.filling import share_out
from tfcli.training.loop import Trainer
from tfcli.training.stack import Place, Stack

SEEDS, STEPS = 3, 4


def settings(**sections: dict[str, Any]) -> RunConfig:
    """Return settings of small trainings; sequences have lengths 1 to 6."""
    task = {"name": "reverse", "vocab_size": 4, "max_length": 6, **sections.pop("task", {})}
    model = {"d_model": 16, "n_heads": 2, "d_ff": 24, **sections.pop("model", {})}
    train = {"steps": 50, "batch_size": 8, "learning_rate": 1e-3, "warmup_steps": 2, "threads": 1}
    train |= {"seeds": SEEDS, **sections.pop("train", {})}
    return RunConfig.model_validate({"task": task, "model": model, "train": train})


def make_trainers(config: RunConfig) -> list[Trainer]:
    """Return a trainer for each seed, at its start."""
    trainers = []
    for one in config.each_seed():
        prepare(one.train)
        task, model = build_for_training(one)
        trainers.append(Training(model, task, one).trainer)
    return trainers


def train(trainers: Sequence[Trainer], first: int = 1, last: int = STEPS) -> Tensor:
    """Take steps, and return the losses [step, trainer]."""
    return torch.stack(
        [torch.stack([trainer.take(step) for trainer in trainers]) for step in range(first, last + 1)]
    )


def answers(trainer: Trainer) -> Tensor:
    """Return the logits of a model for some sequences."""
    inputs = torch.arange(24).view(4, 6) % 4
    with torch.no_grad():
        logits: Tensor = trainer.model.eval()(inputs)
    return logits


def compare(config: RunConfig, by_vmap: bool = False) -> None:
    """Hold trainings in a stack against the same ones alone."""
    alone, stacked = make_trainers(config), make_trainers(config)
    stack = Stack(stacked)
    assert stack.models.by_vmap == by_vmap
    assert find_disagreement(stack) is None
    torch.testing.assert_close(train(stacked), train(alone), rtol=1e-4, atol=1e-5)
    for one, other in zip(stacked, alone, strict=True):
        torch.testing.assert_close(answers(one), answers(other), rtol=1e-3, atol=1e-3)
        assert one.tokens_trained == other.tokens_trained
        assert one.tensors().keys() == other.tensors().keys()
        for name in ("random.sequences", "random.lengths", "optimizer.steps"):
            assert torch.equal(one.tensors()[name], other.tensors()[name])


@pytest.mark.parametrize("model", ALL, ids=str)
def test_all_parts_learn_in_a_stack_what_they_learn_alone(model: dict[str, Any]) -> None:
    compare(settings(model=model))


@pytest.mark.parametrize("model", [{}, *({"positions": name} for name in POSITIONS)], ids=str)
def test_parts_beside_own_ones_are_brought_through_by_vmap(
    model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfcli.model.stacked.takes_several", lambda part: False)
    compare(settings(model={**model, "norm": "rms", "loops": 2}), by_vmap=True)


def test_pictures_are_learned_in_a_stack() -> None:
    task = {
        "name": "find-digit",
        "vocab_size": None,
        "max_length": 16,
        "min_length": 16,
        "layout": "appended",
    }
    config = settings(task=task, model={"input": "patches"})
    alone, stacked = make_trainers(config), make_trainers(config)
    stack = Stack(stacked)
    assert not stack.models.by_vmap
    assert find_disagreement(stack) is None  # answers, too
    torch.testing.assert_close(train(stacked), train(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("train", [{"optimizer": name} for name in OPTIMIZERS], ids=str)
@pytest.mark.parametrize("more", [{}, {"freeze": ["embedding"], "layer_decay": 0.5}], ids=str)
def test_all_optimizers_move_a_stack_as_one_model(train: dict[str, Any], more: dict[str, Any]) -> None:
    compare(settings(train={**train, **more, "clip_norm": 0.1, "weight_decay": 0.3}))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_stack_keeps_to_the_schedule(schedule: str) -> None:
    compare(settings(train={"schedule": schedule}))


LAYOUTS = [{"layout": "appended"}, {"layout": "next"}, {"min_length": 6}, {"objective": "masked"}]


@pytest.mark.parametrize("positions", ["rotary", "rank", "level", "landmark", "ends"])
@pytest.mark.parametrize("task", LAYOUTS, ids=str)
def test_layouts_are_kept_in_a_stack(task: dict[str, Any], positions: str) -> None:
    causal = task.get("layout") == "next"
    if causal and positions in ("landmark", "ends"):
        pytest.skip("they count from the end")
    model = {"positions": positions, "mask": "causal" if causal else "none", "begin_token": not causal}
    compare(settings(task=task, model=model))


def test_batches_of_several_lengths_are_filled_up_together() -> None:
    compare(settings(train={"train_samples": 45}))  # and the last of an epoch has fewer sequences


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("more", [{}, {"train_samples": 45}], ids=str)
def test_batches_of_about_one_length_go_through_by_themselves(
    positions: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if positions == "rank" and more:
        pytest.skip("such batches can't be filled up")
    monkeypatch.setattr("tfcli.training.stack.GROUP", 0.0)
    groups: list[int] = []

    def note(lengths: Sequence[int], price: float, share_out: Any = share_out) -> list[list[int]]:
        found: list[list[int]] = share_out(lengths, price)
        groups.append(len(found))
        assert len(found) == len(set(lengths))
        return found

    monkeypatch.setattr("tfcli.training.stack.share_out", note)
    compare(settings(model={"positions": positions}, train={**more, "freeze": ["norm"]}))
    assert max(groups) > 1


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ({}, {}),
        ({"positions": "rotary", "dropout": 0.0}, {"layout": "appended"}),
        ({"positions": "alibi", "tie_embeddings": True}, {"name": "sort"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("at_once", [2**15, 60], ids=["one pass", "several passes"])
def test_models_are_scored_together_as_alone(
    model: dict[str, Any], task: dict[str, Any], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(model=model, task=task)
    alone, stacked = make_trainers(config), make_trainers(config)
    stack = Stack(stacked)
    train(alone)
    train(stacked)
    batches = held_out_set(alone[0].task, 200, torch.device("cpu"))
    expected = [score(trainer.model, batches) for trainer in alone]
    monkeypatch.setattr("tfcli.evaluation.TOKENS_A_PASS", at_once)
    for trainer, one in zip(stacked, expected, strict=True):
        found = Place(stack, trainer).score(batches)
        assert (found.samples, found.exact_match) == (one.samples, one.exact_match)
        assert found.token_accuracy == pytest.approx(one.token_accuracy)
        assert found.loss == pytest.approx(one.loss, rel=1e-4)
    assert len({one.loss for one in expected}) == len(expected)


def test_each_step_is_scored_anew_and_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trainers = make_trainers(settings())
    stack = Stack(trainers)
    batches = held_out_set(trainers[0].task, 50, torch.device("cpu"))
    passes: list[bool] = []

    def run(*inputs: Any, same: bool = False, run: Any = stack.models.run) -> Any:
        passes.append(same)
        return run(*inputs, same=same)

    monkeypatch.setattr(stack.models, "run", run)
    losses = []
    for step in (1, 2):
        train(trainers, step, step)
        losses.append([stack.score(trainer, batches).loss for trainer in trainers])
        assert passes == [False, *[True] * len(batches)] * step
    assert losses[0] != losses[1]


def test_an_evaluation_that_is_stopped_is_made_up_for() -> None:
    trainers = make_trainers(settings())
    stack = Stack(trainers)
    batches = held_out_set(trainers[0].task, 50, torch.device("cpu"))

    def stop(answered: int) -> None:
        raise StoppedError

    train(trainers, 1, 1)
    for trainer in trainers:
        with pytest.raises(StoppedError):
            stack.score(trainer, batches, stop)
    assert stack.models.base.training
    assert stack.score(trainers[1], batches).samples == 50


def test_the_threads_of_a_stack_fit_those_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    trainers = make_trainers(settings())
    monkeypatch.setattr("tfcli.training.stack.THREADS.set", given.append)
    stack = Stack(trainers, lambda n_models: 10 * n_models)
    train(trainers, 1, 1)
    stack.drop(trainers[0])
    trainers[1].take(2)
    assert given == [30, 20]


def test_whoever_leaves_a_stack_stays_as_it_is() -> None:
    alone, stacked = make_trainers(settings()), make_trainers(settings())
    stack = Stack(stacked)
    train(stacked)
    stack.drop(stacked[1])
    left = answers(stacked[1])
    rest = [stacked[0], stacked[2]]
    later = train(rest, STEPS + 1, 2 * STEPS)
    assert torch.equal(answers(stacked[1]), left)
    train(alone)
    expected = train([alone[0], alone[2]], STEPS + 1, 2 * STEPS)
    torch.testing.assert_close(later, expected, rtol=1e-4, atol=1e-5)
    assert len(stack.optimizer.values) == 2


def test_a_model_that_breaks_down_harms_no_other() -> None:
    alone, stacked = make_trainers(settings()), make_trainers(settings())
    Stack(stacked)
    with torch.no_grad():
        next(stacked[1].model.parameters()).fill_(torch.nan)
    losses = train(stacked)
    assert losses[:, 1].isnan().all()
    torch.testing.assert_close(losses[:, [0, 2]], train(alone)[:, [0, 2]], rtol=1e-4, atol=1e-5)


def test_the_shares_of_the_time_add_up_to_all_of_it() -> None:
    stacked = make_trainers(settings())
    stack = Stack(stacked)
    before = stack.counted_at
    train(stacked)
    stack.drop(stacked[0])
    train(stacked[1:], STEPS + 1, 2 * STEPS)
    shares = [stack.clock(trainer) for trainer in stacked[1:]] + [stack.seconds[id(stacked[0])]]
    assert sum(stack.seconds.values()) == pytest.approx(stack.counted_at - before)
    assert min(shares) == shares[2] > 0


PARTS = '''
import torch
import tfcli


class BatchNorm(tfcli.Norm):
    """Of all vectors of a batch together: padding counts."""

    def forward(self, x):
        return x / x.square().mean().sqrt()


class Branching(tfcli.Norm):
    """Looks at a value, and does one thing or another."""

    def forward(self, x):
        return x if x.sum() > 0 else 2 * x


class Noisy(tfcli.Norm):
    """Draws random numbers."""

    def forward(self, x):
        return x + torch.randn_like(x)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class OwnGradient(tfcli.Norm):
    """Has a gradient of its own, written for one model."""

    def forward(self, x):
        return Doubled.apply(x)


class Hesitant(tfcli.Norm):
    """Looks at values, but not while it learns."""

    def forward(self, x):
        return x if self.training or x.sum() > 0 else 2 * x


class Scaled(tfcli.Norm):
    """As large as the square root of d_model."""

    def forward(self, x):
        return x / x.norm(dim=-1, keepdim=True) * 4
'''


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("BatchNorm", "a part gives something else"),
        ("Branching", "a part can't go through for several models at once"),
        ("Noisy", "a part can't go through for several models at once"),
        ("OwnGradient", "a part can't go through for several models at once"),
        ("Hesitant", "a part can't go through for several models at once"),
        ("Scaled", None),
    ],
)
def test_own_parts_are_tried(name: str, problem: str | None, tmp_path: Any) -> None:
    (tmp_path / "parts.py").write_text(PARTS)
    stack = Stack(make_trainers(settings(model={"norm": f"{tmp_path}/parts.py:{name}"})))
    assert stack.models.by_vmap
    before = torch.get_rng_state()
    found = find_disagreement(stack)
    assert torch.equal(torch.get_rng_state(), before)
    assert found is None if problem is None else problem in str(found)


MASK = """
import tfcli


class Even(tfcli.Mask):
    def allows(self, query, key):
        return (query[:, :] - key) % 2 == 0
"""


@pytest.mark.parametrize("positions", POSITIONS)
def test_an_own_mask_goes_through_by_vmap(positions: str, tmp_path: Any) -> None:
    (tmp_path / "parts.py").write_text(MASK)
    compare(settings(model={"mask": f"{tmp_path}/parts.py:Even", "positions": positions}), by_vmap=True)


def test_padding_has_no_say_in_how_soft_ranks_are_compared() -> None:
    config = settings(
        task={"name": "sort"},
        model={"positions": {"name": "rank", "gate": (20.0, 20.0)}},
        train={"steps": 8, "learning_rate": 1e-2, "optimizer": "sgd"},
    )
    alone, stacked = make_trainers(config), make_trainers(config)
    Stack(stacked)
    torch.testing.assert_close(train(stacked, 1, 8), train(alone, 1, 8), rtol=1e-5, atol=1e-6)
    mixed = settings(model={"positions": "rank"}, train={"train_samples": 45})
    assert "rank positions" in str(find_disagreement(Stack(make_trainers(mixed))))

"""Training: it learns, it repeats itself to the bit, and it says when it fails."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tasks.base import Task
from tests.conftest import invoke
from tfcli.building.models import build_model, build_task
from tfcli.building.trainings import Training, build_schedule
from tfcli.config.schema import RunConfig
from tfcli.config.train_section import TrainConfig
from tfcli.devices import Threads, choose_device, few_threads, prepare, threads_together, with_threads
from tfcli.errors import DivergedError, UsageError
from tfcli.evaluation import held_out_set
from tfcli.model.encoder import Encoder
from tfcli.model.positions.base import SHARP_AT, sharpness
from tfcli.records.progress import Progress
from tfcli.training import OPTIMIZERS
from tfcli.training.loop import mean_loss
from tfcli.training.monitor import monitor
from tfcli.training.optimizers import AdamW

SMALL = {"d_model": 16, "n_heads": 2}
ROTARY = {**SMALL, "positions": "rotary"}


def config(**sections: dict[str, Any]) -> RunConfig:
    small = {
        "task": {"name": "reverse", "vocab_size": 4, "max_length": 4},
        "model": SMALL,
    }
    training = {"steps": 12, "batch_size": 16, "eval_every": 5, "threads": 1, **sections.pop("train", {})}
    return RunConfig.model_validate({**small, **sections, "train": training})


def trained(settings: RunConfig) -> Encoder:
    prepare(settings.train)
    task = build_task(settings.task)
    model = build_model(settings, task)
    for attempt in Training(model, task, settings):
        list(attempt.records)
    return model


def watch(model: Encoder, task: Task, settings: RunConfig) -> Iterator[Progress]:
    held_out = held_out_set(task, settings.train.eval_samples, torch.device("cpu"))
    return monitor(Training(model, task, settings), model, held_out)


def weights(model: Encoder) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("task", ["copy", "reverse", "sort"])
def test_it_learns(task: str) -> None:
    positions = "rank" if task == "sort" else "ends"
    settings = config(
        task={"name": task, "vocab_size": 4, "max_length": 5},
        model={"d_model": 32, "n_layers": 1, "positions": positions},
        train={"steps": 300, "eval_every": 25, "learning_rate": 1e-2, "batch_size": 32},
    )
    prepare(settings.train)
    built = build_task(settings.task)
    records = list(watch(build_model(settings, built), built, settings))
    assert records[-1].score is not None
    assert records[-1].score.exact_match == 1.0
    losses = [record.loss for record in records if record.fresh]
    assert losses[-1] is not None
    assert losses[0] is not None
    assert losses[-1] < 0.1 * losses[0]


def test_sharpness_grows_by_equal_factors_and_then_stays() -> None:
    reached = round(SHARP_AT * 100)
    found = [sharpness(step / 100, (0.1, 10.0)) for step in range(101)]
    assert found[0] == pytest.approx(0.1)
    ratios = [after / before for before, after in pairwise(found[: reached + 1])]
    assert ratios == pytest.approx([ratios[0]] * reached)
    assert found[reached:] == pytest.approx([10.0] * (101 - reached))


@pytest.mark.parametrize("positions", ["ends", "rank", "learned"])
def test_the_same_seed_gives_the_same_weights_to_the_bit(positions: str) -> None:
    model = {"d_model": 16, "n_heads": 2, "positions": positions, "dropout": 0.1}
    first, again = (weights(trained(config(model=model))) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, weights(trained(config(model=model, train={"seed": 1}))))


def test_looking_at_the_held_out_set_changes_nothing() -> None:
    dropout = {"d_model": 16, "n_heads": 2, "dropout": 0.1}
    seldom = config(model=dropout, train={"eval_every": 12})
    often = config(model=dropout, train={"eval_every": 1})
    models = []
    for settings in (seldom, often):
        prepare(settings.train)
        task = build_task(settings.task)
        models.append(build_model(settings, task))
        for _ in watch(models[-1], task, settings):
            pass
    assert torch.equal(*map(weights, models))


def test_another_process_gives_the_same_weights(tmp_path: Path) -> None:
    saved = []
    words = ["train", "reverse", "train.steps=10", "train.threads=1", "--seed", "7", "-q", "--out"]
    invoke(*words, str(tmp_path / "a"))
    command = [sys.executable, "-m", "tfcli", *words, str(tmp_path / "b")]
    subprocess.run(command, check=True, capture_output=True)
    for name in ("a", "b"):
        header, tensors = split_checkpoint(tmp_path / name / "model.safetensors")
        assert b'"seed\\":7' in header
        saved.append(tensors)
    assert saved[0] == saved[1]


def split_checkpoint(path: Path) -> tuple[bytes, bytes]:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return data[8 : 8 + length], data[8 + length :]


def test_a_loss_is_read_every_few_steps_and_at_the_end() -> None:
    settings = config()
    prepare(settings.train)
    task = build_task(settings.task)
    [attempt] = Training(build_model(settings, task), task, settings)
    records = list(attempt.records)
    assert [record.step for record in records if record.loss is not None] == [5, 10, 12]
    assert [record.step for record in records] == list(range(1, 13))


def test_nothing_runs_before_it_is_asked_for() -> None:
    settings = config()
    prepare(settings.train)
    task = build_task(settings.task)
    model = build_model(settings, task)
    before = weights(model)
    [attempt] = Training(model, task, settings)
    assert torch.equal(weights(model), before)
    list(islice(attempt.records, 1))
    assert not torch.equal(weights(model), before)


def test_an_attempt_that_fails_is_followed_by_one_from_new_weights() -> None:
    settings = config(train={"attempts": 3, "steps": 20, "seed": 7})
    shares = settings.train.split()
    assert [share.steps for share in shares] == [6, 7, 7]
    assert len({share.seed for share in shares}) == 3
    assert [share.steps for share in config(train={"attempts": 3, "steps": 2}).train.split()] == [1, 1]
    prepare(settings.train)
    task = build_task(settings.task)
    model = build_model(settings, task)
    records = list(watch(model, task, settings))
    assert [(r.step, r.steps, r.attempt) for r in records[::5]] == [
        (1, 6, 1),
        (6, 6, 1),
        (11, 13, 2),
        (16, 20, 3),
    ]
    assert [r.tokens for r in records] == sorted(r.tokens for r in records)
    alone = trained(settings.model_copy(update={"train": shares[2]}))
    assert torch.equal(weights(model), weights(alone))


def test_an_attempt_that_solves_the_task_is_the_last() -> None:
    settings = config(
        model={"d_model": 32},
        train={"attempts": 2, "steps": 400, "batch_size": 64, "learning_rate": 1e-2, "eval_every": 25},
    )
    prepare(settings.train)
    task = build_task(settings.task)
    last = list(watch(build_model(settings, task), task, settings))[-1]
    assert (last.solved, last.step, last.attempt) == (True, 200, 1)


def test_a_diverged_loss_names_its_step() -> None:
    losses = [torch.tensor(value) for value in (1.0, math.inf, math.nan)]
    with pytest.raises(DivergedError, match=r"became inf at step 9; try a smaller train\.learning_rate"):
        mean_loss(losses, last_step=10)
    assert mean_loss(losses[:1] * 2, last_step=10) == 1.0


def test_training_stops_when_it_diverges() -> None:
    settings = config(train={"learning_rate": 1e30, "warmup_steps": 0})
    with pytest.raises(DivergedError, match=r"at step \d+;"):
        trained(settings)


def test_the_learning_rate_rises_then_falls() -> None:
    settings = TrainConfig(steps=110, warmup_steps=10, learning_rate=2.0)
    rates = [build_schedule(settings).rate(step) for step in range(1, 111)]
    assert rates[:10] == pytest.approx([0.2 * step for step in range(1, 11)])
    assert rates[59] == pytest.approx(1.0)  # half way down
    assert rates[-1] == pytest.approx(0.0)
    assert rates[9:] == sorted(rates[9:], reverse=True)


@pytest.mark.parametrize(
    ("schedule", "half_way", "last"),
    [
        ("constant", 2.0, 2.0),
        ("linear", 1.0, 0.0),
        ({"name": "linear", "final": 0.5}, 1.5, 1.0),
        ({"name": "cosine", "final": 0.5}, 1.5, 1.0),
    ],
)
def test_the_learning_rate_falls_as_the_schedule_says(schedule: object, half_way: float, last: float) -> None:
    values = {"steps": 110, "warmup_steps": 10, "learning_rate": 2.0, "schedule": schedule}
    built = build_schedule(TrainConfig.model_validate(values))
    assert [built.rate(step) for step in (10, 60, 110)] == pytest.approx([2.0, half_way, last])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_biases_of_keys_that_do_nothing_stay(optimizer: str) -> None:
    """Their gradient is rounding, of which Adam would make steps of full length."""
    for model, stays in (({}, True), (ROTARY, False)):
        begun, ended = (
            trained(config(model={**SMALL, **model}, train={"optimizer": optimizer, "steps": steps}))
            for steps in (1, 12)
        )
        biases = [m.layers[0].attention.qkv.bias.chunk(3) for m in (begun, ended)]
        for letter, before, after in zip("qkv", *biases, strict=True):
            assert torch.equal(before, after) == (stays and letter == "k")


def test_the_optimizer_is_torchs_adamw_with_clipping() -> None:
    """With the same gradients, weights go the same way as with torch's own optimizer and clipping."""
    settings = config(model=ROTARY, train={"weight_decay": 0.3, "clip_norm": 0.5})
    ours, theirs = (build_model(settings, build_task(settings.task)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    matrices = [module.weight for module in theirs.modules() if isinstance(module, nn.Linear)]
    others = [p for p in theirs.parameters() if all(p is not matrix for matrix in matrices)]
    groups = [{"params": matrices, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}]
    optimizer = AdamW(ours, 0.3, 0.5)
    reference = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-8)
    generator = torch.Generator().manual_seed(0)
    for rate in (0.1, 0.02, 0.3):
        optimizer.zero_gradients()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            q.grad = torch.randn(q.shape, generator=generator)
            assert p.grad is not None
            p.grad += q.grad
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        for group in reference.param_groups:
            group["lr"] = rate
        optimizer.step(rate)
        reference.step()
        torch.testing.assert_close(weights(ours), weights(theirs))


def test_training_does_not_import_torchs_compiler() -> None:
    code = (
        "import sys; from tests.training.test_training import config, trained; trained(config());"
        "assert 'torch._dynamo' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)


def test_bfloat16_trains_and_keeps_float32_weights() -> None:
    model = trained(config(train={"precision": "bfloat16"}))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not torch.equal(weights(model), weights(trained(config())))


@pytest.mark.parametrize("name", ["cuda:99", "mps"])
def test_a_device_that_is_not_there_is_named(name: str) -> None:
    if name == "mps" and torch.backends.mps.is_available():
        name = "cuda:99"
    with pytest.raises(UsageError, match=f"there is no device {name} here"):
        choose_device(name)


def test_auto_takes_what_there_is() -> None:
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    assert choose_device("cpu").type == "cpu"


def test_small_models_train_on_one_thread_and_the_number_is_recorded(tmp_path: Path) -> None:
    small, large = config(train={"threads": None}), config(model={"d_model": 512}, train={"threads": None})
    long = large.model_copy(update={"task": large.task.model_copy(update={"max_length": 40})})
    assert with_threads(small).train.threads == 1
    assert with_threads(long).train.threads == torch.get_num_threads()
    assert with_threads(config(train={"threads": 3})).train.threads == 3
    invoke("train", "copy", "train.steps=2", "-q", "--out", str(tmp_path / "run"))
    assert "threads: 1\n" in (tmp_path / "run/config.yaml").read_text()


def test_models_that_go_together_share_out_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.devices.THREADS.find_own", lambda: 64)
    small = config(train={"threads": None})
    assert 1 == threads_together(small, 1) < threads_together(small, 40) < threads_together(small, 80) < 64
    assert threads_together(config(model={"d_model": 512}, train={"threads": None}), 16) == 64
    assert threads_together(config(train={"threads": 3}), 16) == 3


def test_a_small_model_leaves_the_threads_of_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr("tfcli.devices.THREADS", Threads())
    small, large = config(train={"threads": None}), config(model={"d_model": 512}, train={"threads": None})
    large = large.model_copy(update={"task": large.task.model_copy(update={"max_length": 40})})
    try:
        torch.set_num_threads(3)
        prepare(with_threads(small).train)
        assert torch.get_num_threads() == 1
        assert with_threads(large).train.threads == 3
        with few_threads(small.model, 8, 8):
            assert with_threads(large).train.threads == 3
        prepare(with_threads(large).train)
        assert torch.get_num_threads() == 3
        torch.set_num_threads(2)
        assert with_threads(large).train.threads == 2
    finally:
        torch.set_num_threads(before)


def test_looking_at_little_takes_one_thread_and_leaves_the_number_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with few_threads(config().model, 8, 8):
            assert torch.get_num_threads() == 1
        with few_threads(config(model={"d_model": 512}).model, 4096, 64):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)

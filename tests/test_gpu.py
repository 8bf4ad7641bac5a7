"""On a GPU all is as on the CPU, up to rounding, and no step waits for it. Skipped where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests import models
from tests.conftest import Cli, as_json
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.config.files import load_config
from tfcli.model import POSITIONS
from tfcli.training import ranks
from tfcli.training.agreement import find_disagreement
from tfcli.training.ranks import Ranks
from tfcli.training.stack import Stack

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

FUSED = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]
# Lengths of which there are too many sequences to list: a list is moved there when it is first needed.
ENDLESS = ["task.min_length=8", "train.steps=50", "train.eval_every=50", "train.device=cuda"]


def make_training(*settings: str, group: Ranks | None = None) -> Training:
    """Return a training of `reverse` on the GPU."""
    config = load_config("reverse", [*ENDLESS, *settings])
    torch.manual_seed(config.train.seed)
    task, model = build_for_training(config)
    return Training(model.to("cuda"), task, config, ranks=group)


@contextmanager
def nobody_waiting() -> Iterator[None]:
    """Let whatever waits for the GPU raise an error."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("positions", POSITIONS)
def test_answers_are_those_of_the_cpu(positions: str) -> None:
    model = models.make(positions=positions)
    tokens, padding = models.tokens(), models.padding([9, 5, 1])
    with torch.inference_mode():
        expected = [model(tokens), model(tokens, padding)]
        model.to("cuda")
        found = [model(tokens.cuda()), model(tokens.cuda(), padding.cuda())]
    for on_gpu, on_cpu in zip(found, expected, strict=True):
        kept = padding if on_cpu is expected[1] else torch.ones_like(padding)
        torch.testing.assert_close(on_gpu.cpu()[kept], on_cpu[kept], rtol=1e-3, atol=1e-4)


def test_losses_of_a_training_are_those_of_the_cpu_on_the_same_batches() -> None:
    on_gpu, losses = make_training("train.eval_every=1", "train.optimizer=sgd"), {}
    config = on_gpu.config.train.model_copy(update={"device": "cpu"})
    torch.manual_seed(config.seed)
    task, model = build_for_training(on_gpu.config)
    on_cpu = Training(model, task, on_gpu.config.model_copy(update={"train": config}))
    batches = [on_gpu.trainer.next_batch(step) for step in range(1, 11)]
    for training in (on_gpu, on_cpu):
        device = training.trainer.device
        own = iter(
            [
                batch._replace(inputs=batch.inputs.to(device), targets=batch.targets.to(device))
                for batch in batches
            ]
        )
        training.trainer.next_batch = lambda step, own=own: next(own)  # type: ignore[method-assign, misc]
        losses[device.type] = [float(training.trainer.take(step)) for step in range(1, 11)]
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_example_is_solved_on_the_gpu(precision: str, cli: Cli) -> None:
    words = ["train", "reverse", "train.device=cuda", f"train.precision={precision}", "-q"]
    report = as_json(cli, *words)
    assert report["exact_match"] > 0.99
    assert as_json(cli, "inspect", "reverse")["device"].startswith("cuda")
    assert (
        as_json(cli, "eval", "reverse", "--device", "cpu", "--lengths", "10")["lengths"][0]["exact_match"]
        > 0.99
    )


def test_weights_stay_float32_beside_bfloat16() -> None:
    training = make_training("train.precision=bfloat16")
    training.trainer.take(1)
    assert training.trainer.optimizer.values.dtype == torch.float32


@pytest.mark.parametrize("positions", ["rotary", "ends"])
def test_attention_is_fused(positions: str) -> None:
    training = make_training(f"model.positions={positions}", "train.precision=bfloat16", "model.d_model=128")
    with sdpa_kernel(FUSED):  # without the one that computes each step by itself
        assert torch.isfinite(training.trainer.take(1))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_step_waits_for_the_gpu(precision: str) -> None:
    training = make_training(f"train.precision={precision}")
    training.trainer.take(1)  # which makes what is made once
    with nobody_waiting():
        for step in range(2, 20):
            training.trainer.take(step)


def test_seeds_together_learn_what_each_learns_alone_and_wait_no_more() -> None:
    seeds = [f"train.seed={seed}" for seed in range(3)]
    stack = Stack([make_training(seed).trainer for seed in seeds])
    alone = [make_training(seed).trainer for seed in seeds]
    assert find_disagreement(stack) is None
    for step in range(1, 4):
        for one, other in zip(stack.trainers, alone, strict=True):
            torch.testing.assert_close(stack.take(one, step), other.take(step), rtol=1e-3, atol=1e-4)
    with nobody_waiting():
        for step in range(4, 20):
            stack.take(stack.trainers[0], step)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Ranks]:
    """Return the ranks of a group of one process, whose tensors on the GPU nccl adds up."""
    store: Any = torch.distributed.FileStore(str(tmp_path / "meeting"), 1)  # type: ignore[attr-defined]
    ranks.join(store, 0, 1)
    yield Ranks(0, 1, 0)
    ranks.leave()


def test_nccl_takes_the_same_steps_and_waits_no_more(alone: Ranks) -> None:
    plain, shared = make_training(), make_training(group=alone)
    for step in range(1, 4):
        losses = [training.trainer.take(step) for training in (plain, shared)]
        torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)
    with nobody_waiting():
        shared.trainer.take(4)


def test_tokens_a_second_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    for precision in ("float32", "bfloat16"):
        training = make_training(f"train.precision={precision}", "model.d_model=256", "model.n_layers=4")
        training.trainer.take(1)
        torch.cuda.synchronize()
        before, started = training.trainer.tokens_trained, time.perf_counter()
        for step in range(2, 22):
            training.trainer.take(step)
        torch.cuda.synchronize()
        rate = (training.trainer.tokens_trained - before) / (time.perf_counter() - started)
        with capsys.disabled():
            print(f"\n{torch.cuda.get_device_name()}, {precision}: {rate:,.0f} tokens/s")
        assert rate > 0

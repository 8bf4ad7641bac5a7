"""On another device all is as on the CPU: on a simulated one, so that it can be told anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tasks import splitting
from tests import simulated
from tests.conftest import Cli, as_json
from tests.simulated import Simulation
from tfcli import evaluation
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.checkpoints.loading import load_run
from tfcli.config.files import example_names, load_config
from tfcli.model import POSITIONS
from tfcli.records.results import Score
from tfcli.training.agreement import find_disagreement
from tfcli.training.loop import Trainer
from tfcli.training.monitor import held_out_of_training
from tfcli.training.stack import Stack

pytestmark = pytest.mark.skipif(not simulated.IS_THERE, reason="this torch can't be told of a device")

EXAMPLES = example_names()
FINITE = {"overfit", "overfit-dropout", "spell", "digits"}  # whose sequences are chosen on the CPU
STEPS, SAMPLES = 3, 40


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulation]:
    """Return the simulation of a device, on which all is trained and scored."""
    with simulated.simulation(monkeypatch) as made:
        yield made


def train_some(example: str, device: torch.device) -> tuple[list[float], Score, Trainer]:
    """Return the losses of some steps, the score after them, and what was trained."""
    config = load_config(example, ["model.dropout=0"])  # which draws other numbers on each device
    torch.manual_seed(config.train.seed)
    task, model = build_for_training(config)
    trainer = Training(model.to(device), task, config).trainer
    losses = [float(trainer.take(step)) for step in range(1, STEPS + 1)]
    return losses, evaluation.score(model, held_out_of_training(task, SAMPLES, device)), trainer


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_trained_and_scored_as_on_the_cpu(example: str, simulation: Simulation) -> None:
    expected, score, _ = train_some(example, torch.device("cpu"))
    found, score_there, trainer = train_some(example, torch.device(simulated.NAME))
    assert trainer.optimizer.values.device.type == simulated.NAME
    assert found == pytest.approx(expected, rel=1e-4)
    assert score_there.loss == pytest.approx(score.loss, rel=1e-3)


@pytest.mark.parametrize("example", [name for name in EXAMPLES if name not in FINITE])
def test_no_step_waits_once_its_length_has_been_met(example: str, simulation: Simulation) -> None:
    *_, trainer = train_some(example, torch.device(simulated.NAME))
    trainer.sequences.manual_seed(trainer.config.seed)
    trainer.lengths.seed(trainer.config.seed)
    simulation.waits.clear()
    for step in range(1, STEPS + 1):
        trainer.take(step)
    assert simulation.waits == []


def test_runs_of_seeds_together_are_made_there(simulation: Simulation, cli: Cli) -> None:
    settings = [
        "task.max_length=5",
        "model.d_model=16",
        "train.seeds=4",
        "train.steps=10",
        "train.eval_every=5",
    ]
    told = cli("train", "reverse", *settings).stderr
    assert "one after the other" not in told
    for seed in range(4):
        assert as_json(cli, "inspect", f"reverse-seed-{seed}")["device"] == f"{simulated.NAME}:0"
    cli("train", "reverse", *settings[:2], *settings[3:], "train.seed=2", "--out", "alone")
    runs = [as_json(cli, "inspect", run)["history"] for run in ("reverse-seed-2", "alone")]
    for together, alone in zip(*runs, strict=True):
        assert together["loss"] == pytest.approx(alone["loss"], rel=1e-4)


@pytest.mark.parametrize("example", ["reverse", "spell", "digits", "sentiment"])
def test_a_run_is_made_and_looked_into(example: str, simulation: Simulation, cli: Cli) -> None:
    cli("train", example, "train.steps=6", "train.eval_every=3", "-q")
    assert as_json(cli, "inspect")["device"] == f"{simulated.NAME}:0"
    for words in ("attn", "trace", "inspect", "inspect --heads --samples 16"):
        cli(*words.split())
    before = simulation.operations
    there = as_json(cli, "eval", "--samples", "40")
    assert simulation.operations > before
    before = simulation.operations
    here = as_json(cli, "eval", "--samples", "40", "--device", "cpu")
    assert simulation.operations == before
    for one, other in zip(there["lengths"], here["lengths"], strict=True):
        assert one["samples"] == other["samples"]
        assert one["token_accuracy"] == pytest.approx(other["token_accuracy"], abs=0.02)


def make_trainers(device: torch.device, *settings: str) -> list[Trainer]:
    """Return trainers of `reverse` with three seeds."""
    trainers = []
    for config in load_config("reverse", [*settings, "train.seeds=3"]).each_seed():
        torch.manual_seed(config.train.seed)
        task, model = build_for_training(config)
        trainers.append(Training(model.to(device), task, config).trainer)
    return trainers


@pytest.mark.parametrize("positions", POSITIONS)
def test_seeds_together_learn_what_each_learns_alone(positions: str, simulation: Simulation) -> None:
    there, setting = torch.device(simulated.NAME), f"model.positions={positions}"
    stack, alone = Stack(make_trainers(there, setting)), make_trainers(there, setting)
    assert find_disagreement(stack) is None
    for step in range(1, STEPS + 1):
        for one, other in zip(stack.trainers, alone, strict=True):
            loss = stack.take(one, step)
            assert loss.device.type == simulated.NAME
            torch.testing.assert_close(loss, other.take(step), rtol=1e-4, atol=1e-5)


def test_no_step_of_seeds_together_waits_once_its_lengths_have_been_met(simulation: Simulation) -> None:
    stack = Stack(make_trainers(torch.device(simulated.NAME)))
    for start in (1, 101):
        for trainer in stack.trainers:
            trainer.sequences.manual_seed(trainer.config.seed)
            trainer.lengths.seed(trainer.config.seed)
        simulation.waits.clear()
        for step in range(start, start + STEPS):
            stack.take(stack.trainers[0], step)
    assert simulation.waits == []


def test_a_training_goes_on_as_if_it_had_not_been_left(simulation: Simulation, cli: Cli) -> None:
    common = ["train", "reverse", "train.eval_every=3", "train.stop_when_solved=false", "-q"]
    cli(*common, "train.steps=9", "--out", "runs/whole")
    cli(*common, "train.steps=5", "--out", "runs/parts")
    cli("train", "--resume", "parts", "train.steps=9", "-q")
    whole, parts = (load_run(Path("runs") / name).model.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_what_has_been_moved_once_stays_there(simulation: Simulation) -> None:
    device = torch.device(simulated.NAME)
    splitting.sequence_hash(torch.ones(1, 3, dtype=torch.int64, device=device))
    task = build_for_training(load_config("digits"))[0]
    generator = torch.Generator(device)
    task.sample_held_out(2, 16, generator)
    simulation.waits.clear()
    task.sample_held_out(2, 16, generator)
    splitting.sequence_hash(torch.ones(1, 200, dtype=torch.int64, device=device))
    assert simulation.waits == []


@pytest.mark.parametrize(
    "mix",
    [
        lambda there: there + torch.ones(2),
        lambda there: torch.stack([there.sum(), torch.zeros(())]),
        lambda there: there.index_put_((there.long(),), torch.ones(2)),
        lambda there: torch.ones(2).index_select(0, there.long()),
        lambda there: torch.rand(2, generator=torch.Generator(), device=there.device),
        lambda there: torch.rand(2, generator=torch.Generator(there.device)),
    ],
)
def test_two_devices_in_one_operation_are_refused(
    mix: Callable[[Tensor], object], simulation: Simulation
) -> None:
    there = torch.ones(2, device=simulated.NAME)
    with pytest.raises(RuntimeError, match=r"device|on simulated"):
        mix(there)
    assert (there + 1).tolist() == [2.0, 2.0]
    assert repr(there) == "Simulated(tensor([1., 1.]))"


def test_whatever_was_computed_before(simulation: Simulation) -> None:
    torch.autograd.backward(
        torch.ones(2, requires_grad=True).sum()
    )  # after which torch makes no threads for other devices
    there = torch.ones(2, device=simulated.NAME).requires_grad_()
    torch.autograd.backward(there[there > 0].sum())
    assert there.grad is not None
    assert there.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "wait",
    [
        lambda there: there.sum().item(),
        lambda there: there[there > 0],
        lambda there: there.nonzero(),
        lambda there: there.multinomial(1),
        lambda there: there.cpu(),
        lambda there: there.copy_(torch.ones(2)),
        lambda there: torch.tensor([1.0], device=there.device),
    ],
)
def test_a_wait_is_noted_with_its_place(wait: Callable[[Tensor], object], simulation: Simulation) -> None:
    there = torch.ones(2, device=simulated.NAME)
    assert simulation.waits == []
    wait(there)
    assert len(simulation.waits) == 1
    assert __file__ in simulation.waits[0]

"""Seeds of a setting are trained as one program where there are many, whoever trains them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.sweeps.inline import InlineWorkers, plan, states, sweep
from tfcli.checkpoints.loading import load_run
from tfcli.commands import jobs
from tfcli.commands.sweep import Rules
from tfcli.commands.together import Planned, train_together
from tfcli.config.schema import RunConfig
from tfcli.errors import DivergedError, UsageError
from tfcli.records.sweep import SweepReport
from tfcli.runs import folders
from tfcli.sweeps.bundles import Bundles, size_of
from tfcli.sweeps.orders import Job
from tfcli.sweeps.planning import Trial
from tfcli.sweeps.strategies import Leg

MANY = ("model.positions=rotary,ends", "train.seed=0:4")


@pytest.fixture(autouse=True)
def few_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.sweeps.bundles.JOBS", 2)  # ten runs are few, and quick
    monkeypatch.setattr("tfcli.sweeps.bundles.FEWEST", 4)


def sizes(workers: InlineWorkers) -> list[int]:
    return [len(request.orders) for request in workers.given if isinstance(request, Job)]


def weights(report: SweepReport) -> list[dict[str, torch.Tensor]]:
    return [load_run(Path(outcome.run)).model.state_dict() for outcome in report.outcomes]


def test_how_many_are_one_job_depends_on_the_plan_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [size_of(runs) for runs in (1, 64, 127, 128, 10_000)] == [1, 1, 1, 8, 16]


def test_seeds_that_are_trained_as_one_come_to_the_same_up_to_rounding(folder: Path) -> None:
    workers = InlineWorkers()
    one = sweep(*MANY, workers=workers, folder=Path("one"))
    assert sizes(workers) == [5, 5]
    alone = sweep(*MANY, rules=Rules(together=False), workers=workers, folder=Path("alone"))
    assert sizes(workers)[2:] == [1] * 10
    assert states(one) == states(alone)
    assert [outcome.seed for outcome in one.outcomes] == [outcome.seed for outcome in alone.outcomes]
    losses = [[outcome.held_out_loss for outcome in report.outcomes] for report in (one, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert len(set(losses[0])) == 10  # each is a training of its own


def test_jobs_are_the_same_with_any_number_of_workers(folder: Path) -> None:
    reports = [sweep(*MANY, workers=InlineWorkers(n), folder=Path(f"with-{n}")) for n in (1, 3)]
    for mine, other in zip(*map(weights, reports), strict=True):
        assert all(torch.equal(tensor, other[name]) for name, tensor in mine.items())


def test_runs_that_were_begun_go_on_alone(folder: Path) -> None:
    left = iter([False] * 9)
    sweep(*MANY, workers=InlineWorkers(1, lambda: next(left, True)))
    begun = list((folder / "runs/reverse-sweep").glob(f"*/{folders.CONFIG}"))
    workers = InlineWorkers()
    report = sweep(*MANY, workers=workers)
    assert report.done == 10
    assert sizes(workers).count(1) == len(begun)
    assert "interrupted" not in states(report)


def test_what_cannot_be_one_program_is_trained_one_by_one(folder: Path) -> None:
    workers = InlineWorkers()
    sweep(*MANY, "model.dropout=0.1", workers=workers)
    assert sizes(workers) == [1] * 10


def test_what_goes_wrong_together_is_told_by_each_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "train_together", fail)
    assert sweep(*MANY).done == 10


def test_a_run_that_diverges_among_others_is_told_as_such(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(planned: list[Planned]) -> list[object]:
        others = train_together(planned)[1:]
        shutil.rmtree(planned[0].out or Path())
        return [DivergedError("the loss is nan"), *others]

    monkeypatch.setattr(jobs, "train_together", diverge)
    assert states(sweep(*MANY))[:2] == ["diverged", "not solved"]


def test_a_setting_that_follows_is_held_until_its_turn(folder: Path) -> None:
    prepared = plan("model.positions=rotary,ends", "train.seed=0:3")
    legs = iter([Leg(trial, None) for trial in prepared.strategy.trials()])
    bundles = Bundles(
        lambda: next(legs, None), lambda trial: prepared.planner.configure(trial.point), size=99
    )
    jobs_ = [[leg.trial.point["model.positions"] for leg in bundles.next()] for _ in range(3)]
    assert jobs_ == [["rotary"] * 4, ["ends"] * 4, []]


def test_what_is_wrong_with_one_is_told_where_it_is_given_out(folder: Path) -> None:
    def configure(trial: Trial) -> RunConfig:
        raise UsageError("can't read mine.py")

    legs = iter([Leg(trial, None) for trial in plan(*MANY).strategy.trials()])
    bundles = Bundles(lambda: next(legs, None), configure, 4)
    assert [len(bundles.next()) for _ in range(4)] == [1] * 4

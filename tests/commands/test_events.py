"""What a training tells of itself on its way, and how it says that it ended."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.test_survival import TINY
from tests.conftest import SMALL, Cli
from tests.training.test_training import config
from tfcli.checkpoints.sealing import load_tensors
from tfcli.commands.train import Audience, resume_run, train_run
from tfcli.config.schema import RunConfig
from tfcli.errors import DivergedError, TfcliError
from tfcli.records.events import Evaluated, Event, Saved, SignalNoted, TrainingEnded, TrainingStarted
from tfcli.records.progress import Progress
from tfcli.runs import folders


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that gives the events of some classes so far."""
    caplog.set_level(logging.INFO, "tfcli")

    def find(*classes: type[Event]) -> list[Any]:
        return [record.msg for record in caplog.records if isinstance(record.msg, classes)]

    return find


def at(step: int, error: BaseException | None = None) -> Audience:
    """Return an audience that stops a training at a step, or breaks it with an error."""

    def show(progress: Progress) -> None:
        if progress.step == step and error is not None:
            raise error
        if progress.step == step:
            signal.raise_signal(signal.SIGINT)

    return Audience(show)


def test_a_training_that_is_stopped_and_goes_on_says_so(folder: Path, told: Any) -> None:
    train_run(TINY, "run", None, at(3))
    assert [event.signal for event in told(SignalNoted)] == ["SIGINT"]
    resume_run(Path("runs/run"), [])
    assert [event.step for event in told(TrainingStarted)] == [0, 3]
    assert [(event.step, event.how) for event in told(TrainingEnded)] == [(3, "interrupted"), (6, "over")]
    assert [event.step for event in told(Evaluated)] == [2, 4, 6]
    assert told(Saved)[-1].step == 6
    assert {event.run for event in told(TrainingStarted, Saved, Evaluated, TrainingEnded)} == {"runs/run"}


@pytest.mark.parametrize(
    ("error", "how"), [(KeyboardInterrupt(), "interrupted"), (ZeroDivisionError(), "error")], ids=str
)
def test_a_training_that_is_broken_off_says_so(
    error: BaseException, how: str, folder: Path, told: Any
) -> None:
    with pytest.raises((TfcliError, ZeroDivisionError)):
        train_run(TINY, "run", None, at(5, error))
    assert [(event.step, event.how) for event in told(TrainingEnded)] == [(5, how)]


def test_a_training_that_solves_its_task_says_so(folder: Path, told: Any) -> None:
    small = {"task": {"name": "copy", "vocab_size": 4, "max_length": 4}, "model": {"d_model": 32}}
    settings = {**small, "train": {"steps": 200, "learning_rate": 1e-2, "threads": 1}}
    report = train_run(RunConfig.model_validate(settings), "run", None)
    assert report.solved
    assert [(event.step, event.how) for event in told(TrainingEnded)] == [(report.steps, "solved")]


@pytest.mark.parametrize("debug", [False, True])
def test_a_training_that_diverges_says_so_and_to_the_curious_where(
    debug: bool, folder: Path, told: Any
) -> None:
    hot = config(train={"learning_rate": 1e30, "warmup_steps": 1, "weight_decay": 1e10, "steps": 1})
    with pytest.raises(DivergedError) as raised:
        train_run(hot, "run", None, Audience(debug=debug))
    where = "; first non-finite value: the weights blocks.0.attention.qkv.weight, after step 1"
    plain = "the weights became infinite by step 1; try a smaller train.learning_rate"
    assert str(raised.value) == (plain + where if debug else plain)
    assert [(event.step, event.how) for event in told(TrainingEnded)] == [(1, "diverged")]


def test_a_run_is_the_same_with_and_without_debug_and_a_log(cli: Cli, folder: Path) -> None:
    words = ["train", "reverse", *SMALL, "train.steps=30", "-q", "--out"]
    cli(*words, "plain")
    cli("--debug", "--log", "log.jsonl", *words, "watched")
    for name in (folders.WEIGHTS, folders.STATE):
        plain, watched = (load_tensors(Path(run, name), None) for run in ("plain", "watched"))
        assert plain.keys() == watched.keys()
        assert all(torch.equal(values, watched[key]) for key, values in plain.items())


def test_debug_on_the_command_line_says_where_and_nothing_else_does(cli: Cli, folder: Path) -> None:
    hot = ["train", "reverse", *SMALL, "-q", "train.learning_rate=1e30", "train.warmup_steps=0"]
    assert "non-finite" not in cli(*hot, expect=1).stderr
    said = " ".join(cli("--debug", *hot, expect=1).stderr.rpartition("\nerror: ")[2].split())
    assert "; first non-finite value: the output of blocks.0.norm_attention.before (LayerNorm), at " in said

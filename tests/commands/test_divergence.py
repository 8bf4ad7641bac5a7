"""A training whose loss explodes, but stays a number, is no training that takes more steps."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path

import pytest

from tests.conftest import SMALL, Cli, as_json
from tfcli.commands.outcome import has_diverged, summarize
from tfcli.commands.train import make_training
from tfcli.config.files import load_config
from tfcli.errors import DivergedError
from tfcli.records.progress import Progress, StepRecord

EXPLODING = ["train", "sort", *SMALL, "train.steps=60", "train.learning_rate=300", "train.attempts=1"]


def progress(loss: float | None) -> Progress:
    return Progress(9, 9, 1, 1.0, 9, loss, None, True, 0, StepRecord(9, 9, loss))


def test_a_loss_that_explodes_is_reported_with_the_fix(cli: Cli, folder: Path) -> None:
    result = cli(*EXPLODING, expect=1)
    assert result.stdout.startswith("runs/sort: diverged (step 60")
    assert "a smaller train.learning_rate, such as a tenth, may help" in result.stderr
    assert "more train.steps" not in result.stderr
    assert "runs/sort: diverged" in cli("inspect").stdout
    assert " diverged " in cli("ls").stdout.splitlines()[-1]
    [run] = as_json(cli, "ls")["runs"]
    assert run["diverged"]


def test_a_run_whose_loss_is_no_number_any_more_has_diverged(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfcli.commands.saver.SAVE_EVERY", 0.0)  # the weights of before are there
    wild = ["train.optimizer=sgd", "train.clip_norm=1e30", "train.learning_rate=1e6", "train.eval_every=1"]
    assert "the loss became nan at step" in cli("train", "sort", *SMALL, *wild, expect=1).stderr
    assert "runs/sort: diverged" in cli("inspect").stdout
    assert " diverged " in cli("ls").stdout.splitlines()[-1]
    assert as_json(cli, "inspect")["diverged"]
    assert "its loss came to be no number after step" in cli("eval").stderr


def test_a_model_that_had_come_to_its_end_stays_what_it_was_when_more_steps_diverge(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("train", "sort", *SMALL, "train.steps=2", "train.attempts=1")
    monkeypatch.setattr("tfcli.commands.train.monitor", diverge)
    cli("train", "--resume", "sort", "train.steps=4", expect=1)
    assert not as_json(cli, "inspect")["diverged"]


def diverge(*_: object) -> Iterator[Progress]:
    yield from ()
    raise DivergedError("the loss became nan at step 3")


def test_a_high_loss_tells_nothing_of_a_training_that_was_interrupted() -> None:
    training, _ = make_training(load_config("sort", [*SMALL, "train.warmup_steps=0"]), None)
    assert summarize(training, progress(99.0), interrupted=False).diverged
    assert not summarize(training, progress(99.0), interrupted=True).diverged


def test_one_that_only_learned_too_little_is_not(cli: Cli, folder: Path) -> None:
    result = cli("train", "sort", *SMALL, "train.steps=2", "train.attempts=1")
    assert result.stdout.startswith("runs/sort: not solved")
    assert "more train.steps or train.attempts may solve it" in result.stderr
    assert not as_json(cli, "inspect")["diverged"]


def test_weights_that_are_bad_to_start_from_are_no_divergence(cli: Cli, folder: Path) -> None:
    cli(*EXPLODING, expect=1)
    start = ["train", "sort", *SMALL, "--from", "sort", "train.steps=1", "train.attempts=1"]
    assert "not solved (step 1" in cli(*start).stdout


@pytest.mark.parametrize("n_answers", [2, 10, 50_000])
def test_guessing_is_no_divergence_and_ten_times_its_loss_is(n_answers: int) -> None:
    guess = log(n_answers)
    assert not has_diverged(progress(1.5 * guess), n_answers)
    assert has_diverged(progress(10 * guess), n_answers)
    assert not has_diverged(progress(None), n_answers)

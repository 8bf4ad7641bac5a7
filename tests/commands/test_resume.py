"""A run that goes on is the run that it would have been, to the bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.resuming import STEPS, config, left_behind, stop_at
from tests.conftest import Cli, as_json, tfcli
from tfcli.checkpoints.saving import save_state
from tfcli.checkpoints.states import load_state
from tfcli.commands.interrupts import Interrupt
from tfcli.commands.train import Audience, resume_run, train_run
from tfcli.config.schema import RunConfig
from tfcli.config.trust import list_file
from tfcli.errors import DivergedError, StoppedError, UsageError
from tfcli.records.progress import Progress
from tfcli.runs import folders, headers, locks
from tfcli.training import OPTIMIZERS


def test_it_goes_on_after_any_step(folder: Path) -> None:
    whole = left_behind(Path(train_run(config(), "whole", None).run))
    for step in range(1, STEPS):
        report = train_run(config(), "cut", None, stop_at(step))
        assert (report.steps, report.interrupted) == (step, True)
        said: list[str] = []
        resumed = resume_run(Path(report.run), [], audience=Audience(note=said.append, warn=said.append))
        assert said == [f"{report.run} goes on after step {step}"]
        assert (resumed.steps, resumed.interrupted) == (STEPS, False)
        assert left_behind(Path(report.run)) == whole, step


def test_it_goes_on_as_often_as_it_is_stopped(folder: Path) -> None:
    whole = left_behind(Path(train_run(config(), "whole", None).run))
    report = train_run(config(), "cut", None, stop_at(1))
    for step in (2, 3, 8, 9, 13):
        report = resume_run(Path(report.run), [], audience=stop_at(step))
        assert report.steps == step
    resume_run(Path(report.run), [])
    assert left_behind(Path(report.run)) == whole


VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    **{name: {"train": {"optimizer": name, "weight_decay": 0.1}} for name in OPTIMIZERS},
    "randomized": {"model": {"positions": "learned", "indices": "randomized"}},
    "bfloat16": {"train": {"precision": "bfloat16"}},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_optimizer_and_source_of_chance_goes_on(name: str, folder: Path) -> None:
    settings = config(**VARIANTS[name])
    whole = left_behind(Path(train_run(settings, "whole", None).run))
    report = train_run(settings, "cut", None, stop_at(5))
    resume_run(Path(report.run), [])
    assert left_behind(Path(report.run)) == whole


def test_a_streak_goes_on(folder: Path) -> None:
    settings = config(
        "copy",
        model={"d_model": 16, "positions": "ends", "dropout": 0.0},
        train={"steps": 400, "attempts": 1, "batch_size": 32, "snapshot_every": None},
    )
    first: list[int] = []

    def show(progress: Progress) -> None:
        if progress.streak == 1 and not first:
            first.append(progress.step)
            signal.raise_signal(signal.SIGINT)

    whole = train_run(settings, "whole", None)
    assert whole.solved
    report = train_run(settings, "cut", None, Audience(show))
    assert (report.steps, report.solved) == (first[0], False)
    resumed = resume_run(Path(report.run), [])
    assert (resumed.steps, resumed.solved) == (whole.steps, True)
    assert left_behind(Path(report.run)) == left_behind(Path(whole.run))


def test_what_is_over_can_be_extended(folder: Path) -> None:
    path = Path(train_run(config(), "run", None).run)
    with pytest.raises(
        UsageError, match=f"is over, at step {STEPS}; to go on all the same, add train.steps=28"
    ):
        resume_run(path, [])
    report = resume_run(path, ["train.steps=20"])
    assert (report.steps, report.attempts) == (20, 2)
    steps = [json.loads(line)["step"] for line in (path / folders.METRICS).read_text().splitlines()]
    assert steps == [3, 6, 7, 10, 13, 14, 16, 19, 20]
    assert headers.read_header(path).config.train.steps == 20
    assert "steps: 20" in (path / folders.CONFIG).read_text()
    again = resume_run(path, ["train.steps=22"])
    assert again.steps == 22


def test_what_is_solved_goes_on_if_it_is_told_not_to_stop(folder: Path) -> None:
    settings = RunConfig.model_validate(
        {
            "task": {"name": "copy", "vocab_size": 2, "max_length": 2},
            "model": {"d_model": 16, "n_heads": 2, "n_layers": 1},
            "train": {"steps": 400, "eval_every": 10, "threads": 1},
        }
    )
    first = train_run(settings, "run", None)
    assert first.solved
    with pytest.raises(UsageError, match=r"is over, solved at step .*add train\.stop_when_solved=false$"):
        resume_run(Path(first.run), [])
    again = resume_run(Path(first.run), ["train.stop_when_solved=false"], audience=stop_at(first.steps + 3))
    assert again.steps == first.steps + 3
    assert headers.read_state_header(Path(first.run) / folders.STATE).config.train.stop_when_solved is False


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("model.n_layers=2", "model.n_layers = 1, and stays so"),
        ("train.seed=1", "train.seed = 0, and stays so"),
        ("train.steps=10", "train.steps = 14; --resume can only raise that"),
        ("model.positions=ends", "model.positions = rank, and stays so"),
        ("train.optimizer.epsilon=1e-3", "train.optimizer.epsilon = 1e-08, and stays so"),
        ("train.stesp=20", "did you mean 'steps'"),
    ],
)
def test_no_other_run_is_made_of_it(override: str, problem: str, folder: Path) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run)
    before = left_behind(path)
    with pytest.raises(UsageError, match=problem):
        resume_run(path, [override])
    assert left_behind(path) == before


def test_a_run_in_training_is_left_alone(folder: Path) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run)
    with locks.hold(path) as is_alone:
        assert is_alone
        with pytest.raises(UsageError, match=rf"is in training \(pid {os.getpid()}\)"):
            resume_run(path, [])
        assert locks.find_trainer(path) == os.getpid()
    assert locks.find_trainer(path) is None
    assert not (path / locks.LOCK).exists()


def test_a_lock_that_was_let_go_meanwhile_is_taken_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [False, True]
    monkeypatch.setattr(locks, "is_still", lambda path, file: answers.pop(0))
    with locks.hold(folder) as is_alone:
        assert is_alone
    assert not answers


def test_a_run_that_had_saved_nothing_begins_anew(folder: Path) -> None:
    whole = left_behind(Path(train_run(config(), "whole", None).run))
    path = Path(train_run(config(), "cut", None, stop_at(2)).run)
    for name in (folders.STATE, folders.WEIGHTS):
        (path / name).unlink()
    said: list[str] = []
    resume_run(path, [], audience=Audience(note=said.append))
    assert said == ["runs/cut had saved nothing yet and begins anew"]
    assert left_behind(path) == whole


def test_a_run_without_a_state_is_not_trained_over(folder: Path) -> None:
    path = Path(train_run(config(), "run", None).run)
    (path / folders.STATE).unlink()
    with pytest.raises(UsageError, match="kept no state from which it could go on"):
        resume_run(path, [])


def test_an_edited_configuration_is_told_and_mended(folder: Path) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run)
    text = (path / folders.CONFIG).read_text()
    (path / folders.CONFIG).write_text(text.replace("seed: 0", "seed: 3"))
    said: list[str] = []
    resume_run(path, [], audience=Audience(warn=said.append))
    told = "says train.seed = 3, and the run was trained with 0; that is what counts"
    assert said == [f"{path}/config.yaml {told}"]
    assert (path / folders.CONFIG).read_text() == text


def test_lines_that_a_kill_left_come_once(folder: Path) -> None:
    whole = left_behind(Path(train_run(config(), "whole", None).run))
    path = Path(train_run(config(), "cut", None, stop_at(4)).run)
    with (path / folders.METRICS).open("a") as file:
        file.write('{"step": 6, "loss": 1.0}\n{"step": 7, "lo')
    resume_run(path, [])
    assert left_behind(path) == whole


def test_lines_that_are_gone_are_told(folder: Path) -> None:
    path = Path(train_run(config(), "cut", None, stop_at(4)).run)
    (path / folders.METRICS).unlink()
    said: list[str] = []
    resume_run(path, [], audience=Audience(warn=said.append))
    assert said == [f"{path}/metrics.jsonl has no line of step 3; new ones follow all the same"]


def test_other_versions_are_told(folder: Path) -> None:
    path = Path(train_run(config(), "cut", None, stop_at(4)).run)
    saved = load_state(path)
    assert saved is not None
    saved.standing.versions["torch"] = "1.0"
    save_state(path / folders.STATE, *saved)
    said: list[str] = []
    resume_run(path, [], audience=Audience(warn=said.append))
    assert said == [
        f"{path} was trained with torch 1.0; with {torch.__version__} the last digits may be others"
    ]


def test_on_another_device_it_goes_on_with_a_word(folder: Path) -> None:
    path = Path(train_run(config(), "cut", None, stop_at(4)).run)
    saved = load_state(path)
    assert saved is not None
    tensors = {**saved.tensors, "random.sequences": torch.zeros(16, dtype=torch.uint8)}  # as a GPU's are
    tensors["random.torch.cuda"] = tensors["random.sequences"]
    save_state(path / folders.STATE, saved.config, replace(saved.standing, device="cuda:0"), tensors)
    said: list[str] = []
    report = resume_run(path, [], audience=Audience(warn=said.append))
    assert said == [f"{path} was trained on cuda; on cpu the sequences to come are others"]
    assert report.steps == STEPS


def test_what_diverged_diverges_again(folder: Path) -> None:
    settings = config(train={"learning_rate": 1e30, "clip_norm": 1e30, "eval_every": 2, "attempts": 1})
    with pytest.raises(DivergedError) as first:
        train_run(settings, "run", None)
    with pytest.raises(DivergedError) as again:
        resume_run(Path("runs/run"), [])
    assert str(first.value) == str(again.value)


def test_resuming_from_the_command_line(cli: Cli, folder: Path) -> None:
    words = ["train.steps=6", "train.eval_every=2", "train.batch_size=4", "model.d_model=16"]
    cli("train", "copy", *words, "train.stop_when_solved=false", "-q")
    assert "runs/copy is over, at step 6" in cli("train", "--resume", "copy", expect=2).stderr
    assert as_json(cli, "train", "--resume", "copy", "train.steps=9", "-q")["steps"] == 9
    assert "goes on after step 9" in cli("train", "train.steps=10", "--resume", "copy").stderr
    for beside, problem in [
        (["reverse"], "leave the example 'reverse' out"),
        (["--out", "x"], "--out is about new runs"),
        (["--dry-run"], "--dry-run is about new runs"),
        (["--seed", "1"], "trained with train.seed = 0, and stays so"),
        (["--watch", "--layer", "9"], "this model's layers are"),
    ]:
        assert problem in cli("train", "--resume", "copy", *beside, expect=2).stderr
    assert "no run is called 'nope'" in cli("train", "--resume", "nope", expect=2).stderr
    assert "--trust is about --resume" in cli("train", "copy", "--trust", "x.py", expect=2).stderr


def test_a_strangers_code_is_not_run_by_resuming(cli: Cli, folder: Path) -> None:
    text = "import tfcli, pathlib\npathlib.Path('ran').touch()\nclass Mine(tfcli.Task):\n"
    text += "    def target(self, inputs):\n        return inputs\n"
    (folder / "mine.py").write_text(text)
    words = ["task.name=mine.py:Mine", "train.steps=4", "train.eval_every=2", "train.batch_size=4"]
    cli("train", "copy", *words, "train.stop_when_solved=false", "-q")
    (folder / "ran").unlink()
    resume = ["train", "--resume", "copy", "train.steps=8"]
    (folder / "mine.py").write_text(text + "# changed\n")
    assert "task.name: " in (message := cli(*resume, expect=2).stderr)
    assert "mine.py has changed since; put it back as it was" in " ".join(message.split())
    (folder / "mine.py").write_text(text)
    list_file().rename(folder / "trusted")
    try:
        assert "would run" in cli(*resume, expect=2).stderr
        assert not (folder / "ran").exists()
        cli(*resume, "--trust", "mine.py")
        assert (folder / "ran").exists()
    finally:
        (folder / "trusted").rename(list_file())


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_end(folder: Path) -> None:
    words = [
        "train",
        "reverse",
        "train.steps=150",
        "train.threads=1",
        "train.stop_when_solved=false",
        "--out",
    ]
    assert tfcli(*words, "whole", cwd=folder).returncode == 0
    whole, chance = left_behind(folder / "whole"), random.Random(1)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-m", "tfcli", *words, "cut", "-q"], cwd=folder)
        while not (folder / "cut" / folders.CONFIG).exists():
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 2))
        process.kill()
        process.wait(timeout=60)
        result = tfcli("train", "--resume", "cut", cwd=folder)
        assert result.returncode == 0 or "is over" in result.stderr, result.stderr
        assert left_behind(folder / "cut") == whole
        shutil.rmtree(folder / "cut")


def test_an_evaluation_that_was_stopped_is_made_up_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = left_behind(Path(train_run(config(), "whole", None).run))
    checks = []

    def stop(self: Interrupt, answered: int) -> None:
        checks.append(answered)
        if len(checks) == 2:
            signal.raise_signal(signal.SIGINT)
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Interrupt, "check", stop)
        report = train_run(config(), "cut", None)
    assert (report.steps, report.interrupted) == (3, True)
    assert (Path(report.run) / folders.METRICS).read_text() == ""
    resume_run(Path(report.run), [])
    assert left_behind(Path(report.run)) == whole


def test_what_takes_long_to_score_is_saved_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.commands.ending.PATIENCE", -1.0)
    report = train_run(config(), "cut", None, stop_at(4))
    assert (report.steps, report.exact_match) == (4, None)
    assert headers.read_header(Path(report.run)).summary.exact_match is None


def test_a_kill_between_state_and_weights_of_the_end_does_no_harm(folder: Path) -> None:
    path = Path(train_run(config(), "cut", None).run)
    whole = left_behind(path)
    (path / folders.WEIGHTS).unlink()
    report = resume_run(path, [])
    assert (report.steps, report.interrupted) == (STEPS, False)
    assert left_behind(path) == whole


def test_whoever_only_looks_does_not_keep_a_lock(folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run" / locks.LOCK).touch()
    with (folder / "run" / locks.LOCK).open() as file:
        assert locks.take(file, exclusive=False)  # as `find_trainer` does, for a moment
        looking = threading.Timer(0.02, file.close)
        looking.start()
        with locks.hold(folder / "run") as is_alone:
            assert is_alone
        looking.join()
    with locks.hold(folder / "run"), locks.hold(folder / "run") as is_alone:
        assert not is_alone

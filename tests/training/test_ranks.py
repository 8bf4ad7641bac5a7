"""Several processes train what one trains, and none of them is waited for in vain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Cli, as_json, tfcli
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.commands import launching
from tfcli.config.files import load_config
from tfcli.config.train_section import TrainConfig
from tfcli.errors import UsageError
from tfcli.registry import make_batch
from tfcli.runs import company, folders
from tfcli.training import ranks
from tfcli.training.ranks import DismissedError, LostProcessError, Ranks

NARROW = ["task.max_length=8", "model.d_model=32", "model.n_heads=2", "train.batch_size=16"]
LONG = ["train.steps=100", "train.stop_when_solved=false", "train.eval_samples=100"]
ENDLESS = [*NARROW, "train.steps=100000", "train.stop_when_solved=false", "train.eval_every=5"]
WORDS = "so good\tyes\nso very bad\tno\nvery good\tyes\nbad\tno\nnot good\tno\nnot so bad\tyes\ngood\tyes\n"
SOON = 15  # seconds, on a busy machine


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the environment and the number of threads as they were."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo" if sys.platform.startswith("linux") else "")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Ranks]:
    """Return the ranks of a group of one process."""
    store: Any = torch.distributed.FileStore(str(tmp_path / "meeting"), 1)  # type: ignore[attr-defined]
    ranks.join(store, 0, 1)
    yield Ranks(0, 1, 0)
    ranks.leave()


def weights(run: str) -> dict[str, torch.Tensor]:
    """Return the weights of a run."""
    return load_file(Path(run) / folders.WEIGHTS)


def distance(one: str, other: str) -> float:
    """Return how far the weights of two runs are apart, by the norm of the first."""
    a, b = (
        torch.cat([tensor.flatten() for tensor in weights(run).values()]).double() for run in (one, other)
    )
    return float((a - b).norm() / a.norm())


@pytest.mark.parametrize(
    "words",
    [
        ["reverse", *NARROW],
        ["reverse", *NARROW, "train.train_samples=100"],  # the last batch of each epoch has four
        ["words.tsv", "train.batch_size=4", "model.d_model=16", "model.n_heads=2", "train.optimizer=muon"],
        ["reverse", *NARROW, "train.attempts=2", "train.freeze=[embedding]", "model.dropout=0"],
    ],
    ids=["endless", "mixed lengths", "pairs", "attempts"],
)
def test_two_processes_come_to_the_weights_of_one(words: list[str], cli: Cli, folder: Path) -> None:
    (folder / "words.tsv").write_text(WORDS)
    alone = as_json(cli, "train", *words, *LONG, "-q", "--out", "runs/one")
    report = as_json(cli, "train", *words, *LONG, "-q", "--out", "runs/two", "--processes", "2")
    assert report["steps"] == alone["steps"] == 100
    assert report["attempts"] == alone["attempts"]
    assert distance("runs/one", "runs/two") < 1e-5
    lines = [(Path(run) / folders.METRICS).read_text().splitlines() for run in ("runs/one", "runs/two")]
    assert len(lines[0]) == len(lines[1]) == 4


def test_a_run_goes_on_with_another_number_of_processes(cli: Cli) -> None:
    whole = ["train", "reverse", *NARROW, *LONG, "-q", "--out"]
    cli(*whole, "runs/parts", "train.steps=40", "--processes", "2")
    cli("train", "--resume", "parts", "train.steps=70", "-q")
    cli("train", "--resume", "parts", "train.steps=100", "-q", "--processes", "2")
    cli(*whole, "runs/alone", "train.steps=40")
    cli("train", "--resume", "alone", "train.steps=70", "-q")
    cli("train", "--resume", "alone", "train.steps=100", "-q")
    assert distance("runs/alone", "runs/parts") < 1e-5


def test_torchrun_starts_the_same(folder: Path, cli: Cli) -> None:
    words = ["train", "reverse", *NARROW, *LONG, "-q", "--out"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "tfcli"]
    result = subprocess.run([*command, *words, "runs/two"], capture_output=True, text=True, check=True)
    assert result.stdout.count("runs/two: ") == 1
    cli(*words, "runs/one")
    assert distance("runs/one", "runs/two") < 1e-5


def start(*words: str) -> subprocess.Popen[str]:
    """Start a training of two processes, and wait until it has saved."""
    command = [sys.executable, "-m", "tfcli", "train", "reverse", *ENDLESS, "-q", "--out", "runs/cut"]
    process = subprocess.Popen(
        [*command, "--processes", "2", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (Path("runs/cut") / folders.WEIGHTS).exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def other_of(process: subprocess.Popen[str]) -> int:
    """Return the number of the process that another one has started."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not path.exists():
        pytest.skip("no list of children here")
    [number] = path.read_text().split()
    return int(number)


def test_where_a_process_is_killed_the_run_can_go_on_from_its_last_step(cli: Cli) -> None:
    process = start()
    os.kill(other_of(process), signal.SIGKILL)
    killed = time.monotonic()
    _, said = process.communicate(timeout=SOON)
    assert time.monotonic() - killed < SOON
    assert process.returncode == 1
    [line] = said.splitlines()
    assert "error: process 1 of 2 was ended by SIGKILL; `tfcli train --resume runs/cut` goes on" in line
    step = int(line.rpartition(" ")[2].replace(",", ""))
    report = as_json(cli, "inspect", "cut")
    assert report["steps"] == step
    assert report["interrupted"]
    task, model = build_for_training(config := load_config("runs/cut/config.yaml"))
    training = Training(model, task, config)
    next(record for record in training.trainer if record.step == step)
    state, own = load_file(Path("runs/cut") / folders.STATE), training.tensors()
    for name in ("random.sequences", "random.lengths", "optimizer.steps"):  # nothing of the next was begun
        assert torch.equal(state[name], own[name]), name


def test_where_the_first_process_is_killed_the_others_end_and_clean_up(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = start()
    other = other_of(process)
    process.kill()
    process.communicate()
    end = time.monotonic() + SOON
    while Path(f"/proc/{other}/cmdline").exists() and Path(f"/proc/{other}/cmdline").read_text():
        assert time.monotonic() < end, "it waits for nobody"
        time.sleep(0.02)
    assert list(temporary.iterdir()) == []
    assert as_json(cli, "inspect", "cut")["steps"] > 0


def test_a_process_ends_with_the_one_that_started_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.mkdir()
    ancestors = iter([7, 7, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(ancestors))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit):
        launching.end_with(7, left)
    assert list(ancestors) == []
    assert not left.exists()


def test_ctrl_c_ends_all_and_saves(folder: Path) -> None:
    process = start()
    other = other_of(process)
    for number in (process.pid, other):  # as a terminal does
        os.kill(number, signal.SIGINT)
    said, _ = process.communicate(timeout=SOON)
    assert process.returncode == 130
    assert "runs/cut: interrupted" in said
    assert not Path(f"/proc/{other}").exists()


def test_a_process_that_fails_at_its_start_is_told_with_its_words(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false" if Path("/bin/false").exists() else "false")
    said = cli("train", "reverse", *NARROW, "--processes", "2", expect=1).stderr
    assert "error: process 1 of 2 has ended: exit code 1" in said
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train.batch_size=50", "--processes", "4"],
            "train.batch_size = 50 can't be shared out evenly to 4",
        ),
        (["train.batch_size=2", "--processes", "3"], "to 3 processes; 3 can"),
        (["--processes", "0"], "--processes"),
        (["--processes", "2", "train.seeds=2"], "train.seeds trains its runs in one process"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(words: list[str], said: str, cli: Cli, folder: Path) -> None:
    assert said in cli("train", "reverse", *NARROW, *words, expect=2).stderr
    assert not (folder / "runs").exists()


def test_stdin_is_for_one_process(cli: Cli) -> None:
    said = cli("train", "-", "--processes", "2", input=WORDS, expect=2).stderr
    assert "only one process can read stdin" in said


def as_rank(rank: int, patch: pytest.MonkeyPatch) -> None:
    """Let the environment be that of one of two processes that torchrun has started."""
    values = {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in values.items():
        patch.setenv(name, value)


def test_torchrun_of_another_command_is_refused_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(0, monkeypatch)
    said = cli("eval", "reverse", expect=2).stderr
    assert "torchrun has started 2 processes, and only `tfcli train` is shared out to several" in said
    assert "leave --processes out" in cli("train", "reverse", "--processes", "2", expect=2).stderr
    as_rank(1, monkeypatch)
    assert cli("eval", "reverse", expect=2).stderr == ""
    assert cli("train", "nothing", expect=2).stderr == ""


@pytest.mark.parametrize("rank", ["7", "-1", "", "one"])
def test_a_rank_that_there_is_not_is_refused(rank: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(0, monkeypatch)
    monkeypatch.setenv("RANK", rank)
    said = " ".join(cli("train", "reverse", expect=2).stderr.split())
    assert f"RANK={rank} is none of the 2 processes" in said


@pytest.mark.parametrize("missing", company.OF_TORCHRUN)
def test_half_of_an_environment_is_none(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(1, monkeypatch)
    assert company.is_helper()
    monkeypatch.delenv(missing)
    assert not company.is_helper()
    assert company.size_of() == 1


def test_shares_are_all_of_a_batch(alone: Ranks) -> None:
    batch = make_batch(torch.arange(10).view(5, 2), torch.arange(5)[:, None])
    for size in (1, 2, 3, 7):
        shares = [Ranks(rank, size, 0).share(batch) for rank in range(size)]
        assert torch.equal(torch.cat([share.inputs for share in shares]), batch.inputs)
        assert torch.equal(torch.cat([share.targets for share in shares]), batch.targets)


def test_a_group_of_one_takes_the_steps_of_none(alone: Ranks) -> None:
    config = load_config("reverse", [*NARROW, "train.steps=20", "train.threads=1"])
    made = []
    for group in (None, alone):
        torch.manual_seed(0)
        task, model = build_for_training(config)
        training = Training(model, task, config, ranks=group)
        losses = [record.loss for record in training.trainer if record.loss is not None]
        made.append((losses, training.trainer.optimizer.values))
    assert made[0][0] == pytest.approx(made[1][0], rel=1e-5)
    torch.testing.assert_close(made[0][1], made[1][1], rtol=1e-4, atol=1e-5)


def test_processes_that_begin_otherwise_are_refused(alone: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.meet(torch.ones(3), "same")

    def answer(found: list[torch.Tensor], own: torch.Tensor) -> None:
        for tensor in found:
            tensor.copy_(own + 1)

    monkeypatch.setattr(torch.distributed, "all_gather", answer)
    with pytest.raises(UsageError, match="the processes don't begin alike"):
        alone.meet(torch.ones(3), "same")


def test_rank_0_ends_the_others_between_steps_alone(alone: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[torch.Tensor] = []
    alone.meet(torch.ones(1), "")
    alone.begin(0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(torch.distributed, "broadcast", lambda tensor, rank: told.append(tensor.clone()))
        alone.dismiss()  # in the middle of a step
        assert told == []
        alone.add_up(torch.ones(2), torch.ones(()))
        alone.dismiss()
    assert told == [torch.zeros(1, dtype=torch.uint8)]
    alone.begin(0, 2)
    alone.going.fill_(0)  # as rank 0 would send it
    with pytest.raises(DismissedError):
        alone.add_up(torch.ones(2), torch.ones(()))


def test_a_lost_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Connection closed by peer")

    group = Ranks(1, 2, 1)
    monkeypatch.setattr(torch.distributed, "broadcast", fail)
    with pytest.raises(LostProcessError, match="another process of this training has ended"):
        group.wait_for_dismissal()
    monkeypatch.setattr(torch.distributed, "init_process_group", fail)
    with pytest.raises(LostProcessError, match="can't reach each other: Connection closed by peer"):
        ranks.join(None, 0, 2)


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("mps", "mps is one device"),
        ("cuda:0", "cuda:0 is one device"),
        ("cuda", "each process takes a GPU of its own"),
    ],
)
def test_devices_that_are_not_there_for_each_are_refused(device: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Ranks(1, 2, 99).prepare(torch.device(device), TrainConfig())


def test_the_help_of_train_names_the_option(cli: Cli, folder: Path) -> None:
    assert "--processes" in cli("train", "--help").stdout
    assert tfcli("train", "reverse", "--processes", "1", "--dry-run", cwd=folder).returncode == 0

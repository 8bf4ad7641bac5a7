"""A training survives what has nothing to do with it, and whatever ends it leaves its weights."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli, as_json, tfcli
from tfcli.checkpoints.loading import load_run
from tfcli.commands import interrupts
from tfcli.commands.recording import Recorder
from tfcli.commands.train import Audience, make_training, train_run
from tfcli.config.schema import RunConfig
from tfcli.errors import TfcliError
from tfcli.records.progress import Progress
from tfcli.runs import folders, headers, writing

LONG = ["train", "reverse", "train.steps=100000", "train.stop_when_solved=false", "train.threads=1"]
TINY = RunConfig.model_validate(
    {
        "task": {"name": "copy", "vocab_size": 4, "max_length": 4},
        "model": {"d_model": 8, "n_heads": 2, "n_layers": 1},
        "train": {"steps": 6, "batch_size": 4, "eval_every": 2, "eval_samples": 8, "snapshot_every": 3}
        | {"threads": 1, "stop_when_solved": False},
    }
)


@contextmanager
def training(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A training in a process of its own that has saved its weights once."""
    words = [sys.executable, "-m", "tfcli", *LONG]
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        weights, deadline = folder / "runs/reverse" / folders.WEIGHTS, time.monotonic() + 60
        while not weights.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_a_kill_leaves_the_weights_of_the_last_seconds(cli: Cli, folder: Path) -> None:
    with training(folder) as process:
        [listed] = as_json(cli, "ls")["runs"]
        assert listed["trained_by"] == process.pid
        assert f"in training (pid {process.pid})" in cli("ls").stdout
        process.kill()
        process.wait(timeout=60)
    [listed] = as_json(cli, "ls")["runs"]
    assert listed["trained_by"] is None
    assert listed["ended_early"]
    assert "ended early" in cli("ls").stdout
    assert as_json(cli, "eval", "--samples", "5", "--lengths", "3")["run"] == "runs/reverse"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that hang up here")
def test_a_terminal_that_closes_ends_a_training_as_ctrl_c_does(folder: Path) -> None:
    with training(folder) as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
        assert process.returncode == 130
    assert headers.read_header(folder / "runs/reverse").summary.interrupted


def test_nobody_has_to_read_the_progress(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "tfcli", "train", "copy", "train.steps=20", "train.threads=1"]
    subprocess.run(words, cwd=folder, stdout=write, stderr=write, check=False, timeout=60)
    os.close(write)
    assert headers.read_header(folder / "runs/copy").summary.steps == 20


def test_a_signal_that_comes_twice_is_one_and_a_later_one_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.5, 3.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    interrupt = interrupts.Interrupt()
    interrupt.note(signal.SIGINT, None)
    interrupt.note(signal.SIGINT, None)
    assert interrupt.caught
    with pytest.raises(KeyboardInterrupt):
        interrupt.note(signal.SIGINT, None)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("a bug")], ids=["ctrl-c", "bug"])
def test_whatever_ends_a_training_its_weights_are_kept(folder: Path, error: BaseException) -> None:
    def show(progress: Progress) -> None:
        if progress.step == 5:
            raise error

    with pytest.raises((TfcliError, ZeroDivisionError)) as raised:
        train_run(TINY, "kept", None, Audience(show))
    steps = headers.read_header(folder / "runs/kept").summary.steps
    if isinstance(raised.value, TfcliError):
        assert "runs/kept holds the model of step 2" in str(raised.value)
        assert raised.value.exit_code == 130
        assert steps == 2
    else:
        assert steps == 5
    load_run(Path("runs/kept"))


class Fault:
    """Lets one call fail of all those that write below some folders."""

    def __init__(self, folders: list[Path], fail_at: int) -> None:
        self.folders, self.fail_at, self.calls = [str(folder) for folder in folders], fail_at, 0
        self.failed = ""

    def count(self, name: str) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            self.failed = name
            raise OSError(errno.ENOSPC, "No space left on device")

    def below(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and str(Path(path).absolute()).startswith(
            tuple(self.folders)
        )

    def guard(self, module: Any, name: str) -> Callable[..., Any]:
        real = getattr(module, name)

        def guarded(path: Any, *words: Any, **options: Any) -> Any:
            if self.below(path) or isinstance(path, int):
                self.count(name)
            return real(path, *words, **options)

        return guarded

    def open(self, path: Any, mode: str = "r", *words: Any, **options: Any) -> Any:
        if not self.below(path) or not set(mode) & set("wax+"):
            return REAL_OPEN(path, mode, *words, **options)
        self.count("open")
        file = REAL_OPEN(path, mode, *words, **options)
        return Faulty(file, self)


class Faulty:
    """A file whose writing may fail."""

    def __init__(self, file: Any, fault: Fault) -> None:
        self.file, self.fault = file, fault

    def __enter__(self) -> Faulty:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: Any) -> int:
        self.fault.count("write")
        return int(self.file.write(data))

    def close(self) -> None:
        self.file.close()
        self.fault.count("close")


REAL_OPEN = io.open


def train_with_fault(folder: Path, fail_at: int) -> tuple[Fault, Path | None, list[str]]:
    """Train with one call that fails: the fault, the folder with the model, and what was said."""
    fault = Fault([folder, Path(tempfile.gettempdir())], fail_at)
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "replace", "fsync", "unlink"):
            patch.setattr(os, name, fault.guard(os, name))
        patch.setattr(io, "open", fault.open)
        try:
            report = train_run(TINY, f"run{fail_at}", None, Audience(warn=said.append))
        except TfcliError as error:
            return fault, None, [str(error)]
    return fault, Path(report.run), said


def test_no_failure_to_write_loses_what_was_learned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "elsewhere"))
    (folder / "elsewhere").mkdir()
    kinds, fail_at = set(), 0
    while True:
        fail_at += 1
        fault, path, said = train_with_fault(folder, fail_at)
        if not fault.failed:
            break
        kinds.add(fault.failed)
        if path is None:  # before the first step
            assert "nothing was trained" in said[0] or "can't make the folder" in said[0], said
            assert not (folder / "runs" / f"run{fail_at}").exists()
            continue
        assert headers.read_header(path).summary.steps == 6, fault.failed
        load_run(path)
        if path.parent != Path("runs"):
            assert str(path) in said[-1], said
    assert kinds >= {"mkdir", "replace", "fsync", "open", "write", "close"}
    assert fail_at > 20


def test_a_folder_that_is_renamed_loses_nothing(folder: Path) -> None:
    said: list[str] = []

    def show(progress: Progress) -> None:
        if progress.step == 3:
            (folder / "runs/moved").rename(folder / "runs/elsewhere")

    report = train_run(TINY, "moved", None, Audience(show, warn=said.append))
    assert (
        said[-1] == f"runs/moved can't be written (No such file or directory); the model is in {report.run}"
    )
    assert load_run(Path(report.run)).config == TINY
    assert headers.read_header(folder / "runs/elsewhere").summary.steps == 2


def test_the_newest_snapshot_serves_where_weights_are_missing(cli: Cli, folder: Path) -> None:
    train_run(TINY, "run", None)
    (folder / "runs/run" / folders.WEIGHTS).unlink()
    assert as_json(cli, "inspect")["steps"] == 6
    assert json.loads(cli("predict", "1 2", "--json").stdout)["input"] == ["1", "2"]


def test_weights_that_can_be_saved_nowhere_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(folder / "not" / "there"))
    path = folders.create("run", None)
    train_run(TINY, "other", None)
    recorder = Recorder(path, make_training(TINY, None)[0], lambda problem: None)
    recorder.begin()
    recorder.close()
    path.rename(folder / "moved")
    with pytest.raises(TfcliError, match="the model of step 0 is lost"):
        recorder.save(
            headers.read_header(Path("runs/other"), folders.snapshot_path(Path("runs/other"), 0)).summary
        )


def test_a_run_without_weights_says_why(folder: Path) -> None:
    path = folders.create("run", None)
    (path / folders.CONFIG).write_text("task: {name: copy}\n")
    with pytest.raises(TfcliError, match="its training ended before it saved any"):
        headers.read_header(path)
    assert "ended before" in tfcli("ls", cwd=folder).stdout


def test_a_file_that_can_t_be_written_to_its_end_stays_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    writing.write_atomically(folder / "file", b"old")
    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(OSError, match="No space left"):
        writing.write_atomically(folder / "file", b"new")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"file": b"old"}

"""Shared fixtures: a command line that runs in a folder of its own, and small trained runs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
):  # as in the background of a script: processes inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "PYTEST_XDIST_WORKER" in os.environ:  # there is one worker a core
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is printed is in English, whatever the locale of whoever runs the tests.
os.environ.pop("LC_ALL", None)
os.environ["LC_MESSAGES"] = "C"

Cli = Callable[..., Result]

SMALL = ["task.max_length=5", "task.vocab_size=4", "model.d_model=32", "train.steps=200", "train.threads=1"]


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for what is trusted: not that of whoever runs the tests."""
    path = tmp_path_factory.mktemp("state")
    os.environ["XDG_STATE_HOME"] = os.environ["LOCALAPPDATA"] = str(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, as the current one, with a terminal of 80 columns and no colour."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.fixture
def cli(folder: Path) -> Cli:
    """`cli("eval", "--json")` in `folder`."""
    return invoke


def call(words: str | Sequence[str], input: str | None = None) -> Result:
    """Run a command line within this process."""
    from tfcli.cli import app

    words = shlex.split(words) if isinstance(words, str) else words
    result = CliRunner().invoke(app, words, input=input, prog_name="tfcli")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def invoke(*words: str, input: str | None = None, expect: int = 0) -> Result:
    """Run a command line and check its exit code."""
    result = call(words, input)
    assert result.exit_code == expect, result.output
    return result


def invoke_in(folder: Path, *words: str) -> Result:
    """Run a command line in another folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return invoke(*words)
    finally:
        os.chdir(before)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one small trained run, `runs/reverse`. Nobody changes it."""
    path = tmp_path_factory.mktemp("trained")
    invoke_in(path, "train", "reverse", *SMALL, "--quiet")
    return path


@pytest.fixture
def run_cli(trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`cli` in the folder of the trained run."""
    monkeypatch.chdir(trained)
    return cli


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all workers see, for what takes long to make; see `make_once`."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    path.mkdir(exist_ok=True)
    return path


def make_once(path: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` fills, unless some worker has done so before. Nobody changes it."""
    if not path.exists():
        part = Path(tempfile.mkdtemp(dir=path.parent))
        make(part)
        with suppress(OSError):  # another worker was faster
            part.rename(path)
    return path


def install(name: str, source: str, entry_points: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make a folder look like one into which a distribution of one module was installed."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (folder / f"{name}.py").write_text(source)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    patch.syspath_prepend(str(folder))


def as_json(cli: Cli, *words: str, **options: Any) -> Any:
    """Return the JSON a command prints on stdout, which has no NaN in it."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(cli(*words, "--json", **options).stdout, parse_constant=refuse)


def tfcli(*words: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tfcli", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )

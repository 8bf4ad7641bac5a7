"""Tasks of others: from a file, and from another distribution."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.base import Task
from tests.conftest import SMALL, Cli, as_json, install
from tfcli.config.files import load_config
from tfcli.errors import UsageError
from tfcli.registry import load_task

DOUBLING = """
import torch
from tfcli import Task

class Swapping(Task):
    def target(self, inputs):
        return (inputs + 1) % self.vocab_size

class Cutting(Task):
    def target(self, inputs):
        return inputs[:, 1:]

class Overflowing(Task):
    def target(self, inputs):
        return inputs + 1

class Lost(Swapping):
    def source(self, inputs):
        return inputs.flip(-1) + 99

class Vague(Swapping):
    def source(self, inputs):
        return [0]

class Raising(Swapping):
    def source(self, inputs):
        raise KeyError("boom")

class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no message")

class Shy(Swapping):
    def source(self, inputs):
        raise Unspeakable

class Wordy(Swapping):
    def source(self, inputs):
        raise ValueError("one line\\nand another")

class Silent(Swapping):
    def answer_length(self, length):
        return length - 1

class Square(Swapping):
    def answer_length(self, length):
        return torch.eye(2)

class Mute(Swapping):
    def target(self, inputs):
        return inputs * 0 - 100

class Picky(Swapping):
    def valid(self, inputs):
        return inputs[:, 0] < 0

class Idle(Task):
    pass

NotATask = int
"""


def test_a_task_from_a_file_trains_and_answers(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(DOUBLING)
    cli("train", "copy", "task.name=mine.py:Swapping", *SMALL, "-q", "--out", "x")
    answer = as_json(cli, "predict", "x", "0 3 1")
    assert answer["target"] == ["1", "0", "2"]
    assert answer["correct"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Swaping", "has no class Swaping; did you mean 'Swapping'?"),
        ("Cutting", "length 1: target() must return int64 [70, 1], not int64 [70, 0]"),
        ("Overflowing", "target() must return ids from 0 to 3, not 1 to 4"),
        ("Lost", "length 1: source() must return positions from 0 to 0, not 99 to 102"),
        ("Vague", "source() must return a tensor, int64 [70, 1], not list"),
        ("Raising", "KeyError: 'boom' (at"),
        ("Shy", "Unspeakable: its message can't be read (at"),
        ("Wordy", "ValueError: one line and another (at"),
        ("Silent", "length 1: answer_length(1) must return a whole number from 1 on, not 0"),
        ("Square", "answer_length(1) must return a whole number from 1 on, not tensor([[1., 0.], [0., 1.]])"),
        ("Mute", "target() must return an answer to each input, not only -100"),
        ("Picky", "length 1: draw() must return [62, 1] of what valid() takes, and it refuses '0'"),
        ("Idle", "must be a subclass of tfcli.Task with a target()"),
    ],
)
def test_a_task_that_is_none_is_refused(name: str, message: str, cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(DOUBLING)
    result = cli("train", "copy", f"task.name=mine.py:{name}", *SMALL, "-q", expect=2)
    assert message in result.stderr
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"class Mine:\n  def", "mine.py:2: invalid syntax"),
        (b"class Mine: pass\0", r"mine\.py: source code string cannot contain null bytes|is no Python"),
        (b"((((" * 100, "mine.py:1: "),
        (b"-" * 100_000 + b"1", "mine.py is no Python"),
    ],
    ids=["half", "zero", "brackets", "deep"],
)
def test_a_file_that_is_no_python_is_refused(text: bytes, message: str, cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_bytes(text)
    assert re.search(message, cli("train", "copy", "task.name=mine.py:Mine", expect=2).stderr)


BOUND = """
import sibling
from sibling import Base, Base as Renamed

Alias = Base
Hinted: type = Base
(First, Second), *Rest = (Base, Base), Base
try:
    import nowhere
except ImportError:
    class Tried(Base):
        pass
if True:
    class Branched(Base):
        pass

def build():
    class Inner(Base):
        pass
    return Inner

Built = build()
"""
DYNAMIC = """
from sibling import Base
globals()["Dynamic"] = Base

def __getattr__(name):
    if name == "Late":
        return Base
    raise AttributeError(name)
"""
SIBLING = """
from tfcli import Task

class Base(Task):
    def target(self, inputs):
        return inputs
"""


@pytest.fixture
def siblings(folder: Path) -> Path:
    (folder / "sibling.py").write_text(SIBLING)
    (folder / "mine.py").write_text(BOUND)
    (folder / "dynamic.py").write_text(DYNAMIC)
    return folder


def read_and_load(name: str) -> Task:
    """Load a task as a training does: named in a configuration, then imported."""
    return load_task(load_config("copy", [f"task.name={name}"]).task.name, "aligned")


@pytest.mark.parametrize(
    "name",
    [
        *(f"mine.py:{name}" for name in ("Base", "Renamed", "Alias", "Hinted", "First", "Second", "Tried")),
        *("mine.py:Branched", "mine.py:Built", "dynamic.py:Dynamic", "dynamic.py:Late"),
    ],
)
def test_a_class_is_found_however_it_came_by_its_name(name: str, siblings: Path) -> None:
    assert read_and_load(name).encode("3 1") == [3, 1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.py:Inner", "mine.py has no class Inner"),
        ("mine.py:Tryed", "mine.py has no class Tryed; did you mean 'Tried'?"),
        ("dynamic.py:Dynamik", "dynamic.py has no class Dynamik; did you mean 'Dynamic'?"),
        ("mine.py:build", "must be a subclass of tfcli.Task"),
        ("mine.py:sibling", "must be a subclass of tfcli.Task"),
    ],
)
def test_what_is_no_class_once_it_has_run_is_named(name: str, message: str, siblings: Path) -> None:
    with pytest.raises(UsageError, match=r"task\.name") as caught:
        read_and_load(name)
    assert message in str(caught.value)
    assert "AttributeError" not in str(caught.value)


def test_a_sibling_is_imported_from_whatever_folder_the_command_is_run(
    siblings: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A console script has its own folder on the path, `python -m tfcli` the current one."""
    script = tmp_path_factory.mktemp("bin") / "tfcli"
    script.write_text("from tfcli.cli import app\napp(prog_name='tfcli')\n")
    small = [*SMALL, "train.steps=1", "-q"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for start in ([str(script)], ["-m", "tfcli"]):
        for folder, file in ((siblings, "mine.py"), (elsewhere, siblings / "mine.py")):
            words = [sys.executable, *start, "train", "copy", f"task.name={file}:Base", *small]
            found = subprocess.run(words, cwd=folder, capture_output=True, check=False, env=environment)
            assert found.returncode == 0, found.stderr


def test_a_distribution_brings_a_task_by_name(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = "[tfcli.tasks]\nswap = swapping:Swapping\nbroken = nowhere:Task\n"
    install("swapping", DOUBLING, points, folder, monkeypatch)
    assert set(as_json(cli, "ls")["tasks"]) >= {"copy", "swap"}
    train = ["train", "copy", *SMALL, "-q"]
    assert as_json(cli, *train, "task.name=swap")["task"] == "swap"
    assert cli("predict", "0 3 1").stdout == "1 0 2\n"
    broken = cli(*train, "task.name=broken", expect=2)
    assert broken.stderr.startswith("error: task broken: ModuleNotFoundError: No module named 'nowhere'")


def test_a_task_that_two_distributions_bring_is_refused(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        install(name, DOUBLING, f"[tfcli.tasks]\nswap = {name}:Swapping\n", folder, monkeypatch)
    assert as_json(cli, "ls")["tasks"]["swap"] == "from one:Swapping and two:Swapping"
    refused = cli("train", "copy", *SMALL, "task.name=swap", "-q", expect=2)
    sources = "one (one:Swapping) and two (two:Swapping) bring the same name"
    assert f"{sources}; uninstall all but one" in refused.stderr


def test_a_task_that_breaks_beyond_its_lengths_is_named_where_it_is_asked(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(
        "import tfcli\n\nclass Mine(tfcli.Task):\n    def target(self, inputs):\n"
        "        return inputs if inputs.shape[1] < 9 else inputs[:, :1]\n"
    )
    words = ["task.name=mine.py:Mine", "task.max_length=8", "train.steps=2", "train.batch_size=4"]
    cli("train", "copy", *words, "-q")
    for command in ("predict", "attn", "trace"):
        message = " ".join(cli(command, "copy", "1 2 3 4 5 6 7 8 9", expect=2).stderr.split())
        assert "length 9: target() must return int64" in message

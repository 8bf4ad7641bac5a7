"""A run that moved finds its code, and what has changed in it since is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tfcli
from tests.conftest import Cli, as_json
from tfcli.commands.train import train_run
from tfcli.config.files import load_config
from tfcli.runs import folders

TASK = '''"""A task."""
import tfcli

class Mine(tfcli.Task):
    """3 1 2 -> 3 1 2."""

    def target(self, inputs):
        return inputs
'''
PART = '''"""A norm."""
import tfcli

class Same(tfcli.Norm):
    """Nothing changes."""

    def forward(self, x):
        return x
'''
WORDS = ["train.steps=4", "train.eval_every=2", "train.batch_size=4", "model.d_model=16", "model.n_heads=2"]


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a run whose task and norm come from files in it."""
    path = folder / "project"
    (path / "code").mkdir(parents=True)
    (path / "code/mine.py").write_text(TASK)
    (path / "part.py").write_text(PART)
    monkeypatch.chdir(path)
    settings = ["task.name=code/mine.py:Mine", "model.norm=part.py:Same", *WORDS]
    train_run(load_config("copy", settings), "mine", None)
    return path


@pytest.fixture
def moved(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the project, which is elsewhere now; it is the current one."""
    monkeypatch.chdir(project.parent)
    path = project.rename(project.with_name("moved"))
    monkeypatch.chdir(path)
    return path


def test_a_run_that_moved_with_its_code_finds_it(moved: Path, cli: Cli) -> None:
    result = cli("predict", "mine", "1 2 3")
    assert result.stderr == "" or result.stderr.startswith("right is")
    assert as_json(cli, "train", "--resume", "mine", "train.steps=6")["steps"] == 6
    assert f"{moved}/code/mine.py:Mine" in (moved / "runs/mine/config.yaml").read_text()


def test_another_file_of_that_name_is_not_taken_for_it(moved: Path, cli: Cli) -> None:
    (moved / "code/mine.py").write_text(TASK.replace("return inputs", "return inputs.flip(1)"))
    message = cli("predict", "mine", "1 2 3", expect=2).stderr
    assert "can't read" in message
    assert "project/code/mine.py" in " ".join(message.split()).replace(" ", "")


def test_code_that_changed_is_told(project: Path, cli: Cli) -> None:
    Path("part.py").write_text(PART + "# changed\n")
    result = cli("predict", "mine", "1 2 3", "--trust", "part.py")
    told = f"note: model.norm: {project}/part.py has changed since runs/mine was trained"
    assert told in " ".join(result.stderr.split()).replace("part. py", "part.py")
    with pytest.warns(UserWarning, match=r"part\.py has changed since"):
        tfcli.load("mine", trust=["part.py"])


def test_a_swapped_configuration_is_told_and_does_not_count(project: Path, cli: Cli) -> None:
    path = Path("runs/mine") / folders.CONFIG
    path.write_text(path.read_text().replace("seed: 0", "seed: 7").replace("n_layers: 1", "n_layers: 3"))
    for words in (["inspect", "mine"], ["predict", "mine", "1 2 3"]):
        said = " ".join(cli(*words).stderr.split())
        assert "note: runs/mine/config.yaml says model.n_layers = 3, and the run was trained with 1" in said
        assert "says train.seed = 7, and the run was trained with 0; that is what counts" in said


def test_a_run_whose_code_is_gone_says_so(project: Path, cli: Cli) -> None:
    shutil.rmtree("code")
    assert "can't read" in cli("predict", "mine", "1 2 3", expect=2).stderr
    assert "can't read" in cli("train", "--resume", "mine", "train.steps=6", expect=2).stderr


def test_a_run_whose_code_is_gone_is_listed_all_the_same(project: Path, cli: Cli) -> None:
    shutil.rmtree("code")
    Path("part.py").unlink()
    assert "damaged" not in cli("ls").stdout
    assert as_json(cli, "inspect", "mine")["config"]["model"]["norm"].endswith("part.py:Same")

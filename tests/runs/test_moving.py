"""`mv` gives a run another name, and overwrites nothing."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Cli, as_json
from tfcli.runs import folders


@pytest.fixture
def runs(trained: Path, folder: Path) -> Path:
    """Return `runs/` of the current folder, with two runs."""
    for name in ("a", "sweep/1"):
        shutil.copytree(trained / "runs/reverse", folder / "runs" / name)
    return folder / "runs"


@pytest.mark.parametrize(
    ("old", "new", "folder_of_it"),
    [
        ("a", "b", "runs/b"),
        ("sweep/1", "best", "runs/best"),
        ("sweep/1", "sweep/best", "runs/sweep/best"),
        ("runs/a", "runs/sweep/2", "runs/sweep/2"),
        ("a", "kept/here/a", "kept/here/a"),
    ],
)
def test_a_run_has_another_name(old: str, new: str, folder_of_it: str, cli: Cli, runs: Path) -> None:
    before = {path.name for path in folders.find(old).iterdir()}
    report = as_json(cli, "mv", old, new)
    assert report["run"] == folder_of_it
    assert cli("predict", new, "1 2").stdout
    assert {path.name for path in Path(folder_of_it).iterdir()} == before
    assert not Path(report["before"]).exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a", "sweep", "runs/sweep exists already; choose another name"),
        ("a", "a", "runs/a exists already"),
        ("a", "", "the new name is empty"),
        ("b", "c", "no run is called 'b'"),
        ("sweep", "c", "sweep is a folder of runs; name one of them: sweep/1"),
        ("runs/sweep", "c", "runs/sweep is a folder of runs; name one of them: sweep/1"),
        ("a", "file/x", "runs/a can't become file/x: "),
        ("a", "runs/a/b", "runs/a can't become runs/a/b: Invalid argument; a run can't lie within itself"),
        ("a", "b\nc", "'b\\nc' holds what can't be printed; choose another name"),
    ],
)
def test_what_cannot_be_is_refused(old: str, new: str, said: str, cli: Cli, runs: Path) -> None:
    Path("file").write_text("mine")
    assert said in cli("mv", old, new, expect=1 if "become" in said else 2).stderr
    assert sorted(folders.run_names()) == ["a", "sweep/1"]


def test_a_run_within_another_one_is_refused(cli: Cli, runs: Path) -> None:
    said = " ".join(cli("mv", "a", "runs/sweep/1/inner", expect=2).stderr.split())
    assert "runs/sweep/1/inner would lie within the run runs/sweep/1, where it isn't found" in said


def test_another_disk_is_named(cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", refuse)
    said = cli("mv", "a", "b", expect=1).stderr
    assert "that is on another disk; copy it there, then `tfcli rm` it here" in said


def test_a_run_that_leaves_its_sweep_is_noted(cli: Cli, runs: Path) -> None:
    assert "note: " not in cli("mv", "a", "b").stderr
    line = json.dumps({"id": "1", "run": "runs/sweep/1", "settings": {}})
    (runs / "sweep/sweep.jsonl").write_text(f"{line}\n")
    assert "note: " not in cli("mv", "b", "runs/sweep/mine").stderr
    assert "note: " not in cli("mv", "sweep/mine", "a").stderr  # which was never one of it
    said = cli("mv", "sweep/1", "best").stderr
    assert "note: the sweep in runs/sweep no longer has it, and trains it again when it is asked for" in said


def test_a_name_beyond_ascii_leaves_its_sweep_with_a_note(cli: Cli, runs: Path) -> None:
    cli("mv", "sweep/1", "sweep/Größe-1")
    line = json.dumps({"id": "1", "run": "runs/sweep/Größe-1", "settings": {}})
    (runs / "sweep" / folders.JOURNAL).write_text(f"{line}\n")
    assert "note: the sweep in runs/sweep no longer has it" in cli("mv", "sweep/Größe-1", "best").stderr

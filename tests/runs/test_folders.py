"""Runs are found below `runs/`, and one level deeper."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import Cli, as_json
from tfcli.errors import UsageError
from tfcli.runs import folders


@pytest.fixture
def several(trained: Path, folder: Path) -> Path:
    """Return the current folder, with a run, and two in a folder beside it."""
    for name in ("alone", "sweep-1/a", "sweep-1/b"):
        shutil.copytree(trained / "runs/reverse", folder / "runs" / name)
    (folder / "runs/sweep-1/notes.txt").write_text("")
    (folder / "runs/other").mkdir()
    return folder


@pytest.mark.usefixtures("several")
def test_runs_in_a_folder_of_runs_are_listed_and_found_by_both_names(cli: Cli) -> None:
    assert sorted(folders.run_names()) == ["alone", "sweep-1/a", "sweep-1/b"]
    assert {run["run"] for run in as_json(cli, "ls")["runs"]} == set(folders.run_names())
    assert as_json(cli, "inspect", "sweep-1/a")["run"] == "runs/sweep-1/a"
    assert "did you mean 'sweep-1/a'" in cli("inspect", "sweep-1/aa", expect=2).stderr


def test_what_lies_within_a_run_is_no_run(several: Path) -> None:
    shutil.copytree(several / "runs/alone", several / "runs/alone/copy")
    assert "alone/copy" not in folders.run_names()


def test_the_newest_run_may_lie_deeper(several: Path) -> None:
    (several / "runs/sweep-1/b" / folders.CONFIG).touch()
    assert folders.find(None) == Path("runs/sweep-1/b")


def test_a_journal_among_runs_is_passed_over(several: Path) -> None:
    (several / "runs/sweep-1" / folders.JOURNAL).write_text("")
    names = [f"runs/sweep-1/{name}" for name in ("a", "b", folders.JOURNAL)]
    assert folders.find_all(names) == [Path("runs/sweep-1/a"), Path("runs/sweep-1/b")]
    with pytest.raises(UsageError, match=r"sweep\.jsonl isn't a run"):
        folders.find_all(names[2:])

"""`rm` removes runs, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SMALL, Cli, as_json, tfcli
from tfcli.errors import UsageError
from tfcli.runs import folders, locks, removing


@pytest.fixture
def runs(trained: Path, folder: Path) -> Path:
    """Return `runs/` of the current folder, with three runs and a sweep of two."""
    for name in ("a", "b", "c", "sweep/1", "sweep/2"):
        shutil.copytree(trained / "runs/reverse", folder / "runs" / name)
    (folder / "runs/sweep" / folders.JOURNAL).write_text("{}\n")
    return folder / "runs"


def test_runs_are_removed_by_name_and_path(cli: Cli, runs: Path) -> None:
    report = as_json(cli, "rm", "a", "runs/b", "sweep/1", "runs/../runs/a", str(runs / "b"), "--yes")
    assert report["removed"] == ["runs/a", "runs/b", "runs/sweep/1"]
    assert report["freed"] > 100_000
    assert report["kept"] == report["notes"] == []
    assert sorted(path.name for path in runs.iterdir()) == ["c", "sweep"]


def test_all_runs_are_removed_as_the_shell_names_them(cli: Cli, runs: Path) -> None:
    assert "5 runs removed, " in cli("rm", *map(str, runs.glob("*")), "-y").stdout
    assert list(runs.iterdir()) == []


def test_a_sweep_is_removed_with_what_was_written_down_of_it(cli: Cli, runs: Path) -> None:
    cli("rm", "sweep", "--yes")
    assert not (runs / "sweep").exists()
    assert (runs / "a").exists()


def test_a_sweep_that_was_killed_before_its_first_run_was_through_is_removed(
    cli: Cli, runs: Path, folder: Path
) -> None:
    shutil.copytree(runs / "sweep", folder / "elsewhere")
    (folder / "elsewhere" / folders.JOURNAL).unlink()
    (folder / "elsewhere" / locks.LOCK).write_text("1234")
    cli("rm", *map(str, (folder / "elsewhere").glob("*")), "--yes")
    assert not (folder / "elsewhere").exists()


def test_runs_of_a_sweep_that_goes_on_are_left_alone(cli: Cli, runs: Path) -> None:
    with locks.hold(runs / "sweep"):
        said = cli("rm", "a", "sweep", "--yes", expect=2).stderr
    assert f"runs/sweep is in use by a sweep (pid {os.getpid()})" in said
    assert (runs / "a").exists()
    cli("rm", "a", "sweep", "--yes")


def test_what_was_removed_before_an_error_is_told(cli: Cli, runs: Path) -> None:
    (runs / "b" / folders.METRICS).unlink()
    (runs / "b" / folders.METRICS).mkdir()
    said = " ".join(cli("rm", "a", "b", "--yes", expect=1).stderr.split())
    assert "error: runs/b/metrics.jsonl can't be removed (Is a directory); removed before: runs/a" in said
    assert "no run was removed" in cli("rm", "b", "c", "--yes", expect=1).stderr
    assert (runs / "c").exists()


def test_what_a_training_leaves_is_removed_and_nothing_stays(cli: Cli, folder: Path) -> None:
    cli("train", "copy", *SMALL, "train.steps=4", "train.snapshot_every=2", "-q")
    (folder / "runs/copy/.model.safetensors.12345").write_text("half")
    cli("rm", "copy", "--yes")
    assert list((folder / "runs").iterdir()) == []


def test_what_is_not_the_runs_is_kept_and_told(cli: Cli, runs: Path) -> None:
    (runs / "a/map.html").write_text("mine")
    (runs / "a/snapshots").mkdir(exist_ok=True)
    (runs / "a/snapshots/notes.txt").write_text("mine")
    assert "runs/a is kept: it holds something that isn't a run's" in cli("rm", "a", "--yes").stdout
    left = sorted(str(path.relative_to(runs)) for path in (runs / "a").rglob("*"))
    assert left == ["a/map.html", "a/snapshots", "a/snapshots/notes.txt"]
    assert "a/map.html" not in cli("ls").stdout


def foreign(folder: Path) -> str:
    (folder / "site").mkdir()
    (folder / "site" / folders.CONFIG).write_text("title: a page\ntask: none\n")
    return "site"


def a_file(folder: Path) -> str:
    (folder / "runs/notes.txt").write_text("mine")
    return "runs/notes.txt"


def all_runs(folder: Path) -> str:
    return "runs"


def here(folder: Path) -> str:
    return "."


def above(folder: Path) -> str:
    shutil.copytree(folder / "runs/a", folder.parent / "a run beside", dirs_exist_ok=True)
    return ".."


def elsewhere(folder: Path) -> str:
    shutil.copytree(folder / "runs/a", folder / "other/a")
    return "other"


def empty(folder: Path) -> str:
    (folder / "runs/empty").mkdir()
    return "runs/empty"


@pytest.mark.parametrize(
    "make", [foreign, a_file, empty, all_runs, here, above, elsewhere], ids=lambda make: make.__name__
)
def test_what_is_no_run_is_refused_and_nothing_is_removed(
    make: Callable[[Path], str], cli: Cli, runs: Path, folder: Path
) -> None:
    name = make(folder)
    said = cli("rm", "a", name, "--yes", expect=2).stderr
    assert "othing was removed" in said
    assert f"error: {name} isn't a run" in said or f"error: {name} holds all runs" in said
    assert (runs / "a" / folders.WEIGHTS).exists()
    assert (folder / name).exists()


def test_a_name_that_is_mistyped_is_answered_with_the_nearest(cli: Cli, runs: Path) -> None:
    assert "did you mean 'sweep/1'?" in cli("rm", "sweeep/1", "--yes", expect=2).stderr
    assert "no run is called ''" in cli("rm", "", "--yes", expect=2).stderr


def test_a_run_in_training_is_left_alone_with_the_others(cli: Cli, runs: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tfcli.runs import locks\n"
        f"with locks.hold(Path({str(runs / 'b')!r})): print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = cli("rm", "a", "b", "--yes", expect=2).stderr
        assert f"runs/b is in training (pid {process.pid})" in said
        assert f"runs/b is in training (pid {process.pid})" in cli("mv", "b", "d", expect=2).stderr
        process.communicate("")
    assert (runs / "a").exists()
    cli("rm", "a", "b", "--yes")


def test_a_run_that_is_taken_up_meanwhile_is_left_alone(runs: Path) -> None:
    found = removing.find_removable(["a"])
    with locks.hold(runs / "a"), pytest.raises(UsageError, match="is in training"):
        removing.remove_runs(found)
    assert (runs / "a" / folders.WEIGHTS).exists()


def test_a_link_is_removed_and_not_what_it_leads_to(cli: Cli, runs: Path, folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    (runs / "c").rename(elsewhere)
    (runs / "linked").symlink_to(elsewhere)
    (runs / "a/snapshots").symlink_to(folder)
    cli("rm", "linked", "a", "--yes")
    assert not os.path.lexists(runs / "linked")
    assert folder.exists()
    assert not (runs / "a").exists()
    assert (elsewhere / folders.WEIGHTS).exists()


def test_a_damaged_run_is_removed_like_another(cli: Cli, runs: Path) -> None:
    (runs / "a" / folders.CONFIG).write_bytes(b"\xff: [")
    (runs / "b" / folders.WEIGHTS).write_bytes(b"nothing")
    (runs / "c" / folders.CONFIG).unlink()
    cli("rm", "a", "b", "c", "--yes")
    assert [path.name for path in runs.iterdir()] == ["sweep"]


def test_nobody_is_asked_where_nobody_is(runs: Path, folder: Path) -> None:
    result = tfcli("rm", "a", cwd=folder, stdin=subprocess.DEVNULL)
    assert result.returncode == 2
    assert "nobody is here to ask whether to remove 1 run (" in result.stderr
    assert (runs / "a").exists()


@pytest.mark.parametrize(("answer", "is_gone"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_is_asked_for(answer: str, is_gone: bool, runs: Path, folder: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    result = tfcli("rm", "a", "b", cwd=folder, stdin=theirs)
    assert "remove 2 runs (" in result.stderr
    assert "bytes): runs/a and runs/b? [y/N]" in result.stderr
    assert result.returncode == (0 if is_gone else 1)
    assert (runs / "a").exists() != is_gone
    assert ("nothing was removed" in result.stderr) != is_gone


def test_a_run_whose_attempts_start_from_it_is_told(cli: Cli, runs: Path) -> None:
    words = [*SMALL, "train.steps=2", "-q", "--from", "a"]
    cli("train", "reverse", *words, "--out", "runs/once")
    cli("train", "reverse", *words, "train.attempts=2", "--out", "runs/twice")
    assert as_json(cli, "mv", "a", "moved")["notes"] == [
        "each attempt of twice starts from runs/a; without it none that is left can be resumed"
    ]
    cli("mv", "moved", "a")
    assert "each attempt of twice starts from runs/a" in cli("rm", "a", "--yes").stderr


def test_the_last_attempt_goes_on_without_the_run_that_it_started_from(cli: Cli, runs: Path) -> None:
    cli("train", "reverse", *SMALL, "train.steps=2", "-q", "--from", "a", "--out", "runs/later")
    cli("rm", "a", "--yes")
    resumed = as_json(cli, "train", "--resume", "later", "train.steps=4", "train.stop_when_solved=false")
    assert resumed["steps"] == 4

"""`sweep` as people use it: what it prints and writes, and what it survives."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.commands.resuming import left_behind
from tests.conftest import Cli, as_json, tfcli
from tests.sweeps.inline import TINY, InlineWorkers
from tfcli.runs import folders

SMALL = ["sweep", "reverse", *TINY, "model.positions=rotary,ends", "train.seed=0:1"]
LONG = [
    *["sweep", "reverse", "train.steps=150", "train.stop_when_solved=false", "task.max_length=6"],
    *["train.seed=0:3", "--workers", "2", "-q"],
]
FOLDER = Path("runs/reverse-sweep")


class Pool(InlineWorkers):
    """Workers within this process, as a context."""

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.sweeps.workers.LocalWorkers", Pool)


@pytest.mark.usefixtures("inline")
def test_a_sweep_ends_with_a_table_over_seeds_and_what_to_try_next(cli: Cli) -> None:
    result = cli(*SMALL, "--lengths", "3,9", "--samples", "16")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("runs/reverse-sweep: 4 of 4 runs done, ")
    assert lines[1].split() == [
        "setting",
        "solved",
        "exact",
        "worst",
        "steps",
        "seconds",
        *["at", "3", "worst", "at", "9", "worst"],
    ]
    assert [lines[i].split()[:4] for i in (2, 3)] == [[name, "0", "of", "2"] for name in ("rotary", "ends")]
    assert any(line.startswith("ends") and "exact match at 9" in line for line in lines)
    assert "next: tfcli attn runs/reverse-sweep/" in result.stderr
    assert "runs=4/4 solved=0 failed=0 running=0 eta=0s" in result.stderr
    assert "4 had been done before (" in cli(*SMALL, "--lengths", "3,9", "--samples", "16").stdout
    scored = cli(*SMALL, "--lengths", "4", "--samples", "16").stdout
    assert "4 had been done before (4 of them scored now)" in scored.replace("\n", " ")


@pytest.mark.usefixtures("inline")
def test_settings_are_held_against_one_that_is_named(cli: Cli) -> None:
    cli(*SMALL, "-q")
    result = cli(*SMALL, "--against", "model.positions=ends", "-q")
    at = result.stdout.index("setting", result.stdout.index("setting") + 1)
    heading, row, *_ = result.stdout[at:].splitlines()
    assert "less ends" in heading
    assert row.split()[:3] == ["rotary", "exact", "match"]
    assert "Mean differences from the setting with ends that is the same" in " ".join(result.stdout.split())
    report = as_json(cli, *SMALL, "--against", "model.positions=ends")
    assert report["baseline"] == "ends"
    assert {(found["label"], found["baseline"]) for found in report["contrasts"]} == {("rotary", "ends")}


@pytest.mark.usefixtures("inline")
def test_the_runs_of_a_sweep_are_runs(cli: Cli) -> None:
    report = as_json(cli, *SMALL)
    run = report["outcomes"][0]["run"]
    assert as_json(cli, "inspect", run.removeprefix("runs/"))["config"]["model"]["positions"] == "rotary"
    assert len(as_json(cli, "ls")["runs"]) == 4
    cli("attn", run, "1 2")


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_tables_fit_the_terminal(columns: int, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = cli(*SMALL, "-q")
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert result.stderr == ""


@pytest.mark.usefixtures("inline")
def test_a_sweep_can_be_written_in_four_formats(cli: Cli, folder: Path) -> None:
    for suffix in ("csv", "json", "md", "svg"):
        assert f"all.{suffix}: " in cli(*SMALL, "-q", "--save", f"all.{suffix}").stdout
    header, *rows = (folder / "all.csv").read_text().splitlines()
    assert header.startswith("model.positions,train.seed,id,run,state,seed,steps")
    assert len(rows) == 4
    assert json.loads((folder / "all.json").read_text())["planned"] == 4
    assert "| rotary | 0 of 2 |" in (folder / "all.md").read_text()
    assert (folder / "all.svg").read_text().count("<circle") == 4
    assert "exists already; --force" in cli(*SMALL, "--save", "all.csv", expect=2).stderr
    cli(*SMALL, "-q", "--save", "all.csv", "--force")


@pytest.mark.usefixtures("inline")
def test_a_failure_is_told_at_the_end_with_exit_code_1(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(
        "import tfcli\n\nclass Mine(tfcli.Positions):\n"
        "    def embed(self, x, at):\n"
        "        self.calls = getattr(self, 'calls', 0) + 1\n"
        "        if self.calls > 4:\n            raise ZeroDivisionError('a bug')\n        return x\n"
    )
    words = [word.replace("rotary", "mine.py:Mine") for word in SMALL]
    result = cli(*words, expect=1)
    assert "failed: 2 of 4 runs" in result.stdout
    told = " ".join(result.stdout.split())
    assert "model.positions=mine.py:Mine train.seed=0: ZeroDivisionError: a bug (at " in told
    assert "ends 0 of 2" in told
    cli(*words, "-q", "--save", "all.md", expect=1)
    assert "| failed | why |" in (folder / "all.md").read_text()


@pytest.mark.usefixtures("inline")
def test_a_dry_run_says_how_much_there_is_and_leaves_nothing(cli: Cli, folder: Path) -> None:
    result = cli(*SMALL, "--dry-run")
    assert result.stdout.startswith("runs/reverse-sweep: 4 runs of 2 settings\n")
    assert "48 at most, of the runs that are left" in result.stdout
    assert "tried" not in result.stdout
    assert list(folder.iterdir()) == []
    assert as_json(cli, *SMALL, "--dry-run")["runs"] == 4


@pytest.mark.usefixtures("inline")
def test_a_dry_run_tells_what_is_only_to_be_scored_from_what_is_to_be_trained(cli: Cli) -> None:
    cli(*SMALL)
    text = " ".join(cli(*SMALL, "--lengths", "7", "--dry-run").stdout.split())
    assert "done 4, still to be scored at these lengths: 4; begun, and to go on: 0" in text
    assert "0 at most, of the runs that are left" in text
    cli(*SMALL, "--lengths", "7")
    text = " ".join(cli(*SMALL, "--lengths", "7", "--dry-run").stdout.split())
    assert "done 4; begun" in text


@pytest.mark.usefixtures("inline")
def test_a_dry_run_says_whose_parameters_it_has_where_some_settings_are_left_out(cli: Cli) -> None:
    text = cli("sweep", "reverse", *TINY, "model.d_ff=10:15", "--dry-run").stdout
    assert re.search(r"parameters +\d+ to \d+, of the 4 settings tried\n", text)


@pytest.mark.usefixtures("inline")
def test_a_run_alone_is_told_of_in_the_singular(cli: Cli) -> None:
    words = ["sweep", "reverse", *TINY, "train.seed=7:7"]
    assert cli(*words, "--dry-run").stdout.startswith("runs/reverse-sweep: 1 run\n")
    assert cli(*words).stdout.startswith("runs/reverse-sweep: 1 of 1 run done, 0 solved")
    assert (
        "not part of this: 1 run in runs/reverse-sweep, of other" in cli(*words[:-1], "train.seed=8:8").stdout
    )


@pytest.mark.usefixtures("inline")
def test_the_block_of_a_file_is_swept_and_otherwise_left_alone(cli: Cli, folder: Path) -> None:
    settings = "".join(
        f"  {word.partition('.')[2].replace('=', ': ')}\n" for word in TINY if word[:5] == "train"
    )
    (folder / "mine.yaml").write_text(
        f"task: {{name: reverse, max_length: 4}}\nmodel: {{d_model: 8, n_heads: 2}}\ntrain:\n{settings}"
        "sweep:\n  model.positions: [rotary, ends]\n  train.seed: 0:1\n"
    )
    report = as_json(cli, "sweep", "mine.yaml", "train.seed=5")
    assert [outcome["settings"] for outcome in report["outcomes"]] == [
        {"model.positions": "rotary"},
        {"model.positions": "ends"},
    ]
    cli("validate", "mine.yaml")
    cli("train", "mine.yaml", "-q")
    assert "sweep" not in cli("show", "mine.yaml").stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--force"], "--force is about the file of --save"),
        (["--save", "all.pdf"], "the suffix says the format, one of .csv .json .md .svg"),
        (["--search", "all"], "can't read --search 'all'; write --search random:50"),
        (
            ["--search", "optuna:3", "--halving"],
            "--halving goes with a grid or --search random, not with optuna",
        ),
        (["train.seed=0.0:3.0", "--search", "random:2"], "seeds are whole numbers, all of which are trained"),
        (["model.d_model=9,11"], "model.n_heads = 2: must divide d_model = 9"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(words: list[str], problem: str, cli: Cli) -> None:
    small = [word for word in SMALL if word.partition("=")[0] not in {w.partition("=")[0] for w in words}]
    errors = cli(*small, *words, expect=2).stderr
    assert problem in errors


def test_a_mistyped_name_of_the_command_leads_to_it(cli: Cli) -> None:
    assert "did you mean `tfcli sweep`" in cli("grid", expect=2).stderr


def test_planning_does_not_import_torch(folder: Path) -> None:
    code = (
        "import sys; from tfcli.cli import app\n"
        "try: app(['sweep', 'reverse', 'model.d_model=9,11'], prog_name='tfcli')\n"
        "except SystemExit as e: assert e.code == 2, e.code\n"
        "import tfcli.commands.sweep, tfcli.commands.sweep_reports, tfcli.render.sweep_svg\n"
        "assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)


@contextmanager
def sweeping(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A sweep in a process of its own of which a run has been saved."""
    words = [sys.executable, "-m", "tfcli", *LONG]
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not list((folder / FOLDER).glob(f"*/{folders.STATE}")) and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


def finish(folder: Path, code: int = 0) -> list[dict[str, Any]]:
    """Let a sweep go on to its end, and return what its runs came to."""
    done = tfcli(*LONG, "--json", cwd=folder)
    assert done.returncode == code, done.stderr
    outcomes = json.loads(done.stdout)["outcomes"]
    assert [outcome["steps"] for outcome in outcomes] == [150] * 4
    return list(outcomes)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """Return what the runs leave behind where nothing happens to them, by their seeds."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return {o["seed"]: left_behind(folder / o["run"]) for o in finish(folder)}


def check_all(folder: Path, undisturbed: dict[int, Any]) -> None:
    for outcome in finish(folder):
        assert left_behind(folder / outcome["run"]) == undisturbed[outcome["seed"]]


@pytest.mark.slow
@pytest.mark.xdist_group("undisturbed")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "end-of-a-job"])
def test_a_signal_to_all_saves_and_the_same_command_goes_on(
    tmp_path: Path, undisturbed: dict[int, Any], number: signal.Signals
) -> None:
    with sweeping(tmp_path) as process:
        os.killpg(process.pid, number)  # as a terminal or a batch system does
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "of 4 runs done" in out
    assert "failed" not in out
    assert not list((tmp_path / FOLDER).glob("*/training.lock"))
    check_all(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    with sweeping(tmp_path) as process:
        os.killpg(process.pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGCONT)  # its workers are stuck
        process.send_signal(signal.SIGINT)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130


@pytest.mark.slow
@pytest.mark.xdist_group("undisturbed")
def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path, undisturbed: dict[int, Any]) -> None:
    with sweeping(tmp_path) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        locks = [path.read_text().strip() for path in (tmp_path / FOLDER).glob("*/training.lock")]
        victim = next(pid for pid in children if pid in locks)
        os.kill(int(victim), signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert f"worker {victim} was ended by SIGKILL" in errors
    check_all(tmp_path, undisturbed)


@pytest.mark.slow
@pytest.mark.xdist_group("undisturbed")
def test_a_sweep_that_is_killed_loses_nothing(tmp_path: Path, undisturbed: dict[int, Any]) -> None:
    with sweeping(tmp_path) as process:
        process.kill()
        process.communicate(timeout=60)
    check_all(tmp_path, undisturbed)


def test_what_own_code_prints_by_other_means_does_not_come_between(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import os\n\nimport tfcli\n\n\nclass Loud(tfcli.Positions):\n    def embed(self, x, at):\n"
        "        os.system('echo from a program')\n        return x\n"
    )
    words = ["sweep", "reverse", *TINY, "model.positions=mine.py:Loud,ends", "--json"]
    ended = tfcli(*words, "--workers", "1", cwd=tmp_path)
    assert json.loads(ended.stdout)["done"] == 2
    assert "from a program" in ended.stderr

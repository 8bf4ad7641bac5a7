"""The command line as processes: what is imported, signals, pipes, encodings."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import tfcli


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["ls"],
        ["ls", "--where", "steps>0", "--sort", "train.seed"],
        ["show", "reverse"],
        ["inspect"],
        ["validate", "reverse"],
        ["train", "sort", "--dry-run"],
        ["doctor"],  # which tries torch in another process
    ],
)
def test_looking_around_does_not_import_torch(words: list[str], trained: Path) -> None:
    code = (
        "import sys; from tfcli.cli import app\n"
        f"try: app({words!r}, prog_name='tfcli')\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=trained, check=True, capture_output=True)


def test_comparing_does_not_import_torch(trained: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(trained / "runs/reverse", tmp_path / "runs" / name)
    test_looking_around_does_not_import_torch(["compare", "a", "b"], tmp_path)


def test_completion_offers_examples_settings_and_runs(trained: Path) -> None:
    def offered(line: str) -> str:
        env = {
            **os.environ,
            "_TFCLI_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split())),
        }
        return tfcli(cwd=trained, env=env).stdout

    assert "reverse" in offered("tfcli train ").split()
    assert "chinese" in offered("tfcli show ").split()
    assert "reverse" in offered("tfcli eval ").split()
    assert "model.n_layers=" in offered("tfcli train reverse ").split()
    for command in ("compare", "mv", "rm", "rm reverse"):
        assert "reverse" in offered(f"tfcli {command} ").split()
    assert "model.positions=" in offered("tfcli ls --where ").split()
    assert "exact_match" in offered("tfcli ls --sort ").split()


def test_ctrl_c_saves_what_was_learned(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tfcli",
        "train",
        "reverse",
        "train.steps=100000",
        "train.stop_when_solved=false",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    metrics = tmp_path / "runs/reverse/metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted (step " in out
    details = json.loads(tfcli("inspect", "--json", cwd=tmp_path).stdout)
    assert details["interrupted"]
    assert details["steps"] > 0
    assert tfcli("predict", "3 1 2", cwd=tmp_path).returncode == 0


def test_a_reader_that_goes_away_is_no_error(trained: Path) -> None:
    command = f"{sys.executable} -m tfcli attn reverse | head -n 1"
    result = subprocess.run(command, shell=True, cwd=trained, capture_output=True, text=True, check=True)
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_json_is_ascii_where_stdout_is(trained: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = tfcli("show", "chinese", "--json", cwd=trained, env=env)
    assert "喜欢" in json.loads(result.stdout)["text"]
    assert result.stdout.isascii()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize(
    ("words", "to_full", "code"),
    [
        (["--help"], "stdout", 1),
        (["--version"], "stdout", 1),
        (["ls"], "stdout", 1),
        (["predict", "reverse", "1 2"], "stdout", 1),
        (["ls"], "stderr", 0),
        (["predict", "reverse", "1 2"], "stderr", 0),
        (["nope"], "stderr", 2),
        (["show", "nope"], "stderr", 2),
        (["train", "copy", "train.steps=2"], "stderr", 0),
    ],
)
def test_a_full_device_changes_no_code_but_that_of_the_result(
    words: list[str], to_full: str, code: int, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path if words[0] == "train" else trained
    with Path("/dev/full").open("w") as full:
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, to_full: full}
        done = subprocess.run(
            [sys.executable, "-m", "tfcli", *words], cwd=folder, check=False, text=True, **streams
        )
    assert done.returncode == code
    if to_full == "stdout":
        assert done.stderr == "error: output: No space left on device\n"


@pytest.mark.parametrize("words", [["ls"], ["docs", "commands"], ["eval", "reverse"], ["--help"], ["doctor"]])
def test_a_reader_that_has_seen_enough_is_no_error(words: list[str], trained: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "tfcli", *words],
        cwd=trained,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_scores_come_one_by_one_and_ctrl_c_ends_it_at_once(trained: Path) -> None:
    command = [sys.executable, "-m", "tfcli", "eval", "reverse", "--lengths", "2,3000", "--samples", "2000"]
    process = subprocess.Popen(
        command, cwd=trained, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(3)]
    assert seen[2].split()[0] == "2"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - started < 1
    assert process.returncode == -signal.SIGINT
    assert errors == ""

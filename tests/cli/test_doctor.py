"""`doctor` as a command: its exit codes, its JSON, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli, as_json, tfcli


def test_where_all_is_well_it_says_what_there_is_and_leaves_nothing(cli: Cli, folder: Path) -> None:
    text = cli("doctor").stdout
    for word in ("tfcli 0.", "python", "torch 2.", "auto takes", "usable", "utf-8", "writable", "plot"):
        assert word in text
    assert "error:" not in text
    assert list(folder.iterdir()) == []


def test_json_has_the_same_and_no_home_folder(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_STATE_HOME")
    report = as_json(cli, "doctor")
    assert [place["path"] for place in report["folders"]][:2] == ["~", "~/.local/state/tfcli"]
    assert str(folder) not in json.dumps(report)
    assert report["environment"]["NO_COLOR"] == "1"
    assert report["terminal"]["stdout"]["is_terminal"] is False
    assert report["terminal"]["width"] == 80


def test_what_stops_work_is_an_error_and_the_exit_code(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken").mkdir()
    (folder / "broken/torch.py").write_text("raise OSError('libtorch.so: no such file')")
    monkeypatch.syspath_prepend(str(folder / "broken"))
    (folder / "runs").write_text("no folder")
    found = cli("doctor", expect=1).stdout
    assert "error: torch can't be imported (OSError: libtorch.so: no such file)" in found
    assert "error: the runs folder" in found
    report = as_json(cli, "doctor", expect=1)
    stopping = [problem for place in report["folders"] for problem in place["problems"]]
    assert [problem["stops_work"] for problem in [*report["software"]["problems"], *stopping]] == [True, True]


def test_another_encoding_than_utf_8_is_a_warning(folder: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = tfcli("doctor", cwd=folder, env=env)
    assert result.returncode == 0, result.stderr
    assert "warning: stdout takes ascii, not UTF-8" in result.stdout
    assert "PYTHONIOENCODING=ascii" in result.stdout
    assert result.stdout.isascii()
    assert result.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_is_told_from_a_pipe(folder: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
    env |= {"TERM": "xterm-256color", "COLUMNS": "77"}
    command = [sys.executable, "-m", "tfcli", "doctor", "--json"]
    result = subprocess.run(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=theirs, stdin=theirs, check=True
    )
    for number in (ours, theirs):
        os.close(number)
    terminal = json.loads(result.stdout)["terminal"]
    assert terminal["stdout"]["is_terminal"] is False
    assert terminal["stderr"]["is_terminal"] is True
    assert terminal["width"] == 77
    assert terminal["colours"] is None  # of stdout, where results go

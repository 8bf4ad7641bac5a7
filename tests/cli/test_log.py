"""`--log`: what happens, line by line, and what becomes of a file that can't be written."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SMALL, Cli, as_json
from tests.docs.documents import DOCUMENTS
from tfcli.cli.log import JsonLines
from tfcli.records.events import EVENTS, LOGGER, SignalNoted, emit

TINY = ["task.max_length=3", "model.d_model=8", "train.steps=4", "train.eval_every=2", "-q"]
LOG = ["--log", "log.jsonl"]


def refuse(constant: str) -> None:
    raise AssertionError(constant)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=refuse) for line in path.read_text("ascii").splitlines()]


def names(path: Path) -> list[str]:
    return [line["event"] for line in read(path)]


def test_a_training_is_logged_from_its_start_to_its_end(cli: Cli, folder: Path) -> None:
    words = [*LOG, "train", "copy", *TINY, "train.snapshot_every=4", "train.stop_when_solved=false"]
    report = json.loads(cli(*words, "--json").stdout)
    lines = read(folder / "log.jsonl")
    saves = [line for line in lines if line["event"] == "saved"]  # how many there are is up to the clock
    assert [line["step"] for line in saves][:: len(saves) - 1] == [2, 4]
    assert {line["folder"] for line in saves} == {"runs/copy"}
    others = [line for line in lines if line not in saves]
    start, training, _, first, snapshot, last, ended, end = others
    assert [line["event"] for line in others] == [
        "command_started",
        "training_started",
        "snapshot_saved",
        "evaluated",
        "snapshot_saved",
        "evaluated",
        "training_ended",
        "command_ended",
    ]
    assert start["words"] == [*words, "--json"]
    assert start["versions"].keys() == {"tfcli", "torch", "python"}
    assert Path(start["folder"]) == folder
    assert training["config"]["task"]["name"] == "copy"
    assert (training["step"], training["device"]) == (0, "cpu")
    kept = [json.loads(line) for line in Path(report["run"], "metrics.jsonl").read_text().splitlines()]
    for line, figures in zip((first, last), kept, strict=True):
        assert line.items() >= figures.items()
    assert snapshot["step"] == 4
    assert Path(snapshot["file"]).is_file()
    assert (ended["run"], ended["step"], ended["how"]) == ("runs/copy", 4, "over")
    assert end["code"] == 0
    assert end["seconds"] > 0
    assert {line["pid"] for line in lines} == {os.getpid()}


def test_each_line_has_its_time_in_utc_and_the_keys_that_are_documented(cli: Cli, folder: Path) -> None:
    cli(*LOG, "train", "copy", *TINY)
    cli(*LOG, "eval", "--lengths", "2,3", "--samples", "9")
    cli(*LOG, "eval", "nothing", expect=2)
    classes = {event.name(): event for event in EVENTS}
    table = DOCUMENTS["json"].partition("<!-- events -->\n")[2]
    for line in read(folder / "log.jsonl"):
        time = datetime.fromisoformat(line.pop("time"))
        assert time.utcoffset() == timedelta(0)
        assert time.microsecond % 1000 == 0
        name, pid = line.pop("event"), line.pop("pid")
        assert pid == os.getpid()
        section = re.split(r"^\| `", table.partition(f"| `{name}` |")[2], flags=re.MULTILINE)[0]
        documented = re.findall(r"^\|  \| `(\w+)` \|", section, re.MULTILINE)
        assert list(line) == documented == [field.name for field in fields(classes[name])]  # type: ignore[arg-type]


def test_the_score_of_each_length_is_logged(run_cli: Cli, tmp_path: Path) -> None:
    words = ["eval", "--lengths", "2,5", "--samples", "9"]
    run_cli("--log", str(tmp_path / "log"), *words)
    scored = [line for line in read(tmp_path / "log") if line["event"] == "length_scored"]
    assert [line["score"] for line in scored] == as_json(run_cli, *words)["lengths"]
    assert {line["run"] for line in scored} == {"runs/reverse"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["eval", "nothing"], 2, "no run is called 'nothing'"),
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        (["eval", "--sampels", "3"], 2, "No such option: --sampels"),
        (
            ["train", "reverse", *SMALL, "-q", "train.learning_rate=1e30", "train.warmup_steps=0"],
            1,
            "became ",
        ),
        (["validate", "nowhere.yaml"], 2, "can't read nowhere.yaml"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_an_error_is_logged_with_its_exit_code(
    words: list[str], code: int, message: str, cli: Cli, folder: Path
) -> None:
    said = cli(*LOG, *words, expect=code).stderr
    *_, failed, end = read(folder / "log.jsonl")
    assert (failed["event"], failed["code"], end["event"], end["code"]) == (
        "failed",
        code,
        "command_ended",
        code,
    )
    assert message in failed["message"]
    assert " ".join(failed["message"].split()) in " ".join(said.split())


def test_a_bug_is_logged(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfcli.commands.catalog.list_catalog", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli(*LOG, "ls")
    _, failed, end = read(folder / "log.jsonl")
    assert failed["message"] == "ZeroDivisionError: division by zero"
    assert failed["code"] == end["code"] == 1


def test_a_warning_is_logged(cli: Cli, folder: Path) -> None:
    words = ["train", "copy", *[word for word in TINY if word != "-q"], "--watch"]
    said = cli(*LOG, *words).stderr
    [warned] = [line for line in read(folder / "log.jsonl") if line["event"] == "warned"]
    assert warned["message"] == "--watch needs a terminal; there is none here to draw on"
    assert warned["message"] in said


def test_a_log_grows_and_is_closed_after_the_command(cli: Cli, folder: Path) -> None:
    handlers, level = list(LOGGER.handlers), LOGGER.level
    cli(*LOG, "ls")
    before = (folder / "log.jsonl").read_text()
    cli("ls")
    assert (folder / "log.jsonl").read_text() == before
    cli(*LOG, "show", expect=2)
    assert (folder / "log.jsonl").read_text().startswith(before)
    first, second = ["command_started", "command_ended"], ["command_started", "failed", "command_ended"]
    assert names(folder / "log.jsonl") == first + second
    assert (LOGGER.handlers, LOGGER.level) == (handlers, level)


def test_no_character_does_anything_on_a_terminal(cli: Cli, folder: Path) -> None:
    cli(*LOG, "show", "\x1b[31m\n\u202e\x9b\udcff", expect=2)
    data = (folder / "log.jsonl").read_bytes()
    assert not set(data) - set(range(0x20, 0x7F)) - {0x0A}
    assert read(folder / "log.jsonl")[0]["words"][-1] == "\x1b[31m\n\u202e\x9b\udcff"


@pytest.mark.parametrize("path", ["nowhere/log.jsonl", "."])
def test_a_log_that_cannot_be_opened_is_refused_before_anything_is_done(
    path: str, cli: Cli, folder: Path
) -> None:
    result = cli("--log", path, "train", "copy", *TINY, expect=2)
    assert re.match(rf"error: --log {re.escape(path)}: .*; name a file that can be written\n$", result.stderr)
    assert not (folder / "runs").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk that is always full here")
def test_a_disk_that_is_full_is_told_once_and_the_work_goes_on(cli: Cli) -> None:
    result = cli("--log", "/dev/full", "train", "copy", *TINY)
    problem = "--log /dev/full: No space left on device; the work goes on, and not all of it is logged"
    assert " ".join(result.stderr.split()).count(problem) == 1
    assert result.stdout.startswith("runs/copy: ")


def test_a_line_that_was_written_in_part_spoils_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler, write = JsonLines(folder / "log.jsonl"), os.write
    LOGGER.addHandler(handler)
    monkeypatch.setattr(LOGGER, "level", logging.INFO)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda file, data: write(file, data[:9]))
            LOGGER.error(SignalNoted("FIRST"))
        LOGGER.error(SignalNoted("SECOND"))
        LOGGER.error("of somebody else")
    finally:
        LOGGER.removeHandler(handler)
        handler.close()
    torn, whole = (folder / "log.jsonl").read_text().splitlines()
    assert len(torn) == 9
    assert json.loads(whole)["signal"] == "SECOND"
    assert "the work goes on" in " ".join(capsys.readouterr().err.split())


def test_several_processes_share_a_log(tmp_path: Path) -> None:
    code = (
        "import sys, logging; from pathlib import Path; from tfcli.cli.log import JsonLines\n"
        "from tfcli.records.events import LOGGER, SignalNoted, emit\n"
        "LOGGER.addHandler(JsonLines(Path('log.jsonl'))); LOGGER.setLevel(logging.INFO)\n"
        "for i in range(300): emit(SignalNoted(str(i) + 'x' * 2000))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    lines = read(tmp_path / "log.jsonl")
    for process in processes:
        numbers = [line["signal"].rstrip("x") for line in lines if line["pid"] == process.pid]
        assert numbers == [str(i) for i in range(300)]


def test_a_handler_of_ones_own_gets_the_records(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tfcli"):
        emit(SignalNoted("SIGTERM"))
    assert [record.msg for record in caplog.records] == [SignalNoted("SIGTERM")]


def test_where_nobody_listens_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    code = "from tfcli.records.events import Warned, emit; emit(Warned('x'))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert capfd.readouterr() == ("", "")

"""What a training tells elsewhere, and that nothing of it can end a training."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SMALL, Cli, as_json, install
from tfcli.config.files import load_config
from tfcli.runs import summaries

WORDS = ["train", "copy", *SMALL, "train.steps=4", "train.eval_every=2", "-q", "--out", "runs/it"]
SOURCE = '''
import json
import tfcli


class Lines(tfcli.Logger):
    """Lines of JSON."""

    def __init__(self, run, config, step):
        super().__init__(run, config, step)
        self.write({"after": step, "task": config["task"]["name"]})

    def write(self, value):
        with (self.run / "lines").open("a") as file:
            print(json.dumps(value), file=file)

    def log(self, step, figures):
        self.write({"step": step, **figures})

    def close(self):
        self.write("closed")


class Fails(Lines):
    """Fails at every evaluation."""

    def log(self, step, figures):
        self.write("try")
        raise ConnectionError("nobody\\nanswers")


class Leaves(Lines):
    """Ends the process at every evaluation, and when it is closed."""

    def log(self, step, figures):
        self.write("try")
        raise SystemExit(3)

    def close(self):
        raise SystemExit(4)


class Loud(Lines):
    """Prints."""

    def log(self, step, figures):
        print("to whom it may concern")


class Mute(tfcli.Logger):
    """Has no method log."""


class Stranger:
    """Isn't a logger."""
'''
POINTS = "[tfcli.loggers]\n" + "".join(
    f"{name.lower()} = told:{name}\n"
    for name in ("Lines", "Fails", "Leaves", "Loud", "Mute", "Stranger", "Gone")
)


@pytest.fixture
def told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution that brings loggers."""
    install("told", SOURCE, POINTS, folder, monkeypatch)


def records_in(file: Path) -> Iterator[bytes]:
    """Yield the records of a file of events, which are framed as TensorFlow does it, with their checksums."""
    crc32c: Any = import_module("tensorboardX.crc32c")

    def masked(data: bytes) -> int:
        value: int = crc32c.crc32c(data)
        return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF

    data = file.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == masked(data[:8])
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == masked(data[12 : 12 + length])
        yield data[12 : 12 + length]
        data = data[16 + length :]


def scalars_in(run: Path) -> dict[str, dict[int, float]]:
    """Return the numbers in the event files of a run, by their names and steps."""
    proto: Any = import_module("tensorboardX.proto.event_pb2")
    found: dict[str, dict[int, float]] = {}
    for file in sorted(run.glob("events.out.tfevents.*")):
        for record in records_in(file):
            event = proto.Event.FromString(record)
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_tensorboard_reads_what_the_metrics_say(cli: Cli) -> None:
    pytest.importorskip("tensorboardX")
    cli(*WORDS, "train.log=[tensorboard]")
    found = scalars_in(Path("runs/it"))
    for line in summaries.read_metrics(Path("runs/it")):
        for key in line.keys() - {"step"}:
            assert found[key][line["step"]] == pytest.approx(line[key]), key
    assert sorted(found["exact_match"]) == [2, 4]


def test_tensorboard_is_told_where_a_training_goes_on(cli: Cli) -> None:
    pytest.importorskip("tensorboardX")
    proto: Any = import_module("tensorboardX.proto.event_pb2")
    cli(*WORDS, "train.log=tensorboard")
    first = set(Path("runs/it").glob("events.*"))
    cli("train", "--resume", "it", "train.steps=6", "-q")
    [second] = set(Path("runs/it").glob("events.*")) - first
    events = [proto.Event.FromString(record) for record in records_in(second)]
    [began] = [event for event in events if event.session_log.status == proto.SessionLog.START]
    assert began.step == 5
    assert sorted(scalars_in(Path("runs/it"))["loss"]) == [2, 4, 6]


def test_without_its_library_it_is_said_once_and_the_training_goes_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    said = cli(*WORDS, "train.log=tensorboard").stderr
    assert said == (
        "train.log: tensorboard: it needs tensorboardX: pip install tensorboardX; "
        "the training goes on without\n"
    )
    assert as_json(cli, "inspect", "it")["steps"] == 4


@pytest.mark.usefixtures("told")
def test_a_logger_of_another_distribution_is_told_all(cli: Cli) -> None:
    cli(*WORDS, "train.log=lines")
    cli("train", "--resume", "it", "train.steps=6", "-q")
    lines: list[Any] = [json.loads(line) for line in Path("runs/it/lines").read_text().splitlines()]
    metrics = summaries.read_metrics(Path("runs/it"))
    first, second = {"after": 0, "task": "copy"}, {"after": 4, "task": "copy"}
    assert lines == [first, *metrics[:2], "closed", second, *metrics[2:], "closed"]
    assert len(metrics) == 3


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fails", "ConnectionError: nobody answers (at "),
        ("leaves", "SystemExit: 3 (at "),
        ("mute", "NotImplementedError: Mute needs a method log(step, figures)"),
        ("stranger", "'stranger': must be a subclass of tfcli.Logger"),
        ("gone", "AttributeError: module 'told' has no attribute 'Gone'"),
    ],
)
def test_a_logger_that_fails_is_given_up_and_the_others_go_on(name: str, said: str, cli: Cli) -> None:
    result = cli(*WORDS, f"train.log=[{name}, lines]")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"train.log: {name}: ")
    assert said in line
    assert line.endswith("; the training goes on without")
    lines = Path("runs/it/lines").read_text().splitlines()
    assert sum('"step": 4' in line for line in lines) == 1
    assert lines.count('"try"') == (name in ("fails", "leaves"))


@pytest.mark.usefixtures("told")
def test_what_a_logger_prints_is_no_part_of_a_record(cli: Cli) -> None:
    result = cli(*WORDS, "train.log=[loud]", "--json")
    assert json.loads(result.stdout)["steps"] == 4
    assert "to whom it may concern" in result.stderr


@pytest.mark.usefixtures("told")
def test_an_unknown_logger_is_named_before_anything_is_trained(cli: Cli) -> None:
    said = cli(*WORDS, "train.log=[lynes]", expect=2).stderr
    assert "'lynes' must be one of tensorboard, fails, gone, leaves, lines, loud, mute, stranger" in said
    assert "did you mean 'lines'?" in said
    assert "must be one of" in cli(*WORDS, "train.log=mine.py:Mine", expect=2).stderr
    assert not Path("runs").exists()


@pytest.mark.usefixtures("told")
def test_doctor_lists_loggers(cli: Cli) -> None:
    plugins = as_json(cli, "doctor")["plugins"]["found"]
    assert {"train.log"} == {plugin["setting"] for plugin in plugins if plugin["value"].startswith("told:")}


def test_a_run_whose_logger_is_gone_is_read_and_goes_on_without_it(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as while_installed:
        install("told", SOURCE, POINTS, folder, while_installed)
        cli(*WORDS, "train.log=lines")
    assert as_json(cli, "inspect", "it")["config"]["train"]["log"] == ["lines"]
    said = cli("train", "--resume", "it", "train.steps=6", "-q", expect=2).stderr
    assert "'lines' must be one of tensorboard" in said
    assert as_json(cli, "train", "--resume", "it", "train.steps=6", "train.log=[]", "-q")["steps"] == 6


def test_nothing_is_logged_unless_it_is_asked_for() -> None:
    assert load_config("copy").train.log == ()

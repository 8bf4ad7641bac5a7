"""Files that wait, never end, or are far too large: each command comes back soon, with a line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cli, as_json, call
from tfcli.config.trust import list_file
from tfcli.errors import MOST_PROBLEMS, TfcliError
from tfcli.runs import folders, headers, locks

SOON = 5  # seconds
LOOKING = [
    ["ls"],
    ["ls", "--json"],
    ["inspect", "reverse"],
    ["inspect", "reverse", "--json"],
    ["eval", "reverse", "--samples", "5", "--lengths", "3"],
    ["predict", "reverse", "1 2"],
    ["attn", "reverse", "1 2", "--over-time"],
    ["train", "--resume", "reverse"],
]
FILES = [folders.CONFIG, folders.WEIGHTS, folders.STATE, folders.METRICS, locks.LOCK, "snapshots"]
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


@pytest.fixture(autouse=True)
def comes_back() -> Iterator[None]:
    """Whatever waits longer than is bearable is interrupted."""

    def give_up(number: int, frame: object) -> None:
        raise AssertionError(f"nothing came for {SOON} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(2 * SOON)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def run(trained: Path, folder: Path) -> Path:
    """Return a copy of the trained run in the current folder."""
    shutil.copytree(trained / "runs", folder / "runs")
    return folder / "runs/reverse"


def look(words: list[str]) -> None:
    """Call a command, which may fail, with a line."""
    result = call(words)
    assert result.exit_code in (0, 1, 2), result.output
    assert "Traceback" not in result.output
    if result.exit_code:
        assert result.stderr.startswith("error: "), result.output


@needs_pipes
@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name: str, run: Path) -> None:
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    for words in LOOKING:
        look(words)


@needs_pipes
def test_pipes_that_are_named_are_refused(cli: Cli, folder: Path) -> None:
    for name in ("pipe.yaml", "pipe.py"):
        os.mkfifo(folder / name)
    assert "can't read pipe.yaml: not a regular file" in cli("train", "pipe.yaml", expect=2).stderr
    assert "can't read pipe.yaml: not a regular file" in cli("validate", "pipe.yaml", expect=2).stderr
    assert "not a regular file" in cli("train", "copy", "task.name=pipe.py:Mine", expect=2).stderr


@needs_pipes
def test_a_pipe_for_the_trusted_is_nobody_trusted(run: Path) -> None:
    list_file().parent.mkdir(parents=True, exist_ok=True)
    kept = list_file().read_bytes() if list_file().exists() else None
    list_file().unlink(missing_ok=True)
    os.mkfifo(list_file())
    try:
        look(["eval", "reverse", "--samples", "5", "--lengths", "3"])
    finally:
        list_file().unlink()
        if kept is not None:
            list_file().write_bytes(kept)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
@pytest.mark.parametrize("name", FILES[:-1])
def test_an_endless_device_is_not_read(name: str, run: Path) -> None:
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to("/dev/zero")
    for words in LOOKING:
        look(words)


def test_metrics_that_never_break_their_line_are_left(cli: Cli, run: Path) -> None:
    history = as_json(cli, "inspect", "reverse")["history"]
    with (run / folders.METRICS).open("a") as file:
        file.write('{"step": 9' + "0" * 50_000_000)
    assert as_json(cli, "inspect", "reverse")["history"] == history


def test_a_large_configuration_is_refused(cli: Cli, folder: Path) -> None:
    (folder / "big.yaml").write_text("task: {name: copy}\n" + "# nothing\n" * 500_000)
    message = cli("validate", "big.yaml", expect=2).stderr
    assert "can't read big.yaml: 5,000,019 bytes are too many; 4,000,000 are read at most" in " ".join(
        message.split()
    )


def test_a_file_of_many_mistakes_tells_some(cli: Cli, folder: Path) -> None:
    entries = "".join(f"e{n}: {{task: {{name: copy, bogus: {'x' * 500}}}}}\n" for n in range(2000))
    (folder / "many.yaml").write_text(entries)
    message = cli("validate", "many.yaml", expect=2).stderr
    assert f"... and {2000 - MOST_PROBLEMS:,} more problems" in message
    assert len(message) < 20_000
    assert (
        len(json.loads(cli("validate", "many.yaml", "--json", expect=2).stdout)["errors"])
        == MOST_PROBLEMS + 1
    )


@pytest.mark.parametrize(
    "text",
    [
        f"task: {{name: {'x' * 400_000}}}",
        f"task: {{{'x' * 100_000}: 1}}",
        f"{'x' * 400_000}: {{task: {{name: nope}}}}",
        f"task: {{name: copy}}\ntrain: {{seed: {'9' * 400_000}}}",
        f"task: {{name: copy}}\ntrain: {{seed: 0x{'f' * 5000}}}",
        f"task: {{name: copy}}\ntrain: {{seed: 0o{'7' * 5000}}}",
        f"task: {{name: copy, symbols: [{', '.join(map(str, range(15_000)))}, 3]}}",
    ],
    ids=["name", "key", "entry", "decimal", "hexadecimal", "octal", "symbols"],
)
def test_long_words_make_no_long_messages(text: str, cli: Cli, folder: Path) -> None:
    (folder / "long.yaml").write_text(text)
    started = time.monotonic()
    message = cli("validate", "long.yaml", expect=2).stderr
    assert time.monotonic() - started < SOON
    assert message.startswith("error: long.yaml:")
    assert len(message) < 5_000


def test_a_long_override_is_one_short_error(cli: Cli) -> None:
    for word in (
        "x" * 100_000,
        f"train.seed=0x{'f' * 5000}",
        f"model.{'x' * 100_000}=1",
        f"train.seed={'y' * 100_000}",
    ):
        assert len(cli("train", "copy", word, expect=2).stderr) < 6_000


@pytest.mark.parametrize("length", [10**7 + 1, 2**40, 2**63])
def test_a_header_that_claims_much_takes_no_memory(length: int, run: Path) -> None:
    (run / folders.WEIGHTS).write_bytes(length.to_bytes(8, "little") + b"{" * 20_000_000)
    tracemalloc.start()
    with pytest.raises(TfcliError, match="doesn't begin with a safetensors header"):
        headers.read_header(run)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_resuming_writes_through_no_link(run: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letter, folder_of_others = folder / "letter", folder / "others"
    letter.write_text("precious")
    folder_of_others.mkdir()
    (run / locks.LOCK).symlink_to(letter)
    shutil.rmtree(run / "snapshots", ignore_errors=True)
    (run / "snapshots").symlink_to(folder_of_others, target_is_directory=True)
    for name in (folders.CONFIG, folders.WEIGHTS, folders.STATE, folders.METRICS):
        (run / f".{name}.{os.getpid()}").symlink_to(letter)
    more = ["train.steps=205", "train.stop_when_solved=false"]
    assert call(["train", "--resume", "reverse", *more]).exit_code == 0
    assert letter.read_text() == "precious"
    assert not any(path.is_symlink() for path in run.iterdir() if path.name not in ("snapshots", locks.LOCK))
    assert list(folder_of_others.iterdir()) == []


def test_snapshots_are_not_written_into_a_folder_elsewhere(folder: Path) -> None:
    (folder / "others").mkdir()
    words = ["copy", "train.steps=4", "train.snapshot_every=2", "train.batch_size=4", "--out", "x"]
    assert call(["train", *words, "train.stop_when_solved=false"]).exit_code == 0
    shutil.rmtree(folder / "x/snapshots")
    (folder / "x/snapshots").symlink_to(folder / "others", target_is_directory=True)
    result = call(["train", "--resume", "x", "train.steps=8"])
    assert result.exit_code == 0
    assert "snapshots can't be written (their folder is a link to another)" in " ".join(result.stderr.split())
    assert list((folder / "others").iterdir()) == []


def test_a_hard_link_in_place_of_the_lock_is_left_alone(run: Path, folder: Path) -> None:
    (folder / "letter").write_text("precious")
    os.link(folder / "letter", run / locks.LOCK)
    assert call(["train", "--resume", "reverse"]).exit_code in (0, 2)
    assert (folder / "letter").read_text() == "precious"

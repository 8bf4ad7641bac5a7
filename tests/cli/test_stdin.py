"""`predict -`: lines in the encodings that other systems write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SMALL, Cli, invoke_in

LINES = "我 吃\n\n苹果 喜欢\n"


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run that knows Chinese words."""
    path = tmp_path_factory.mktemp("chinese")
    words = ["task.symbols=[我, 喜欢, 吃, 苹果]", "train.steps=1", "-q", "--out", "runs/chinese"]
    invoke_in(path, "train", "reverse", *words)
    return path


def predict(folder: Path, data: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "tfcli", "predict", "chinese", "-", "--json"]
    return subprocess.run(
        command, cwd=folder, input=data, capture_output=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_that_says_in_which_encoding_it_is(encoding: str, chinese: Path) -> None:
    found = predict(chinese, LINES.encode(encoding), PYTHONUTF8="1")
    assert found.returncode == 0, found.stderr
    said = found.stdout.decode().splitlines()
    assert len(said) == 3
    assert said[0].startswith('{"input": ["我", "吃"]')
    assert said[1].startswith('{"input": []')
    assert said[2].startswith('{"input": ["苹果", "喜欢"]')


def test_text_of_the_other_byte_order_is_read(chinese: Path) -> None:
    assert predict(chinese, b"\xfe\xff" + LINES.encode("utf-16-be")).stdout.count(b"\n") == 3


def test_text_of_another_encoding_is_named_with_the_way_to_read_it(chinese: Path) -> None:
    data = "我 吃\n".encode() + LINES.encode("gbk")
    found = predict(chinese, data, PYTHONUTF8="1")
    assert found.returncode == 2
    assert found.stdout.count(b"\n") == 1, "what can be read is answered"
    assert b"stdin, line 2: not utf-8 text; convert it, or name its encoding" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    found = predict(chinese, LINES.encode("gbk"), PYTHONIOENCODING="gbk")
    assert found.returncode == 0
    assert found.stdout.count(b"\n") == 3


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_zero_bytes_are_named(encoding: str, run_cli: Cli) -> None:
    said = run_cli("predict", "-", input="1 2\n3 1\n".encode(encoding), expect=2).stderr
    assert "stdin, line 1: zero bytes, as in UTF-16 without its mark; convert it to UTF-8" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_nothing_is_answered_by_nothing(data: bytes, run_cli: Cli) -> None:
    assert run_cli("predict", "-", input=data).stdout == ""


def test_a_minus_is_a_sequence_where_it_is_a_symbol(cli: Cli, folder: Path) -> None:
    symbols = "task.symbols=[a, '-', b, c]"
    cli("train", "copy", SMALL[0], *SMALL[2:-2], symbols, "train.steps=1", "-q")
    for words in (["--", "-"], ["copy", "--", "-"], ["copy", "-"]):
        found = cli("predict", *words, input="a b\nb\n")
        assert len(found.stdout.splitlines()) == 1, "stdin isn't read"
    assert len(cli("predict", "copy", "/dev/stdin", input="a b\n- -\n").stdout.splitlines()) == 2


def test_a_minus_reads_stdin_where_it_is_no_symbol(run_cli: Cli) -> None:
    for name in ("-", "/dev/stdin"):
        assert run_cli("predict", "reverse", name, input="3 1\n").stdout == "1 3\n"


def test_a_minus_is_stdin_as_a_setting_too(cli: Cli) -> None:
    pairs = "".join(f"{i} {j}\t{j} {i}\n" for i in range(6) for j in range(6))
    Path("d.tsv").write_text(pairs, encoding="utf-8")
    words = ["train", "d.tsv", "task.data=-", "model.d_model=8", "train.steps=1"]
    assert "stdin: 36 pairs" in cli(*words, input=pairs).stderr

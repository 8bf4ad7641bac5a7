"""YAML as it is read: what is a number, what is text, and what is a trap."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfcli.config import yaml_reader
from tfcli.config.files import load_config
from tfcli.config.writing import to_yaml
from tfcli.errors import ConfigError

REVERSE = "task: {name: reverse}\n"


def test_numbers_name_symbols_and_quoted_text_does() -> None:
    assert load_config("copy", ["task.symbols=[1, 2, no]"]).task.symbols == ("1", "2", "no")


def test_characters_are_read_as_json_escapes_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"task": {"name": "copy", "symbols": ["\U0001f600", "\u6211", "a"]}}))
    assert "ud83d" in path.read_text()
    assert load_config(str(path)).task.symbols == ("\U0001f600", "\u6211", "a")
    assert load_config("copy", [r'task.symbols=["\ud83d\ude00", a]']).task.symbols == ("\U0001f600", "a")
    with pytest.raises(ConfigError, match=r"'\\ud83d' can't be typed"):
        load_config("copy", [r'task.symbols=["\ud83d", a]'])


NUMERALS = "[0x1F, +5, 007, 5, -0, 0o17, '1', 10]"


@pytest.mark.parametrize(
    "form", ["task: {name: copy, symbols: %s}", "a: {task: {name: copy, symbols: &s %s}}"]
)
def test_symbols_are_spelled_as_they_are_written(form: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(form % NUMERALS)
    written = ("0x1F", "+5", "007", "5", "-0", "0o17", "1", "10")
    config = load_config(str(path))
    assert config.task.symbols == written
    assert load_config("copy", [f"task.symbols={NUMERALS}"]).task.symbols == written
    for described in (False, True):
        path.write_text(to_yaml(config, described=described), encoding="utf-8")
        assert load_config(str(path)) == config


def test_other_numbers_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("task: {name: copy, vocab_size: 0x1F, max_length: +5}")
    assert load_config(str(path)).task.vocab_size == 31
    assert load_config(str(path), ["task.max_length=0x1F"]).task.max_length == 31


SCALARS = [
    ("1e-3", 0.001),
    ("1E5", 100_000.0),
    ("017", 17),
    ("0o17", 15),
    ("0x1F", 31),
    ("1:30", "1:30"),
    ("no", "no"),
    ("on", "on"),
    ("true", True),
    ("~", None),
    ("null", None),
    ("2001-01-01", "2001-01-01"),
    ("1_000", "1_000"),
    (".5", 0.5),
    ("+3", 3),
    ("'3'", "3"),
    ("-.inf", float("-inf")),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = yaml_reader.read(f"key: {text}", "file").value["key"]
    assert read == value
    assert type(read) is type(value)


LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcde", "bcdef", strict=True)
)
TRAPS = [
    ("a: 1\na: 2", "2:1: the key 'a' stands here a second time"),
    ("a: &x [*x]", "1:4: an alias stands inside what it names"),
    ("[" * 2000, "nested more than 20 deep"),
    (LAUGHS, "more than 20000 values"),
    ("a: !!python/object:os.system x", "isn't"),
    ("a: !!int x", "1:4: 'x' isn't int"),
    ("a: !!set {b}", "the tag tag:yaml.org,2002:set isn't known"),
    ("? [a]\n: 1", "1:3: a key must be a word"),
    ("a: *b", "undefined alias"),
    ("a: b: c", "1:5: mapping values are not allowed here"),
    ("a: " + "9" * 5000, "1:4: the number is too long"),
    ("a: 1\n---\nb: 2", "another document"),
    ("a: \udcff", "1:4: not YAML text: the byte 0xff isn't UTF-8"),  # of a command line
    ("a: \ud800", r"1:4: not YAML text: '\\ud800' can't stand in YAML"),
    ("a: 1\nb: \x1f", r"2:4: not YAML text: '\\x1f' can't stand in YAML; write it as an escape"),
    ("a: [1", "2:1:|1:7:|expected"),
    ("a: 'x", "quoted scalar"),
]


@pytest.mark.parametrize(("text", "message"), TRAPS)
def test_yaml_traps_are_errors_with_a_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        yaml_reader.read(text, "file")

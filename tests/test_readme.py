"""The README is true: its commands run, and print what it shows, but for the numbers."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SMALL, invoke, invoke_in
from tfcli.config.schema import SECTIONS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def sessions() -> list[tuple[str, str]]:
    """Each command of the `console` blocks, with the output shown below it."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def spans() -> list[str]:
    """Return the commands that the text mentions in passing, without those that have a placeholder."""
    found = re.findall(r"`(tfcli [^`]*)`", README)
    commands = [" ".join(command.split()) for command in found]  # a line may break inside
    return [command for command in commands if not re.search(r"[A-Z]{2}|completion", command)]


def mask_numbers(text: str, command: str) -> list[str]:
    """Return the lines of `text` without what differs from machine to machine: numbers, shades and spacing.

    Sequences and answers stay as they are.
    """

    def mask(line: str) -> str:
        if "predict" in command or line.startswith(("input ", "answer ")):
            return line
        return re.sub(r"[█▓▒░▁▂▃▄▅▆▇]+", "#", re.sub(r"\d[\d,.]*", "0", line))

    return [" ".join(mask(line).split()) for line in text.splitlines() if line.strip()]


def test_the_commands_print_what_the_readme_shows(tmp_path: Path) -> None:
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    for name, code in re.findall(r"```python\n# (\S+\.py)\n(.*?)```", README, re.DOTALL):
        (tmp_path / name).write_text(code, encoding="utf-8")
    shown = sessions()
    assert len(shown) >= 8
    for command, expected in shown:
        result = subprocess.run(
            command, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert result.returncode == (2 if expected.startswith("error:") else 0), result.stderr
        output = iter(mask_numbers(result.stdout + result.stderr, command))
        for line in mask_numbers(expected, command):  # in this order
            assert line in output, f"$ {command}\n{line!r} isn't in\n{result.stdout}{result.stderr}"
    for command in spans():
        if "bench" in command:  # as it stands, but for the time it takes
            command += " train.steps=2 --seeds 0 --no-plain" + " --lengths 9" * ("--lengths" in command)
        subprocess.run(command, shell=True, cwd=tmp_path, env=env, capture_output=True, check=True)


def test_options_mentioned_beside_a_placeholder_exist() -> None:
    for words in map(shlex.split, re.findall(r"^\| `tfcli ([a-z]+[^`]*)`", README, re.MULTILINE)):
        [row] = re.findall(rf"^\| `tfcli {words[0]}\b.*$", README, re.MULTILINE)
        text = invoke(words[0], "--help").stdout
        for option in re.findall(r"--[a-z-]+", row):
            assert option in text, (words, option)


def test_the_first_two_commands_are_the_main_job_and_the_tests() -> None:
    first, second = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)[:2]
    assert first == "pip install -e . && tfcli train reverse\n"
    assert second == "pip install -e '.[dev]' && pytest\n"


def test_the_settings_table_is_the_configuration(tmp_path: Path) -> None:
    for section, model in SECTIONS.items():
        for key in model.model_fields:
            assert f"| `{section}.{key}` |" in README


JSON_FORMS = [
    ["eval", "--samples", "9"],
    ["attn"],
    ["attn", "--over-time"],
    ["trace"],
    ["patch", "--clean", "1 2", "--corrupt", "1 3"],
    ["bench", "chinese", "train.steps=30", "--seeds", "0", "--lengths", "3", "--no-plain"],
    ["predict", "1 2"],
    ["inspect"],
    ["inspect", "--heads", "--samples", "20"],
    ["ls"],
    ["show", "sort"],
]


NAMED = ("config", "tasks", "examples", "versions", "history", "parameters_by_part", "patterns")


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshots")
    invoke_in(folder, "train", "reverse", *SMALL, "train.snapshot_every=50", "-q")
    return folder


def keys_of(value: Any) -> set[str]:
    """All keys of a JSON value, and of those in it but where keys are names of things."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys_of(inner) for key, inner in value.items() if key not in NAMED))


@pytest.mark.parametrize("words", JSON_FORMS, ids=" ".join)
def test_the_json_forms_are_documented(
    words: list[str], snapshots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(snapshots)
    section = README.partition("\n## JSON\n")[2].partition("\n## ")[0]
    for key in keys_of(json.loads(invoke(*words, "--json").stdout)):
        assert f"`{key}`" in section, key

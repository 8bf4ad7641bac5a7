"""The documentation as tests see it: its commands, and a folder in which they are run one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import call
from tests.docs.generate import documents
from tests.pretrained import tiny

DOCUMENTS = {path.stem: path.read_text(encoding="utf-8") for path in documents()}


class Command(NamedTuple):
    """A command of a `console` block, with the output that is shown below it."""

    line: str
    shown: str


class Outcome(NamedTuple):
    """What a command printed, and its exit code."""

    output: str
    code: int


def find_commands(name: str) -> list[Command]:
    """Return the commands of a document's `console` blocks, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", DOCUMENTS[name], re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            found.append(Command(line, shown))
    return found


def find_mentions(name: str) -> list[str]:
    """Return the commands that a document's text mentions in passing, without those with placeholders."""
    prose = re.sub(r"```.*?```|<!-- \w.*?<!-- end -->", "", DOCUMENTS[name], flags=re.DOTALL)
    found = [" ".join(command.split()) for command in re.findall(r"`(tfcli [^`]*)`", prose)]
    return [command for command in found if not re.search(r"[A-Z]{2}|completion|tfcli docs$", command)]


class Session:
    """A folder in which the commands of a document are run in order, each once and when it is asked for."""

    def __init__(self, folder: Path, commands: tuple[str, ...], files: dict[str, str]) -> None:
        self.folder, self.commands = folder, commands
        self.outcomes: list[Outcome] = []
        if any("tfcli import " in command for command in commands):
            tiny.write(folder / "models" / "bert")
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")

    def outcome(self, number: int) -> Outcome:
        """Return what came of a command, after all before it."""
        while len(self.outcomes) <= number:
            self.outcomes.append(self.run(self.commands[len(self.outcomes)]))
        return self.outcomes[number]

    def run(self, line: str) -> Outcome:
        """Run a line: `tfcli` within this process, other programs of a pipe as a shell does."""
        outcome, printed = Outcome("", 0), ""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("COLUMNS", "80")
            patch.setenv("NO_COLOR", "1")
            patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
            for stage in line.split(" | "):
                stage, _, target = stage.partition(" > ")
                if stage.startswith("tfcli "):
                    result = call(stage.removeprefix("tfcli "), printed)
                    printed, outcome = result.stdout, Outcome(result.output, result.exit_code)
                else:
                    other = subprocess.run(
                        stage, shell=True, input=printed, capture_output=True, text=True, check=True
                    )
                    printed, outcome = other.stdout, Outcome(other.stdout, 0)
                if target:
                    Path(target).write_text(printed, encoding="utf-8")
        return outcome


@cache
def open_session(commands: tuple[str, ...], files: tuple[tuple[str, str], ...], base: Path) -> Session:
    """Return the session of these commands; documents that have the same ones share it."""
    folder = base / f"session-{len(list(base.iterdir()))}"
    folder.mkdir()
    return Session(folder, commands, dict(files))


def session_of(name: str, base: Path) -> Session:
    """Return the session of a document, with the Python files that it shows."""
    files = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", DOCUMENTS[name], re.DOTALL)
    return open_session(tuple(command.line for command in find_commands(name)), tuple(files), base)

"""Every command with any arguments: a result, or a line that says what is wrong with them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.configurations import SETTINGS, anything
from tests.properties.promises import examples, look
from tfcli.cli import app
from tfcli.commands import bench, tour
from tfcli.commands.comparing import CURVES
from tfcli.errors import UsageError
from tfcli.runs.selection import OWN_KEYS

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# `--open` leaves a page among the temporary files; to resume is tried with damaged runs; the run is kept.
LEFT_OUT = ("--open", "--resume", "--help", "--yes")

whole = st.integers(-2, 6) | st.sampled_from([2**31, 2**31 + 1, 2**63, -(2**63), 10**30])
few = st.integers(-1, 20) | st.sampled_from([10**9, 10**30])  # samples, of which many take long by right
ranges = st.lists(
    st.lists(st.integers(0, 30) | st.sampled_from([10**6, 10**30]), min_size=1, max_size=4).map(
        lambda numbers: ":".join(map(str, numbers))
    )
    | anything.filter(lambda text: not text.isdecimal()),
    max_size=3,
).map(",".join)
sequences = st.lists(st.sampled_from(["0", "1", "3", "4", "\u0301", "-"]) | anything, max_size=8).map(
    " ".join
)
names = (
    st.sampled_from(["reverse", "runs/reverse", "runs", ".", "", "copy", "mine.yaml", "mine.yaml:a"])
    | anything
)
suffixes = st.sampled_from(["", ".html", ".svg", ".png", ".csv", ".md", ".json", ".SVG", ".yaml", ".py:A"])
# never out of the folder: what is saved there harms nobody
paths = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "runs/", "nowhere/", "file/"]),
    (anything | st.just("x" * 300)).filter(lambda text: "/" not in text and text.strip(".")),
    suffixes,
)
VALUES = {
    "--lengths": ranges,
    "--seeds": ranges,
    "--samples": few.map(str),
    "--save": paths,
    "--out": paths,
    "--trust": paths,
    "--device": st.sampled_from(["auto", "cpu", "cuda:99", "mps", "cpu:1", "abacus"]) | anything,
    "--lang": st.sampled_from(["en", "zh", "fr"]) | anything,
    "--to": st.sampled_from(["hf", "transformer-lens", "onx"]) | anything,  # onnx takes seconds
    "--clean": sequences,
    "--corrupt": sequences,
    "--where": st.builds(
        "{}{}{}".format,
        st.sampled_from([*SETTINGS, *OWN_KEYS]) | anything,
        st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "==", ""]),
        anything | whole.map(str),
    ),
    "--sort": st.sampled_from([*SETTINGS, *OWN_KEYS]) | anything,
    "--curve": st.sampled_from(CURVES) | anything,
    "NEW": names.filter(lambda name: "/" not in name) | paths,
    "RUN": names | paths,
    "SEQUENCE": sequences,
    "EXAMPLE": names,
    "FILE": names | paths,
    "TOPIC": names,
    "KEY=VALUE": st.builds("{}={}".format, st.sampled_from(SETTINGS) | anything, anything | whole.map(str)),
}


@st.composite
def command_lines(draw: st.DrawFn, command: str) -> list[str]:
    """Return the words of a command line of a command, with some of its options and arguments."""
    words, arguments = [command], []
    for parameter in COMMANDS[command].params:
        name = parameter.opts[-1] if parameter.param_type_name == "option" else str(parameter.metavar)
        if name in LEFT_OUT or not draw(st.booleans()):
            continue
        if parameter.param_type_name == "argument":
            arguments.append(draw(VALUES.get(name, names)))
        elif parameter.is_flag:
            words.append(name)
        else:
            values = draw(st.lists(VALUES.get(name, whole.map(str)), min_size=1, max_size=2))
            words += [word for value in values for word in (name, value)]
    if command == "train":
        words.append("--dry-run")
    words += draw(st.lists(anything, max_size=1)) if draw(st.integers(0, 9)) == 0 else []
    return [*words, *(["--"] if draw(st.booleans()) else []), *arguments]


@pytest.fixture(scope="module")
def place(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a run, a configuration and a file that is neither, as the current one."""
    folder, before = tmp_path_factory.mktemp("place"), Path.cwd()
    shutil.copytree(trained / "runs", folder / "runs")
    (folder / "mine.yaml").write_text("a: {task: {name: copy}}\nb: {task: {name: x.py:X}}\n")
    (folder / "file").write_text("nothing")
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(autouse=True)
def no_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep from measuring, and from the trainings of a tour, which take long. Open no page.

    Whoever gets so far has had its arguments read.
    """

    def refuse(*words: object) -> None:
        raise UsageError("nothing is measured here")

    monkeypatch.setattr(bench, "measure_machine", refuse)
    monkeypatch.setattr(tour, "make_tour", refuse)
    monkeypatch.setattr("webbrowser.open", lambda address: True)


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"doctor"}))  # which takes seconds
def test_any_arguments_are_taken_or_refused(command: str, place: Path) -> None:
    @given(command_lines(command))
    @examples(12, 1 / len(COMMANDS))
    def holds(words: list[str]) -> None:
        look(words, "3 1 2\nx\n")

    holds()


# Words of the code are tried, too; a command would work, and `--debug` show the traceback that it is for.
others = anything.filter(lambda word: word not in {*COMMANDS, "--debug"})


@given(st.lists(others | st.sampled_from(["--help", "--version", "ls", "-h", "--"]), max_size=4))
@examples(25, 1 / len(COMMANDS))
def test_any_words_are_taken_or_refused(place: Path, words: list[str]) -> None:
    look(words)

"""The documentation is true: its tables are those of the code, its commands run and print what it shows."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from tests.conftest import SMALL, Cli, invoke, invoke_in
from tests.docs.documents import DOCUMENTS, find_commands, find_mentions, session_of
from tests.docs.generate import fill
from tests.making import make_tour_once
from tests.pretrained import tiny
from tfcli.commands import tour
from tfcli.config.schema import SECTIONS
from tfcli.docs import TOPICS
from tfcli.render.documents import print_document

README = DOCUMENTS["README"]


def in_session(name: str, *values: object) -> Any:
    """Return test parameters of a document: one worker runs its commands, in their order."""
    return pytest.param(*values, marks=pytest.mark.xdist_group(name.removesuffix(".zh")))


def shorten(command: str) -> str:
    """Return a command as it is tried: a benchmark as it stands, but for the time it takes."""
    if "bench" not in command:
        return command
    quick = "train.steps=2 --seeds 0 --no-plain" + " --lengths 9" * ("--lengths" in command)
    return f"{command.replace(' --no-plain', '')} {quick}"


COMMANDS = [
    in_session(name, name, number) for name in DOCUMENTS for number in range(len(find_commands(name)))
]
MENTIONS = {shorten(command): name for name in reversed(DOCUMENTS) for command in find_mentions(name)}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@pytest.fixture(autouse=True)
def one_tour(monkeypatch: pytest.MonkeyPatch, shared: Path) -> None:
    """Let the commands that take a tour share its trainings."""
    monkeypatch.setattr(tour, "make_tour", partial(make_tour_once, shared))


def mask_numbers(text: str, command: str) -> list[str]:
    """The lines of `text` without what differs from machine to machine: numbers, shades and spacing.

    Sequences and answers stay as they are.
    """

    def mask(line: str) -> str:
        if "predict" in command or line.startswith(("input ", "answer ")):
            return line
        return re.sub(r"[█▓▒░▁▂▃▄▅▆▇]+", "#", re.sub(r"\d[\d,.]*", "0", line))

    return [" ".join(mask(line).split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(("name", "number"), COMMANDS, ids=lambda value: str(value))
def test_a_command_prints_what_is_shown_below_it(name: str, number: int, base: Path) -> None:
    command = find_commands(name)[number]
    outcome = session_of(name, base).outcome(number)
    assert outcome.code == (2 if command.shown.startswith("error:") else 0), outcome.output
    output = iter(mask_numbers(outcome.output, command.line))
    for line in mask_numbers(command.shown, command.line):  # in this order
        assert line in output, f"$ {command.line}\n{line!r} isn't in\n{outcome.output}"


@pytest.mark.parametrize("command", [in_session(name, command) for command, name in MENTIONS.items()])
def test_a_command_that_is_mentioned_runs(command: str, base: Path) -> None:
    session = session_of(MENTIONS[command], base)
    if session.commands:
        session.outcome(len(session.commands) - 1)
    assert session.run(command).code == 0


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_are_those_of_the_code(name: str) -> None:
    assert fill(DOCUMENTS[name]) == DOCUMENTS[name], "run python tests/docs/generate.py"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    folder = Path(__file__).parents[2] / ("" if name == "README" else "tfcli/docs")
    for target in re.findall(r"\]\(([^)#]+)\)", DOCUMENTS[name]):
        assert (folder / target).is_file(), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_are_quoted_as_every_shell_takes_it(name: str) -> None:
    lines = [command.line for command in find_commands(name)] + find_mentions(name)
    own = re.sub(
        "<!-- examples -->.*?<!-- end -->", "", DOCUMENTS[name], flags=re.DOTALL
    )  # others wrote those
    installing = re.findall(r"`?pip install [^\n`]*", own)
    assert not [line for line in lines + installing if "'" in line]


def test_every_topic_is_a_document_and_shown(cli: Cli) -> None:
    assert set(DOCUMENTS) == {"README", *TOPICS}
    for topic in TOPICS:
        text = cli("docs", topic).stdout
        assert text.startswith("# ")
        assert "<!--" not in text
        assert topic in cli("docs").stdout


def test_a_topic_is_found_by_any_case_and_a_typo_is_named(cli: Cli) -> None:
    assert cli("docs", "readme.zh").stdout == cli("docs", "README.zh.md").stdout
    assert (
        "no such topic as 'positons'; did you mean 'positions'?" in cli("docs", "positons", expect=2).stderr
    )


def test_on_a_terminal_a_document_is_formatted_and_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    monkeypatch.setattr("pydoc.pager", pages.append)
    monkeypatch.delenv("LESS", raising=False)
    console = Console(file=io.StringIO(), force_terminal=True, width=50)
    print_document(console, "# Title\n\n<!-- tasks -->\n`code`\n<!-- end -->\n")
    [page] = pages
    assert "Title" in page
    assert "\x1b[" in page
    assert not re.search("[#`]|tasks|end", page)
    assert os.environ["LESS"] == "-FRX"


def test_the_readme_is_short_and_there_is_one_in_chinese_of_the_same_commands() -> None:
    chinese = DOCUMENTS["README.zh"]
    assert len(README.splitlines()) <= 250
    assert find_commands("README.zh") == find_commands("README")
    for pattern in (r"^#+ ", r"```sh\n.*?```", r"^\| `\S+` \| [\d,.]+ \|[^\n]*"):
        found = [re.findall(pattern, text, re.MULTILINE | re.DOTALL) for text in (README, chinese)]
        assert found[0] == found[1]
    for topic in set(TOPICS) - {"README.zh"}:
        assert f"({topic}.md)" in chinese
    for row in re.findall(r"^\| (`tfcli [^`]*`) \|", README, re.MULTILINE):
        assert f"| {row} |" in chinese


def test_the_first_two_commands_are_the_main_job_and_the_tests() -> None:
    first, second = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)[:2]
    assert first == "pip install -e . && tfcli train reverse\n"
    assert second == 'pip install -e ".[dev]" && pytest -n auto\n'


def test_settings_have_the_defaults_and_meanings_that_are_documented(cli: Cli, folder: Path) -> None:
    (folder / "least.yaml").write_text("task: {name: copy}\n", encoding="utf-8")
    config = yaml.safe_load(cli("train", "least.yaml", "--dry-run").stdout)
    shown = cli("show", "least.yaml").stdout
    rows = re.findall(
        r"^\| `(\w+)\.(\w+)` \| `?(.*?)`? \| .*? \| (.*) \|$", DOCUMENTS["settings"], re.MULTILINE
    )
    assert [(section, key) for section, key, _, _ in rows] == [
        (section, key) for section, model in SECTIONS.items() for key in model.model_fields
    ]
    for section, key, default, meaning in rows:
        value = config[section][key]
        value = value["name"] if isinstance(value, dict) and len(value) > 1 else value
        if default:
            assert yaml.safe_load(default) == value, (section, key)
        assert re.search(rf"^  {key}:.*  # {re.escape(meaning)}", shown, re.MULTILINE), (section, key)


JSON_FORMS = {
    "train": ["train", "copy", "train.steps=2", "-q", "--out", "runs/two-steps"],
    "eval": ["eval", "grown", "--samples", "9", "--lengths", "3,9"],
    "attn": ["attn", "grown"],
    "attn --over-time": ["attn", "grown", "--over-time"],
    "trace": ["trace", "grown"],
    "patch": ["patch", "grown", "--clean", "1 2", "--corrupt", "1 3"],
    "bench": [
        "bench",
        "chinese",
        "train.steps=30",
        "--seeds",
        "0",
        "--lengths",
        "3",
        "train.train_samples=20,40",
    ],
    "sweep": [
        "sweep",
        "copy",
        "train.steps=2",
        "train.seed=0:1",
        "model.n_heads=1,2",
        "--lengths",
        "3",
        "-q",
    ],
    "sweep --dry-run": ["sweep", "copy", "train.steps=2", "train.seed=0:1", "--dry-run"],
    "predict": ["predict", "grown", "1 2"],
    "generate": ["generate", "speaking", "1 2", "--tokens", "3"],
    "tour": ["tour"],
    "inspect": ["inspect", "grown"],
    "inspect --heads": ["inspect", "grown", "--heads", "--samples", "20"],
    "ls": ["ls", "--sort", "train.seed"],
    "compare": ["compare", "grown", "speaking"],
    "mv": ["mv", "old", "new"],
    "rm": ["rm", "gone", "--yes"],
    "show": ["show", "sort"],
    "validate": ["validate", "sort"],
    "doctor": ["doctor"],
    "import": ["import", "bert", "--out", "runs/imported"],
    "export": ["export", "speaking", "--to", "transformer-lens"],
}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshots")
    invoke_in(folder, "train", "reverse", *SMALL, "train.snapshot_every=50", "-q", "--out", "runs/grown")
    speaking = ["task.layout=next", "model.mask=causal", "model.positions=rotary", "--out", "runs/speaking"]
    invoke_in(folder, "train", "reverse", *SMALL, "train.steps=5", "-q", *speaking)
    for name in ("old", "gone"):
        shutil.copytree(folder / "runs/speaking", folder / "runs" / name)
    tiny.write(folder / "bert")
    return folder


def paths_of(value: Any, documented: set[str], path: str = "") -> set[str]:
    """All paths of a JSON value, as far as the documentation goes: a `*` for any name, `[]` in lists."""
    if isinstance(value, list):
        return set().union(*(paths_of(item, documented, f"{path}[]") for item in value))
    if not isinstance(value, dict) or (path and not any(p.startswith(f"{path}.") for p in documented)):
        return set()
    if any(p.startswith(f"{path}.*") for p in documented):
        return set().union(*(paths_of(item, documented, f"{path}.*") for item in value.values()))
    found = set()
    for key, inner in value.items():
        below = f"{path}.{key}".lstrip(".")
        found |= {below} | paths_of(inner, documented, below)
    return found


@pytest.mark.parametrize("command", JSON_FORMS)
def test_the_keys_of_a_command_are_those_that_are_documented(
    command: str, snapshots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(snapshots)
    section = DOCUMENTS["json"].partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `(.*?)` \|", section, re.MULTILINE))
    value = json.loads(invoke(*JSON_FORMS[command], "--json").stdout)
    found = paths_of(value, documented)
    assert found <= documented
    assert {path for path in documented if "." not in path} == set(value)


def test_every_meaning_is_given() -> None:
    assert not re.findall(r"^\|.*\|\s*\|$", DOCUMENTS["json"], re.MULTILINE)
    assert not re.findall(r"^\|.*\|\s*\|$", DOCUMENTS["settings"], re.MULTILINE)

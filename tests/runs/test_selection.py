"""`ls` chooses and orders runs by their settings and results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import SMALL, Cli, as_json
from tfcli.checkpoints.loading import load_run
from tfcli.checkpoints.saving import save_run
from tfcli.config.files import override
from tfcli.runs import folders
from tfcli.runs.headers import read_header
from tfcli.runs.selection import OWN_KEYS

SETTINGS = {
    "a": ["train.seed=3", "train.learning_rate=0.02"],
    "b": ["train.seed=1", "train.snapshot_every=50"],
    "c": ["train.seed=2", "train.learning_rate=0.03", "train.snapshot_every=5"],
}


@pytest.fixture
def runs(trained: Path, cli: Cli) -> Cli:
    """Return `cli` in a folder with three runs that differ in settings, and one that has no weights."""
    source = trained / "runs/reverse"
    model, header = load_run(source).model, read_header(source)
    for name, settings in SETTINGS.items():
        path = folders.create(name, None)
        config = override(header.config, settings, "here")
        (path / folders.CONFIG).write_text("task: {name: copy}\n")
        save_run(path / folders.WEIGHTS, config, model, header.summary)
    (folders.create("begun", None) / folders.CONFIG).write_text("task: {name: copy}\n")
    return cli


def names(cli: Cli, *words: str) -> list[str]:
    return [run["run"] for run in as_json(cli, "ls", *words)["runs"]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--sort", "train.seed"], ["begun", "b", "c", "a"]),
        (["--sort", "-train.seed"], ["begun", "a", "c", "b"]),
        (["--sort=train.snapshot_every"], ["a", "begun", "c", "b"]),
        (["--sort", "model.positions", "--sort", "-train.seed"], ["begun", "a", "c", "b"]),
        (["--sort", "train.learning_rate", "--sort", "run"], ["begun", "b", "a", "c"]),
        (["--where", "train.seed=2"], ["c"]),
        (["--where", "train.seed == 2"], ["c"]),
        (["--where", "train.seed!=2"], ["a", "b"]),
        (["--where", "train.seed<2"], ["b"]),
        (["--where", "train.seed<=2"], ["b", "c"]),
        (["--where", "train.seed>2"], ["a"]),
        (["--where", "train.seed>=2", "--sort", "-run"], ["c", "a"]),
        (["--where", "train.seed>=2", "--where", "train.learning_rate>0.025"], ["c"]),
        (["--where", "train.learning_rate=2e-2"], ["a"]),
        (["--where", "train.snapshot_every=null"], ["a"]),
        (["--where", "train.snapshot_every>0", "--sort", "run"], ["b", "c"]),
        (["--where", "model.positions=ends"], ["a", "b", "c"]),
        (["--where", "model.positions!=ends"], []),
        (["--where", "run=a"], ["a"]),
        (["--where", "task=reverse", "--where", "solved=no", "--where", "diverged=true"], []),
        (["--where", "model.bias=yes", "--where", "model.bias=true"], ["a", "b", "c"]),
        (["--where", "model.bias=1"], []),
        (["--where", "model.feed_forward.activation=gelu"], ["a", "b", "c"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else None,
)
def test_runs_are_chosen_and_ordered(words: list[str], found: list[str], runs: Cli) -> None:
    listed = names(runs, *words)
    assert listed == found if "--sort" in " ".join(words) else sorted(listed) == found


METRICS = [
    {"step": 5, "attempt": 1, "loss": 0.5, "held_out_loss": 0.75, "exact_match": 1.0},
    {"step": 10, "attempt": 1, "loss": 0.25, "held_out_loss": 0.5, "exact_match": 1.0},
    {"step": 15, "attempt": 1, "loss": 0.125, "held_out_loss": 0.25, "exact_match": 1.0},
]


def test_runs_are_ordered_by_their_losses_and_by_how_soon_they_were_solved(runs: Cli) -> None:
    def write(name: str, lines: list[dict[str, float]], *, solved: bool) -> None:
        path = folders.find(name)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (path / folders.METRICS).write_text(text)
        header = read_header(path)
        summary = replace(header.summary, solved=solved)
        save_run(path / folders.WEIGHTS, header.config, load_run(path).model, summary)

    write("a", METRICS, solved=True)
    write("b", METRICS[:1] + METRICS[2:], solved=True)
    write("c", METRICS[:2], solved=False)
    assert names(runs, "--sort", "held_out_loss", "--sort", "run") == ["begun", "a", "b", "c"]
    assert names(runs, "--sort", "-loss", "--sort", "run", "--where", "loss<=0.25") == ["c", "a", "b"]
    assert names(runs, "--where", "solved_step<=10") == ["a"]
    assert names(runs, "--sort", "solved_step")[2:] == ["a", "b"]
    found = as_json(runs, "ls", "--where", "solved_step=null")["runs"]
    assert [run["values"] for run in found] == [{"solved_step": None}]


def test_metrics_of_somebody_else_end_no_list(runs: Cli) -> None:
    lines = ["{}", '{"exact_match": 1}', '{"exact_match": 1}', '{"step": 15, "exact_match": 1, "loss": 2}']
    (folders.find("a") / folders.METRICS).write_text("\n".join(lines) + "\n")
    assert names(runs, "--where", "loss=2") == ["a"]
    assert names(runs, "--where", "loss=2", "--sort", "solved_step") == ["a"]


def test_a_class_of_a_file_is_found_by_the_path_as_it_was_given(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text("import tfcli\n\n\nclass Same(tfcli.Norm):\n    pass\n")
    cli("train", "copy", *SMALL, "train.steps=1", "model.norm=mine.py:Same", "--out", "runs/own")
    assert names(cli, "--where", "model.norm=mine.py:Same") == ["own"]
    assert names(cli, "--where", "model.norm!=./mine.py:Same") == []


def test_runs_that_are_named_are_listed_alone(runs: Cli) -> None:
    assert names(runs, "b", "runs/a", "b") == ["b", "a"]
    assert names(runs, "b", "a", "--where", "train.seed>1") == ["a"]
    assert "tasks" not in runs("ls", "b").stdout
    assert "no run is called 'bb'" in runs("ls", "bb", expect=2).stderr


def test_of_a_folder_are_listed_the_runs_below_it(runs: Cli, tmp_path: Path) -> None:
    for name in ("b", "c"):
        folders.RUNS.joinpath(name).rename(folders.create(f"sweep-{name}", None) / name)
    elsewhere = tmp_path / "elsewhere"
    assert names(runs, "sweep-b") == ["sweep-b/b"]
    assert sorted(names(runs, "runs")) == sorted(folders.run_names())
    folders.RUNS.rename(elsewhere)
    assert sorted(names(runs, str(elsewhere), "--where", "train.seed<=2")) == [
        f"{elsewhere}/sweep-b/b",
        f"{elsewhere}/sweep-c/c",
    ]
    (tmp_path / "empty").mkdir()
    assert "isn't a run, and holds none" in runs("ls", str(tmp_path / "empty"), expect=2).stderr


def test_the_list_shows_what_it_is_sorted_by(runs: Cli) -> None:
    text = runs("ls", "--sort", "train.learning_rate", "--where", "exact_match<=1").stdout
    assert text.splitlines()[0].split() == ["run", "task", "solved", "steps", "exact", "learning_rate"]
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["0.01", "0.02", "0.03"]
    found = as_json(runs, "ls", "--sort", "train.learning_rate")["runs"][-1]
    assert found["values"] == {"train.learning_rate": 0.03}


def test_two_columns_never_have_the_same_heading(runs: Cli) -> None:
    words = ["model.norm.epsilon>0", "train.optimizer.epsilon>0", "train.steps>0"]
    text = runs("ls", *(word for condition in words for word in ("--where", condition))).stdout
    headings = [
        "run",
        "task",
        "solved",
        "steps",
        "exact",
        "epsilon",
        "train.optimizer.epsilon",
        "train.steps",
    ]
    assert text.splitlines()[0].split() == headings


def test_that_no_run_is_so_is_explained(runs: Cli) -> None:
    result = runs("ls", "--where", "model.positions=end")
    assert result.stdout == ""
    assert "no run has model.positions=end; model.positions of 3 runs is: ends (3)" in result.stderr
    assert "left out, as it can't be read: 1 of 4 runs" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sort", "train.sed"], "no run has a key 'train.sed'; did you mean 'train.seed'?"),
        (["--where", "exact_mach>0.5"], "did you mean 'exact_match'?"),
        (["--where", "lr>0.5"], "did you mean 'train.learning_rate'?"),
        (["--where", "seed=1"], "did you mean 'train.seed'?"),
        (["--where", "model.feed_forward.name=mlp"], "did you mean 'model.feed_forward'?"),
        (["--where", "model.positions.gat=xpos"], "did you mean 'model.positions.gate'?"),
        (["--where", "train.seed"], 'in quotes, such as "exact_match>=0.9"'),
        (["--where", "train.seed=>2"], "can't read --where 'train.seed=>2'; write KEY=VALUE with"),
        (["--where", "train.seed="], "can't read --where 'train.seed='"),
        (["--where", "model.positions>ends"], "> compares numbers, and 'ends' is none"),
        (["--where", "train.seed=[1"], "--where train.seed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_meant_is_named(words: list[str], said: str, runs: Cli) -> None:
    assert said in " ".join(runs("ls", *words, expect=2).stderr.split())


def test_every_result_in_the_summary_is_a_key(runs: Cli) -> None:
    for key in OWN_KEYS:
        assert len(names(runs, "--sort", key)) == 4
    assert json.loads(runs("ls", "--json", "--sort", "device").stdout)["runs"][-1]["values"]["device"]


@pytest.mark.parametrize("width", [40, 200])
def test_a_long_name_is_folded_and_not_cut(width: int, runs: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a-name-that-takes-more-columns-than-there-are-on-it"
    runs("mv", "a", name)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = runs("ls", "--where", "train.seed=3").stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert name in "".join(map(str.strip, lines))
    assert (len(lines) == 2) == (width == 200)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            ["--where", "solved=yes"],
            ["  run", "    task    solved steps exact seed", "  a-name-of-a-run-of-a-sweep-8f9a99f4707"],
        ),
        (
            ["--sort", "train.learning_rate"],
            ["  a-name-of-a-run-of-a-sweep-8f9a99f4707", "    task reverse, solved yes, steps 75,"],
        ),
    ],
    ids=lambda value: value[1] if value[0][0] == "-" else "",
)
def test_a_name_stays_whole_in_40_columns(
    words: list[str], lines: list[str], runs: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("mv", "a", "a-name-of-a-run-of-a-sweep-8f9a99f4707")
    monkeypatch.setenv("COLUMNS", "40")
    found = runs("ls", *words, "--where", "train.seed=3").stdout.splitlines()
    assert found[: len(lines)] == lines
    assert max(map(len, found)) <= 40


def test_runs_that_cannot_be_read_are_told_from_none_at_all(cli: Cli, folder: Path) -> None:
    assert "can't be read" not in cli("ls").stderr
    (folder / "runs").write_text("no folder")
    assert "runs can't be read: Not a directory" in cli("ls").stderr

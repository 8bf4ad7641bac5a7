"""`compare`: sides are made by what differs but the seed, and differences have honest intervals."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import SMALL, Cli, as_json
from tfcli.checkpoints.loading import load_run
from tfcli.checkpoints.saving import save_run
from tfcli.commands.comparing import FIGURES, compare_runs
from tfcli.config.files import override
from tfcli.intervals import mean_interval
from tfcli.records.comparison import SHARED, Comparison
from tfcli.records.results import TrainSummary
from tfcli.render import overlay
from tfcli.runs import folders
from tfcli.runs.headers import read_header

History = Sequence[tuple[int, float]]


@pytest.fixture
def make(trained: Path, folder: Path) -> object:
    """Return what makes a run of some settings, an exact match and a history of it."""
    source = trained / "runs/reverse"
    model, header = load_run(source).model, read_header(source)

    def make_run(
        name: str, exact: float, *settings: str, history: History = (), code: str = "", **more: object
    ) -> Path:
        path = folders.RUNS / name
        path.mkdir(parents=True, exist_ok=True)
        config = override(header.config, list(settings), "here")
        figures = {
            "exact_match": exact,
            "solved": exact == 1,
            "code": {"model.positions": code} if code else {},
            **more,
        }
        summary = TrainSummary(**{**vars(header.summary), **figures})
        (path / folders.CONFIG).write_text("task: {name: copy}\n")
        lines = [{"step": step, "exact_match": value, "loss": 2 * (1 - value)} for step, value in history]
        (path / folders.METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
        save_run(path / folders.WEIGHTS, config, model, summary)
        return path

    return make_run


@pytest.fixture
def two_sides(make: object) -> list[Path]:
    """Return three runs with one setting and two with another, in a random order."""
    assert callable(make)
    rotary = "model.positions=rotary"
    return [
        make("r1", 0.5, "train.seed=1", rotary, history=[(10, 0.0), (20, 0.5)]),
        make("e0", 0.75, "train.seed=0", history=[(10, 0.25), (30, 0.75)]),
        make("e2", 1.0, "train.seed=2", history=[(10, 0.5), (20, 1.0)]),
        make("e1", 0.875, "train.seed=1", "train.snapshot_every=7", history=[]),
        make("r0", 0.25, "train.seed=0", rotary, history=[(10, 0.0), (30, 0.25)]),
    ]


def test_runs_of_other_code_are_another_side(make: object) -> None:
    assert callable(make)
    names = [("b1", "old"), ("a1", "new"), ("b0", "old"), ("a0", "new")]
    runs = [make(name, 1.0, f"train.seed={name[1]}", code=code) for name, code in names]
    found = compare_runs(runs, "exact_match")
    assert [[Path(run).name for run in side.runs] for side in found.sides] == [["b0", "b1"], ["a0", "a1"]]
    assert [(row.key, row.values) for row in found.settings] == [("code of model.positions", ["old", "new"])]


def test_runs_that_differ_in_their_seeds_alone_are_one_side(two_sides: list[Path]) -> None:
    found = compare_runs([*two_sides, two_sides[0]], "exact_match")
    assert [side.runs for side in found.sides] == [
        ["runs/r0", "runs/r1"],
        ["runs/e0", "runs/e2"],
        ["runs/e1"],
    ]
    assert [side.seeds for side in found.sides] == [[0, 1], [0, 2], [1]]
    assert [side.solved for side in found.sides] == [0, 1, 0]
    assert {row.key: row.values for row in found.settings} == {
        "model.positions": ["rotary", "ends", "ends"],
        "train.snapshot_every": [None, None, 7],
    }


def test_differences_are_those_of_the_seeds(make: object) -> None:
    assert callable(make)
    paths = [make(f"e{seed}", exact, f"train.seed={seed}") for seed, exact in enumerate([0.5, 0.75, 0.75])]
    paths += [
        make(f"r{seed}", exact, f"train.seed={seed}", "model.positions=rotary")
        for seed, exact in enumerate([0.75, 0.75, 0.875])
    ]
    found = compare_runs(paths, "exact_match")
    [row] = [row for row in found.figures if row.key == "exact_match"]
    assert [side and side.mean for side in row.sides] == pytest.approx([2 / 3, 19 / 24])
    [apart] = row.differences
    assert apart is not None
    assert (apart.paired, apart.seeds_before) == (True, 3)
    assert apart.mean == pytest.approx(0.125)
    assert apart.interval == mean_interval([0.25, 0.0, 0.125])
    seconds = next(row for row in found.figures if row.key == "train_seconds")
    assert seconds.differences[0] is not None
    assert seconds.differences[0].interval is None  # all are copies of one


def differences_of(found: Comparison) -> dict[str, bool]:
    """Which figures have a difference of the second side from the first."""
    return {row.key: row.differences[0] is not None for row in found.figures}


def test_a_side_with_a_run_that_ended_early_is_held_against_nothing(make: object) -> None:
    assert callable(make)
    paths = [make(f"e{seed}", 0.5, f"train.seed={seed}") for seed in (0, 1)]
    paths += [make("r0", 0.5, "train.seed=0", "model.positions=rotary")]
    paths += [make("r1", 0.5, "train.seed=1", "model.positions=rotary", interrupted=True)]
    found = compare_runs(paths, "exact_match")
    assert not any(differences_of(found).values())
    assert found.notes == ["B - A: no differences: 1 run ended early, such as runs/r1"]


def test_what_runs_took_is_compared_only_where_all_or_none_stopped_when_solved(make: object) -> None:
    assert callable(make)
    paths = [make("e0", 1.0), make("r0", 0.5, "model.positions=rotary")]
    comparison = compare_runs(paths, "exact_match")
    found = differences_of(comparison)
    assert (found["steps"], found["train_seconds"], found["tokens_per_second"]) == (False, False, True)
    assert comparison.notes == [
        "B - A: no difference in steps or seconds: some runs ended when they were solved, others didn't"
    ]
    for exact, stop in ((0.5, "true"), (1.0, "false")):
        make("e0", exact, f"train.stop_when_solved={stop}")
        assert all(differences_of(compare_runs(paths, "exact_match")).values())
    make("e0", 1.0)
    make("r0", 1.0, "model.positions=rotary")
    assert all(differences_of(compare_runs(paths, "exact_match")).values())


def test_seconds_that_seeds_shared_are_not_held_against_seconds_of_one(make: object) -> None:
    assert callable(make)
    paths = [make("e0", 0.5, together=16), make("r0", 0.5, "model.positions=rotary")]
    comparison = compare_runs(paths, "exact_match")
    found = differences_of(comparison)
    assert (found["steps"], found["train_seconds"], found["tokens_per_second"]) == (True, False, False)
    assert comparison.notes == [f"B - A: no difference in seconds or tokens/s: {SHARED}"]


def test_runs_that_differ_in_nothing_but_the_seed_are_sides_of_their_own(make: object, cli: Cli) -> None:
    assert callable(make)
    found = compare_runs([make("a", 0.5, "train.seed=4"), make("b", 0.25, "train.seed=2")], "exact_match")
    assert [side.runs for side in found.sides] == [["runs/a"], ["runs/b"]]
    assert found.settings == []
    text = cli("compare", "a", "b").stdout
    assert "no settings differ but the seed" in text
    assert "All of one setting, a seed a side" in text
    assert "95 %" not in text


def test_the_same_training_twice_is_two_sides(make: object, cli: Cli) -> None:
    assert callable(make)
    for name in ("a", "b"):
        make(name, 0.5)
    text = cli("compare", "a", "b").stdout
    assert "A  a: seed 0\nB  b: seed 0\n" in text
    assert "\nno settings differ\n" in text


def test_a_curve_is_the_mean_of_its_runs_and_keeps_the_last_value(two_sides: list[Path]) -> None:
    found = compare_runs(two_sides, "exact_match")
    curve = [(point.step, point.mean, point.least, point.most) for point in found.sides[1].curve]
    assert curve == [(10, 0.375, 0.25, 0.5), (20, 0.625, 0.25, 1.0), (30, 0.875, 0.75, 1.0)]
    assert found.sides[2].curve == []  # it has kept no metrics
    assert [point.mean for point in compare_runs(two_sides, "loss").sides[1].curve] == [1.25, 0.75, 0.25]


def test_the_terminal_shows_sides_settings_figures_differences_and_curves(
    two_sides: list[Path], cli: Cli
) -> None:
    text = cli("compare", *map(str, two_sides[:3]), "r0").stdout
    assert "A  r0, r1: seeds 0, 1\nB  e0, e2: seeds 0, 2\n" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["model.positions", "rotary", "ends"] in lines
    assert ["exact", "match", "0.375", "(0.250", "to", "0.500)", "0.875", "(0.750", "to", "1.000)"] in lines
    assert ["B", "-", "A", "exact", "match", "+0.500", "-0.261", "to", "+1.261", "2", "and", "2"] in lines
    assert any(set(line.strip()) >= {"A", "B"} for line in text.splitlines()[-10:])


@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_wider_than_the_terminal(
    width: int, two_sides: list[Path], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = cli("compare", *map(str, two_sides)).stdout
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_more_sides_than_there_are_columns_for_are_told_in_lines(
    make: object, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    for number in range(8):
        make(f"r{number}", number / 10, f"train.warmup_steps={1000 + number}")
    monkeypatch.setenv("COLUMNS", "40")
    text = " ".join(cli("compare", *(f"r{number}" for number in range(8))).stdout.split())
    assert "train.warmup_steps: A 1000, B 1001, C 1002, D 1003" in text
    assert "exact match: A 0.000, B 0.100, C 0.200" in text


def test_a_folder_of_runs_is_compared_as_its_runs(make: object, cli: Cli) -> None:
    assert callable(make)
    for seed in (0, 1):
        cli("mv", make("x", 0.5, f"train.seed={seed}").name, f"runs/sweep/{seed}")
    found = as_json(cli, "compare", "sweep")
    assert [side["runs"] for side in found["sides"]] == [["runs/sweep/0"], ["runs/sweep/1"]]


def test_of_a_folder_runs_without_weights_are_left_out_and_told(make: object, cli: Cli, folder: Path) -> None:
    assert callable(make)
    for seed in (0, 1):
        cli("mv", make("x", 0.5, f"train.seed={seed}").name, f"runs/sweep/{seed}")
    failed = folder / "runs/sweep/failed"
    failed.mkdir()
    (failed / folders.CONFIG).write_text("task: {name: copy}\n")
    result = cli("compare", "sweep")
    assert result.stderr == "left out, without weights: 1 run, such as runs/sweep/failed\n"
    assert "sweep/failed" not in result.stdout
    assert "has no weights yet" in cli("compare", "sweep", "sweep/failed", expect=1).stderr


def test_runs_are_scored_at_lengths_as_eval_scores_them(make: object, cli: Cli) -> None:
    assert callable(make)
    make("a", 0.5, "train.seed=0")
    make("b", 0.5, "train.seed=0", "train.steps=7")
    words = ["compare", "a", "b", "--lengths", "2,5,13", "--samples", "16"]
    rows = {row["key"]: row for row in as_json(cli, *words)["figures"]}
    for score in as_json(cli, "eval", "a", "--lengths", "2,5,13", "--samples", "16")["lengths"]:
        row = rows[f"exact_match_at_{score['length']}"]
        assert [side["mean"] for side in row["sides"]] == [score["exact_match"]] * 2
        assert row["differences"][0]["mean"] == 0
    assert 0 < rows["exact_match_at_13"]["sides"][0]["mean"] < 1
    assert "exact match at 5" in cli(*words).stdout
    assert (
        "name two runs" in cli("compare", "a", "--lengths", "9" * 5, expect=2).stderr
    )  # before it is scored
    assert "exact_match_at_2" not in {row["key"] for row in as_json(cli, "compare", "a", "b")["figures"]}


def test_a_length_that_no_model_can_read_has_a_row_of_dashes(cli: Cli) -> None:
    for seed in ("0", "1"):
        words = ["train", "copy", *SMALL, "train.steps=1", "model.positions=learned", "--seed", seed, "-q"]
        cli(*words, "--out", f"runs/{seed}")
    lines = cli("compare", "0", "1", "--lengths", "900").stdout.splitlines()
    assert ["exact", "match", "at", "900", "-", "-"] in [line.split() for line in lines]


def test_a_length_that_the_task_has_not_is_not_scored_as_another(cli: Cli) -> None:
    for seed in ("0", "1"):
        cli(
            "train",
            "recall",
            "train.steps=1",
            "model.d_model=8",
            "--seed",
            seed,
            "--out",
            f"runs/{seed}",
            "-q",
        )
    words = ["compare", "0", "1", "--lengths", "5,6", "--samples", "8"]
    rows = {row["key"]: row["sides"] for row in as_json(cli, *words)["figures"]}
    assert None not in rows["exact_match_at_5"]
    assert rows["exact_match_at_6"] == [None, None]


def test_code_is_trusted_only_where_it_is_run(two_sides: list[Path], cli: Cli) -> None:
    said = cli("compare", *map(str, two_sides), "--trust", "mine.py", expect=2).stderr
    assert "--trust is about --lengths" in said
    assert "--samples is about" in cli("compare", *map(str, two_sides), "--samples", "5", expect=2).stderr


@pytest.mark.parametrize("suffix", [".svg", ".md", ".csv", ".json"])
def test_a_comparison_is_saved(suffix: str, two_sides: list[Path], cli: Cli, folder: Path) -> None:
    said = cli("compare", *map(str, two_sides), "--save", f"found{suffix}").stdout
    text = (folder / f"found{suffix}").read_text()
    assert said == f"found{suffix}: {len(text.encode()):,} bytes\n"
    if suffix == ".svg":
        root = ElementTree.fromstring(text)
        assert len(root.findall("{*}polyline")) == 2
        labels = [element.text or "" for element in root.findall("{*}text")]
        assert "A: positions=rotary snapshot_every=- (2 seeds)" in labels
    elif suffix == ".md":
        assert "| exact match | 0.375 (0.250 to 0.500) |" in text
        assert "| B - A | exact match |" in text
    elif suffix == ".csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert {row["figure"] for row in rows} <= set(FIGURES)
        [row] = [row for row in rows if row["figure"] == "exact_match" and row["runs"] == "1"]
        assert (row["mean"], row["difference"], row["low"], row["paired"]) == ("0.875", "0.5", "", "false")
    else:
        assert json.loads(text) == as_json(cli, "compare", *map(str, two_sides))


def test_a_picture_without_curves_is_refused(make: object, cli: Cli) -> None:
    assert callable(make)
    for seed in (0, 1):
        make(f"r{seed}", 0.5, f"train.seed={seed}")
    said = cli("compare", "r0", "r1", "--save", "x.svg", expect=2).stderr
    assert "--save x.svg: no run has kept exact match while it was trained" in said


def test_a_picture_of_more_sides_than_colours_draws_dashes(make: object) -> None:
    assert callable(make)
    count = len(overlay.COLOURS) + 1
    paths = [
        make(f"r{i}", 0.5, f"train.warmup_steps={i}", history=[(10, i / 10), (20, 0.9)]) for i in range(count)
    ]
    text = overlay.render(compare_runs(paths, "exact_match"))
    assert text.count('stroke-dasharray="6 3"') == 2  # the line, and its sample in the legend
    assert f"H: warmup_steps={count - 1}</text>" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r0"], "name two runs at least: tfcli compare RUN RUN..."),
        (["r0", "r0"], "name two runs at least"),
        (["r0", "r1", "--curve", "los"], "--curve los: there is no such curve; did you mean 'loss'?"),
        (["r0", "r1", "--save", "x.html"], "one of .svg .md .csv .json"),
        (["r0", "r1", "--force"], "--force is about the file of --save"),
        (["r0", "e7"], "no run is called 'e7'"),
        (["r0", "file"], "file isn't a run, and holds none"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_be_compared_is_named(
    words: list[str], said: str, two_sides: list[Path], cli: Cli, folder: Path
) -> None:
    (folder / "file").write_text("")
    assert said in cli("compare", *words, expect=2).stderr


def test_metrics_that_break_off_say_nothing_of_the_end(make: object, cli: Cli) -> None:
    assert callable(make)
    whole, cut = (make(name, 0.5, f"train.seed={i}", history=[(1, 0.25)]) for i, name in enumerate("ab"))
    steps = read_header(whole).summary.steps
    with (whole / folders.METRICS).open("a") as file:
        print(json.dumps({"step": steps, "exact_match": 0.5, "loss": 1.0}), file=file)
    found = compare_runs([whole, cut], "exact_match")
    loss = next(row for row in found.figures if row.key == "loss")
    assert [side and side.mean for side in loss.sides] == [1.0, None]
    note = f"runs/b/metrics.jsonl ends at step 1 of {steps:,}"
    assert found.notes == [note]
    assert f"note: {note}" in cli("compare", "a", "b").stdout.replace("\n", " ")
    assert f"note: {note}" in cli("inspect", "b").stderr.replace("\n", " ")
    assert "metrics.jsonl" not in cli("inspect", "a").stderr


def test_a_link_to_a_run_is_that_run(make: object, cli: Cli, folder: Path) -> None:
    assert callable(make)
    paths = [make(name, 0.5, f"train.seed={seed}") for seed, name in enumerate("ab")]
    (folder / "runs/link").symlink_to("a")
    assert len(compare_runs([*paths, folder / "runs/link"], "exact_match").sides) == 2

"""`inspect --heads`, `trace`, `patch` and `attn --over-time`, as a person runs them."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.conftest import SMALL, Cli, as_json, invoke, invoke_in
from tfcli.checkpoints.loading import load_run
from tfcli.commands import inspect
from tfcli.commands.inspect import resolve_sequence
from tfcli.records.inspection import Choice
from tfcli.render.heads import print_heads
from tfcli.render.over_time import print_over_time
from tfcli.render.patching import print_patching
from tfcli.render.trace import print_summary, print_trace

SNAPSHOTS = [*SMALL, "train.snapshot_every=20", "train.steps=50", "train.stop_when_solved=false"]


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `runs/copy`, whose symbols are wide, and `runs/reverse`, which has snapshots."""
    path = tmp_path_factory.mktemp("grown")
    wide = ["task.max_length=4", "task.symbols=[我, 喜欢, 🍎]"]
    invoke_in(path, "train", "copy", *wide, "train.steps=2", "-q")
    invoke_in(path, "train", "reverse", *SNAPSHOTS, "--quiet")
    return path


@pytest.fixture
def grown_cli(grown: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(grown)
    return cli


# --- heads ---


def test_inspect_heads_shows_roles_and_causes(run_cli: Cli) -> None:
    report = as_json(run_cli, "inspect", "reverse", "--heads", "--samples", "200")
    assert (report["run"], report["task"], report["lengths"]) == ("runs/reverse", "reverse", [1, 5])
    assert report["score"]["exact_match"] == 1.0
    assert [(head["layer"], head["head"]) for head in report["heads"]] == [(0, h) for h in range(4)]
    for head in report["heads"]:
        assert set(head["patterns"]) >= {"mirrored", "source", "same position", "uniform"}
        assert 0 <= head["entropy"] <= head["entropy_uniform"]
        for scored in head["patterns"].values():
            assert 0 <= scored["weight"] <= 1.00001
            assert 0 <= scored["chance"] <= 1
    mirrored = next(role for role in report["roles"] if "mirrored" in role["roles"])
    assert mirrored["matters"]
    assert mirrored["zeroed"]["exact_match"] < 0.5
    assert [(part["layer"], part["part"]) for part in report["sublayers"]] == [
        (0, "attention"),
        (0, "feed-forward"),
    ]
    text = run_cli("inspect", "reverse", "--heads", "--samples", "200").stdout
    assert re.search(r"^ +0 +0 mirrored, source", text, re.MULTILINE)
    words = " ".join(text.split())
    assert re.search(
        r"mirrored = source \(layer 0 heads .*?\): without all, exact match falls from 1.000", words
    )


# --- trace ---


def test_trace_shows_each_stage(run_cli: Cli) -> None:
    record = as_json(run_cli, "trace", "reverse", "3 1 2", "--head", "1")
    assert (record["tokens"], record["prediction"]) == (["3", "1", "2"], ["2", "1", "3"])
    assert [stage["name"] for stage in record["stages"]][-1] == "logits"
    assert {stage["head"] for stage in record["stages"]} == {None, 1}
    text = run_cli("trace", "reverse", "3 1 2", "--head", "1").stdout
    for number, stage in enumerate(record["stages"], 1):
        assert stage["number"] == number
        assert f"{number}. {stage['name']}" in text
        assert stage["formula"] in text
    assert "the answer: 2 1 3" in text
    assert "Each stage was computed again from the ones before it" in " ".join(text.split())


def test_trace_shows_numbers_as_they_are(run_cli: Cli) -> None:
    record = as_json(run_cli, "trace", "reverse", "3 1 2", "--position", "1")
    text = run_cli("trace", "reverse", "3 1 2", "--position", "1", "--full").stdout
    for stage in record["stages"]:
        if stage["axes"][0] == "channel":
            continue  # a matrix, which has no positions
        if stage["name"] in ("keys", "values"):
            assert stage["rows"] == [0, 1, 2]  # the query needs them all
            continue
        assert stage["rows"] == [1]
        block = text.split(f". {stage['name']}", 1)[1]
        found = re.findall(r"(?<=^   1 )(.*)$", block, re.MULTILINE)
        shown = [number for line in found for number in line.split()][: stage["shape"][1]]
        assert shown == [f"{value:.2f}" for value in stage["values"][0]]
        text = block
    assert "--full shows all" not in text


def test_stages_are_chosen_by_name_or_number(run_cli: Cli) -> None:
    chosen = as_json(run_cli, "trace", "3 1 2", "--stage", "Scores", "--stage", "11", "--stage", "w-q")
    assert [(stage["number"], stage["name"]) for stage in chosen["stages"]] == [
        (3, "W_q"),
        (10, "scores"),
        (11, "attention weights"),
    ]
    assert chosen["deviation"] == as_json(run_cli, "trace", "3 1 2")["deviation"]  # all are checked


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("score", "did you mean 'scores'?"),
        ("weigths", "did you mean 'weights'?"),
        ("xyz", "there is no stage 'xyz' (stages: embedding, layer norm, W_q"),
        ("99", "there is no stage 99; those shown are 1 to 21"),
    ],
)
def test_a_stage_that_is_not_there_is_named_with_those_that_are(
    name: str, message: str, run_cli: Cli
) -> None:
    assert message in run_cli("trace", "3 1 2", "--stage", name, expect=2).stderr


def test_a_summary_has_a_line_for_each_stage(run_cli: Cli) -> None:
    stages = as_json(run_cli, "trace", "3 1 2")["stages"]
    lines = run_cli("trace", "3 1 2", "--summary").stdout.split("\n\n")[1].splitlines()
    assert len(lines) == len(stages)
    for line, stage in zip(lines, stages, strict=True):
        assert line.startswith(f"{stage['number']}. {stage['name']}")
        assert line.count(f"{stage['shape'][0]} x {stage['shape'][1]}") == 1
        assert stage["formula"][:12] in line
    refused = run_cli("trace", "3 1 2", "--summary", "--json", expect=2).stderr
    assert refused == "error: --summary leaves the numbers out; leave --json out, or --summary\n"


def test_one_position_is_not_asked_for_again(run_cli: Cli) -> None:
    assert "--position one row" in run_cli("trace", "3 1 2").stdout
    text = run_cli("trace", "3 1 2", "--position", "1").stdout
    assert "--full shows all" in text
    assert "--position" not in text


# --- patch ---


def test_patch_shows_what_restores_the_answer(run_cli: Cli) -> None:
    words = ["patch", "reverse", "--clean", "0 1 2 3", "--corrupt", "0 1 1 3"]
    record = as_json(run_cli, *words)
    assert record["clean"]["prediction"] == ["3", "2", "1", "0"]
    assert record["corrupt"]["prediction"] == ["3", "1", "1", "0"]
    assert record["positions"] == [1]
    names = [(patch["part"], patch["layer"], patch["head"]) for patch in record["patches"]]
    heads = [("head", 0, head) for head in range(4)]
    assert names == [
        ("embedding", None, None),
        *heads,
        ("attention", 0, None),
        ("feed-forward", 0, None),
        ("everything", None, None),
    ]
    assert record["patches"][-1]["restored"] == pytest.approx(1, abs=1e-4)
    text = run_cli(*words).stdout
    for patch in record["patches"]:
        assert f"{patch['restored']:.2f}" in text


# --- over time ---


def test_snapshots_are_kept_and_told(grown_cli: Cli, grown: Path) -> None:
    names = sorted(path.name for path in (grown / "runs/reverse/snapshots").iterdir())
    assert names == [f"step-{step:08}.safetensors" for step in (0, 20, 40)]
    assert as_json(grown_cli, "inspect", "reverse")["snapshots"] == [0, 20, 40]
    assert as_json(grown_cli, "inspect", "copy")["snapshots"] == []


def test_over_time_shows_how_a_head_came_to_be(grown_cli: Cli) -> None:
    record = as_json(grown_cli, "attn", "reverse", "3 1 2", "--over-time")
    moments = record["moments"]
    assert [moment["step"] for moment in moments] == [0, 20, 40, 50]
    untrained, trained = moments[0], moments[-1]
    assert untrained["score"]["exact_match"] < 0.2 < 0.9 < trained["score"]["exact_match"]
    assert [head["roles"] for head in untrained["heads"]] == [[]] * 4
    assert any("mirrored" in head["roles"] for head in trained["heads"])
    now = as_json(grown_cli, "attn", "reverse", "3 1 2")
    [layer] = trained["attention"]["layers"]
    [head] = layer["heads"]
    assert head == now["layers"][0]["heads"][head["head"]]
    text = grown_cli("attn", "reverse", "3 1 2", "--over-time").stdout
    for moment in moments:
        assert re.search(rf"^ *{moment['step']} {moment['score']['exact_match']:.3f}", text, re.MULTILINE)
        assert f"step {moment['step']}" in text


def test_the_snapshots_are_of_the_training_itself(grown_cli: Cli, tmp_path: Path) -> None:
    """A run that ends where a snapshot was taken has its weights, but for the schedule it was told."""
    again = ["train", "reverse", *SNAPSHOTS, "-q", "--out", str(tmp_path / "again")]
    invoke(*again)
    for step in (0, 20, 40):
        name = f"snapshots/step-{step:08}.safetensors"
        first, second = (Path(run, name).read_bytes() for run in ("runs/reverse", tmp_path / "again"))
        assert first[-1000:] == second[-1000:]
    zero, later = (
        Path("runs/reverse/snapshots", f"step-{step:08}.safetensors").read_bytes() for step in (0, 40)
    )
    assert zero[-1000:] != later[-1000:]


def test_a_snapshot_that_cannot_be_used_is_left_out(grown: Path, cli: Cli, tmp_path: Path) -> None:
    shutil.copytree(grown / "runs", tmp_path / "runs")
    folder = tmp_path / "runs/reverse/snapshots"
    shutil.copy(tmp_path / "runs/copy/model.safetensors", folder / "step-00000030.safetensors")
    (folder / "step-00000010.safetensors").write_bytes(b"damaged")
    shutil.copy(folder / "step-00000020.safetensors", folder / "step-00000025.safetensors")
    message = " ".join(cli("attn", "reverse", "3 1", "--over-time").stderr.split())
    assert "step-00000030.safetensors is of another run or step" in message
    assert "step-00000025.safetensors is of another run or step" in message
    assert "step-00000010.safetensors is damaged" in message
    record = as_json(cli, "attn", "reverse", "3 1", "--over-time")
    assert [moment["step"] for moment in record["moments"]] == [0, 20, 40, 50]
    assert len(record["left_out"]) == 3


def test_snapshots_of_a_run_that_was_extended_are_its_own(grown: Path, cli: Cli, tmp_path: Path) -> None:
    shutil.copytree(grown / "runs", tmp_path / "runs")
    cli("train", "--resume", "reverse", "train.steps=60", "train.stop_when_solved=false")
    record = as_json(cli, "attn", "reverse", "3 1", "--over-time")
    assert [moment["step"] for moment in record["moments"]] == [0, 20, 40, 60]
    assert record["left_out"] == []


def test_long_trainings_are_thinned_out(grown_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "MOMENTS", 2)
    record = as_json(grown_cli, "attn", "reverse", "--over-time", "--head", "1")
    assert [moment["step"] for moment in record["moments"]] == [0, 50]
    assert record["snapshots"] == 3
    text = grown_cli("attn", "reverse", "--over-time").stdout
    assert "at 2 steps of 3 snapshots" in " ".join(text.split())


@pytest.mark.parametrize("suffix", [".html", ".svg", ".csv", ".md"])
def test_over_time_can_be_saved(grown_cli: Cli, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    grown_cli("attn", "reverse", "3 1 2", "--over-time", "--save", str(path))
    assert "step 40" in path.read_text(encoding="utf-8")


def views_of(page: Path) -> Any:
    """Return the data of a page."""
    found = re.search(r'<script id="data" type="application/json">(.*)</script>', page.read_text("utf-8"))
    assert found is not None
    return json.loads(found[1])


def test_a_page_over_time_has_all_heads_at_every_step(grown_cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    grown_cli("attn", "reverse", "3 1 2", "--over-time", "--save", str(page))
    assert [view["step"] for view in views_of(page)] == [0, 20, 40, 50]
    assert all(len(view["layers"][0]["heads"]) == 4 for view in views_of(page))
    grown_cli("attn", "reverse", "3 1 2", "--over-time", "--head", "2", "--save", str(page), "--force")
    assert [[head["head"] for head in view["layers"][0]["heads"]] for view in views_of(page)] == [[2]] * 4


def test_a_page_names_the_task_and_has_what_scores_are_the_sum_of(grown_cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    grown_cli("attn", "reverse", "3 1 2", "--save", str(page))
    view = views_of(page)[0]
    assert view["task"] == "reverse"
    for head in view["layers"][0]["heads"]:
        assert head["content"]["unit"] > 0
        assert head["position"]["unit"] > 0
    [layer] = as_json(grown_cli, "attn", "reverse", "3 1 2")["layers"]
    assert {head["scores"] for head in layer["heads"]} == {None}


def test_a_saved_json_is_what_is_printed(grown_cli: Cli, tmp_path: Path) -> None:
    for words in (["attn", "reverse", "3 1 2"], ["attn", "reverse", "3 1 2", "--over-time"]):
        grown_cli(*words, "--save", str(tmp_path / "x.json"), "--force")
        assert json.loads((tmp_path / "x.json").read_text()) == as_json(grown_cli, *words)


def test_a_page_has_each_sequence_once(grown_cli: Cli, tmp_path: Path) -> None:
    for seed in range(3):
        grown_cli("attn", "reverse", "--seed", str(seed), "--save", str(tmp_path / "x.html"), "--force")
        page = (tmp_path / "x.html").read_text(encoding="utf-8")
        labels = re.findall(r'"label":"([^"]*)"', page)
        assert len(labels) == len(set(labels)) > 3


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the addresses that a browser was asked for."""
    addresses: list[str] = []

    def open_page(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", open_page)
    return addresses


def test_the_forward_pass_is_a_page_of_all_heads(run_cli: Cli, tmp_path: Path, opened: list[str]) -> None:
    page = tmp_path / "forward.html"
    said = run_cli("trace", "reverse", "3 1 2", "--save", str(page), "--open").stdout
    assert said == f"{page}: {page.stat().st_size:,} bytes\n"
    assert opened == [page.as_uri()]
    text = page.read_text(encoding="utf-8")
    assert "<title>runs/reverse: the forward pass</title>" in text
    run_cli("trace", "reverse", "3 1 2", "--open", "--head", "1", "--lang", "zh")
    of_one_head = Path(opened[1].removeprefix("file://")).read_text(encoding="utf-8")
    assert '<html lang="zh">' in of_one_head
    assert len(of_one_head) < len(text)


def test_the_page_is_in_the_language_of_the_locale(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.GBK")
    run_cli("trace", "reverse", "3 1 2", "--save", str(tmp_path / "x.html"))
    assert '<html lang="zh">' in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_a_trace_is_saved_as_it_is_printed(run_cli: Cli, tmp_path: Path) -> None:
    words = ["trace", "reverse", "3 1 2", "--stage", "scores"]
    run_cli(*words, "--save", str(tmp_path / "x.json"))
    assert json.loads((tmp_path / "x.json").read_text()) == as_json(run_cli, *words)
    [stage] = as_json(run_cli, *words)["stages"]
    assert stage["scale"] == pytest.approx(8**-0.5)


# --- any terminal ---


def all_views(run: str) -> dict[str, Callable[[Console], None]]:
    """Each printer with a record of the run."""
    loaded = load_run(Path("runs", run))
    symbols = "我 喜欢 🍎 我" if run == "copy" else "0 1 2 3"
    inputs = resolve_sequence(loaded, symbols, 0)
    heads = inspect.report_run(loaded, 50)
    stages = inspect.trace_run(loaded, inputs)
    views: dict[str, Callable[[Console], None]] = {
        "heads": lambda console: print_heads(console, heads),
        "trace": lambda console: print_trace(console, stages, full=False),
        "summary": lambda console: print_summary(console, stages),
        "full trace": lambda console: print_trace(console, stages, full=True),
    }
    if run == "reverse":
        patched = inspect.patch_run(loaded, symbols, "0 1 1 3")
        moments = inspect.record_over_time(loaded, inputs, Choice())
        views["patch"] = lambda console: print_patching(console, patched)
        views["over time"] = lambda console: print_over_time(console, moments)
    return views


@pytest.mark.parametrize("run", ["reverse", "copy"])
def test_every_view_fits_any_terminal(run: str, grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(grown)
    for name, view in all_views(run).items():
        for encoding in ("utf-8", "ascii"):
            for width in (40, 80, 120):
                buffer = io.BytesIO()
                options: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
                stream = io.TextIOWrapper(buffer, encoding=encoding)
                view(Console(file=stream, width=width, **options))
                stream.flush()
                text = buffer.getvalue().decode(encoding)
                assert "…" not in text, (name, width)
                for line in text.splitlines():
                    assert cell_len(line) <= width, (name, width, line)
                    assert line == line.rstrip()

"""Benchmarks: both sides are trained as they say, and the tables hold what was measured."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from tests.conftest import Cli, as_json, invoke
from tests.models import make, tokens
from tfcli.bench import flops, measure_machine, ratio
from tfcli.bench.plain import PlainEncoder, train_plainly
from tfcli.building.models import build_task
from tfcli.cli.ranges import parse_seeds
from tfcli.commands.bench import draw_curve
from tfcli.config.task_section import TaskConfig
from tfcli.config.train_section import TrainConfig
from tfcli.model.layout import Layout
from tfcli.records.bench import BenchEntry, BenchReport, LengthSpread, Machine, SolveRecord
from tfcli.render.bench import markdown, print_bench
from tfcli.render.learning_curves import needed_lines, rows_of

FAST = ["chinese", "train.eval_every=5", "train.eval_samples=50", "--seeds", "0:1"]


def solved(seed: int, seconds: float, done: bool = True) -> SolveRecord:
    return SolveRecord(seed, done, 50, seconds, seconds * 2, 1000.0, 0.1)


def test_bench_trains_both_sides_for_each_seed(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainEncoder, "STEPS", 5)
    report = as_json(cli, "bench", *FAST, "--lengths", "4,6")
    [entry] = report["entries"]
    assert (entry["example"], entry["task"]) == ("chinese", "opinion")
    for side in ("ours", "plain"):
        assert [record["seed"] for record in entry[side]] == [0, 1]
    assert all(record["solved"] for record in entry["ours"])
    assert all(0 < record["share_of_machine"] < 1 for record in entry["ours"])
    assert [record["steps"] for record in entry["plain"]] == [5, 5]  # which are too few to solve it
    assert not any(record["solved"] for record in entry["plain"])
    assert [spread["length"] for spread in entry["lengths"]] == [4, 6]
    assert entry["lengths"][0]["exact_match_worst"] > 0.9
    assert not (folder / "runs").exists()


def test_bench_saves_what_it_found(cli: Cli, folder: Path) -> None:
    cli("bench", *FAST, "--no-plain", "--save", "bench.md")
    text = (folder / "bench.md").read_text(encoding="utf-8")
    assert "| chinese | 2 of 2 |" in text
    assert "exists already" in cli("bench", *FAST, "--save", "bench.md", expect=2).stderr


def test_bench_tells_of_each_attempt(cli: Cli, folder: Path) -> None:
    words = ["bench", *FAST, "--no-plain", "train.steps=5", "train.attempts=2"]
    result = cli(*words)
    assert "chinese seed 1 ours: not solved, step 5, attempt 2" in result.stderr
    assert "chinese: seed 1 took 2 attempts" in result.stdout
    [entry] = as_json(cli, *words)["entries"]
    assert [record["attempts"] for record in entry["ours"]] == [2, 2]


def test_bench_trains_seeds_together_if_asked_to(cli: Cli, folder: Path) -> None:
    words = ["bench", *FAST[:-1], "0:3", "--no-plain", "--lengths", "4"]
    words += ["train.attempts=1", "task.max_length=6", "model.d_model=16"]
    words += ["train.batch_size=16", "train.steps=40"]
    alone, stacked = (as_json(cli, *words, *more)["entries"][0] for more in ([], ["--together"]))
    assert (alone["together"], stacked["together"]) == (False, True)
    for one, other in zip(alone["ours"], stacked["ours"], strict=True):
        for key in ("seed", "solved", "steps", "exact_match"):
            assert one[key] == pytest.approx(other[key], abs=0.05)
    assert stacked["plain"] == []
    text = cli(*words, "--together").stdout
    assert "shares add up" in " ".join(text.split())


def test_what_does_not_go_with_seeds_together_is_refused(cli: Cli, folder: Path) -> None:
    assert (
        "chinese: there are fewer than 4; leave it out" in cli("bench", *FAST, "--together", expect=2).stderr
    )
    assert "--plain" in cli("bench", *FAST, "--together", "--plain", expect=2).stderr
    assert "--seeds FIRST:LAST" in cli("bench", *FAST, "train.seeds=3", expect=2).stderr
    (folder / "parts.py").write_text(
        "import tfcli\nclass Branching(tfcli.Norm):\n"
        "    def forward(self, x):\n        return x if x.sum() > 0 else 2 * x\n"
    )
    words = ["bench", *FAST[:-1], "0:3", "--together", "model.d_model=16", "train.batch_size=4"]
    words += ["train.attempts=1"]
    result = cli(*words, "model.norm=parts.py:Branching", expect=2)
    assert "--together: a part can't go through for several models at once" in " ".join(result.stderr.split())


def test_the_ratio_is_of_medians_and_needs_ours_to_be_solved() -> None:
    plain = [solved(0, 10.0), solved(1, 30.0), solved(2, 20.0)]
    assert ratio([solved(0, 1.0), solved(1, 2.0), solved(2, 4.0)], plain) == 10.0
    assert ratio([solved(0, 1.0), solved(1, 1.0, done=False)], plain) is None
    assert ratio([solved(0, 1.0)], []) is None


def report_of(plain: list[SolveRecord]) -> BenchReport:
    ours = [solved(seed, 1.0 + seed) for seed in range(3)]
    entry = BenchEntry(
        "copy", "copy", ours, plain, ratio(ours, plain), [LengthSpread(500, 1.0, 0.5, 1.0, 0.9, 0.1)]
    )
    return BenchReport(Machine(2, 0.1, "2.13", 150.0), [entry])


@pytest.mark.parametrize("width", [40, 80, 120])
def test_tables_say_what_was_measured(width: int) -> None:
    file = io.StringIO()
    report = report_of([solved(0, 20.0), solved(1, 40.0, done=False)])
    print_bench(Console(file=file, width=width, color_system=None), report)
    text = file.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert "3 of 3" in text
    assert ">15.0" in text  # 30 s over 2 s, and one wasn't through
    assert " 500 1.000 0.500" in text
    assert ">15.0 |" in markdown(report)
    assert "1.00-3.00" in markdown(report)


def test_the_plain_recipe_is_torchs_own_encoder_and_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlainEncoder, "STEPS", 800)
    torch.manual_seed(0)
    task = build_task(TaskConfig(name="copy", vocab_size=3, max_length=4))
    model = PlainEncoder(Layout(3), 4)
    assert isinstance(model.encoder, torch.nn.TransformerEncoder)
    losses = [record.loss for record in train_plainly(model, task, TrainConfig(eval_every=50)) if record.loss]
    assert len(losses) == PlainEncoder.STEPS // 50
    assert losses[-1] < 0.1 < losses[0]


@pytest.mark.parametrize(
    "options",
    [{}, {"loops": 3, "counters": 4}, {"feed_forward": "gated", "tie_embeddings": True}],
    ids=["plain", "loops and counters", "gated and tied"],
)
def test_operations_are_counted_as_torch_counts_them(options: dict[str, Any]) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from tfcli.model.trace import ForwardTrace

    model = make(positions="none", n_layers=2, **options)
    task = build_task(TaskConfig(name="copy", vocab_size=7, min_length=9, max_length=9))
    with FlopCounterMode(display=False) as counter:
        model(tokens(3, 9), trace=ForwardTrace())  # step by step, where every product is seen
    assert flops(model, task) == pytest.approx(
        3 * counter.get_total_flops() / (3 * 9)
    )  # backward is twice forward


def test_a_length_that_two_requests_come_down_to_is_scored_once() -> None:
    """Digits and operators take turns, so of 3 and 4 there is but 3."""
    words = ["parity", "task.name=modular-arithmetic", "task.max_length=5", "train.steps=2", "--seeds", "0"]
    report = json.loads(invoke("bench", *words, "--lengths", "3:6", "--no-plain", "--json").stdout)
    assert [score["length"] for score in report["entries"][0]["lengths"]] == [3, 5]


def test_the_machine_is_measured() -> None:
    machine = measure_machine()
    assert machine.cores >= 1
    assert machine.matmul_gflops > 0.1


CURVE = ["bench", "chinese", "train.train_samples=40,20,40", "train.steps=5", "--seeds", "0:1"]


def test_each_number_of_sequences_is_a_point_of_a_curve(cli: Cli, folder: Path) -> None:
    report = as_json(cli, *CURVE)
    assert [entry["train_samples"] for entry in report["entries"]] == [20, 40]
    assert all(entry["plain"] == [] and entry["start"] is None for entry in report["entries"])
    [curve] = report["curves"]
    assert [point["train_samples"] for point in curve["points"]] == [20, 40]
    assert all(point["from_run"] is None and point["ratio"] is None for point in curve["points"])
    for point, entry in zip(curve["points"], report["entries"], strict=True):
        exact = [record["exact_match"] for record in entry["ours"]]
        assert point["from_scratch"]["exact_match_worst"] == min(exact)
        assert point["from_scratch"]["trainings"] == 2
    result = cli(*CURVE, "--lengths", "4", "--save", "curve.md")
    assert "chinese, 20 sequences seed 0 ours" in result.stderr
    text = (folder / "curve.md").read_text(encoding="utf-8")
    assert "| examples | scratch exact |" in text
    assert "| chinese, 40 sequences | 4 |" in text


def test_a_curve_from_a_run_has_both_sides(cli: Cli, folder: Path) -> None:
    cli("train", "chinese", "-q", "--out", "runs/solved")
    report = as_json(cli, *CURVE, "--from", "solved")
    [curve] = report["curves"]
    assert curve["start"] == str((folder / "runs/solved").resolve())
    assert [entry["start"] for entry in report["entries"]] == [None, curve["start"]] * 2
    assert all(point["from_run"]["exact_match_worst"] == 1 for point in curve["points"])
    assert all(point["from_scratch"]["exact_match_median"] < 1 for point in curve["points"])
    assert curve["needed"][0] == {"exact_match": 1.0, "from_scratch": None, "from_run": 20}
    shown = " ".join(cli(*CURVE, "--from", "solved").stdout.split())
    assert "chinese: from scratch, and from solved" in shown
    assert "for a median exact match of 1.000: more than 40 from scratch, 20 from solved" in shown


def entry_of(count: int | None, start: str | None, exact: list[float], steps: int = 50) -> BenchEntry:
    ours = [
        SolveRecord(seed, share == 1, steps + seed, 1.0, 1.0, 1.0, None, exact_match=share)
        for seed, share in enumerate(exact)
    ]
    return BenchEntry("copy", "copy", ours, [], None, [], start, count)


def test_what_is_needed_is_read_off_the_medians() -> None:
    curve = draw_curve(
        [
            entry_of(30, None, [0.1, 0.2, 1.0], 100),
            entry_of(30, "runs/a", [0.5, 0.9, 0.95]),
            entry_of(10, None, [0.0, 0.1, 0.1], 100),
            entry_of(10, "runs/a", [0.1, 0.3, 1.0]),
            entry_of(90, None, [0.8, 0.8, 1.0], 100),
            entry_of(90, "runs/a", [1.0, 1.0, 1.0]),
        ]
    )
    assert [point.train_samples for point in curve.points] == [10, 30, 90]
    assert [(n.exact_match, n.from_scratch, n.from_run) for n in curve.needed] == [
        (1.0, None, 90),
        (0.8, 90, 30),
    ]
    assert [row[-1] for row in rows_of(curve)] == ["-", "-", "<0.50"]
    assert rows_of(curve)[2][1:4] == ["0.800", "0.800", ">101"]
    assert needed_lines(curve)[1].endswith("the most that scratch comes to: 90 from scratch, 30 from a")


def test_where_nothing_is_learned_nothing_is_said_of_what_it_takes() -> None:
    assert draw_curve([entry_of(10, None, [0.0]), entry_of(30, None, [0.0])]).needed == []


def test_a_start_without_a_number_of_sequences_is_a_curve_of_one_point() -> None:
    curve = draw_curve([entry_of(None, None, [1.0], 100), entry_of(None, "runs/a", [1.0], 40)])
    assert (curve.points[0].ratio, curve.needed) == (0.4, [])
    assert rows_of(curve)[0][0] == "no limit"


@pytest.mark.parametrize("width", [40, 80])
def test_curves_fit_the_terminal(width: int) -> None:
    entries = [entry_of(count, start, [0.5]) for count in (100, 1000) for start in (None, "runs/a")]
    report = BenchReport(Machine(2, 0.1, "2.13", 150.0), entries, [draw_curve(entries)])
    file = io.StringIO()
    print_bench(Console(file=file, width=width, color_system=None), report)
    assert all(len(line) <= width for line in file.getvalue().splitlines())
    assert "1,000" in file.getvalue()


def test_seeds_are_a_range_or_a_list() -> None:
    assert parse_seeds("7") == [7]
    assert parse_seeds("100:102") == [100, 101, 102]
    assert parse_seeds("3,0:1, 1") == [0, 1, 3]

"""The command line: the JSON contract, the options, and a table of what people get wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.conftest import SMALL, Cli, invoke
from tfcli.config import ModelConfig


def as_json(cli: Cli, *words: str, **options: Any) -> Any:
    """The JSON a command prints on stdout, which has no NaN in it."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(cli(*words, "--json", **options).stdout, parse_constant=refuse)


# --- what each command says ---


def test_train_tells_what_came_of_it(cli: Cli, folder: Path) -> None:
    report = as_json(cli, "train", "reverse", *SMALL, "-q")
    assert report["run"] == "runs/reverse"
    assert report["task"] == "reverse"
    assert report["solved"] is True
    assert report["exact_match"] == report["token_accuracy"] == 1.0
    assert 0 < report["steps"] <= 200
    assert report["train_seconds"] > 0
    assert report["tokens_per_second"] > 0
    assert report["parameters"] == as_json(cli, "inspect")["parameters"]
    assert sorted(path.name for path in (folder / "runs/reverse").iterdir()) == [
        "config.yaml",
        "metrics.jsonl",
        "model.safetensors",
    ]
    lines = [json.loads(line) for line in (folder / "runs/reverse/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(25, report["steps"] + 1, 25))
    assert lines[-1]["exact_match"] == lines[-2]["exact_match"] == 1.0


def test_runs_are_never_overwritten(cli: Cli, folder: Path) -> None:
    quick = ["task.max_length=3", "model.d_model=8", "train.steps=2", "-q"]
    runs = [as_json(cli, "train", "copy", *quick)["run"] for _ in range(3)]
    assert runs == ["runs/copy", "runs/copy-2", "runs/copy-3"]
    assert as_json(cli, "train", "copy", *quick, "--out", "elsewhere/x")["run"] == "elsewhere/x"
    cli("train", "copy", *quick, "--out", "elsewhere/x", expect=2)
    assert as_json(cli, "eval", "elsewhere/x", "--samples", "5", "--lengths", "3")["run"] == "elsewhere/x"


def test_a_saved_configuration_trains_the_same_run_again(run_cli: Cli, tmp_path: Path) -> None:
    run_cli("train", "runs/reverse/config.yaml", "-q", "--out", str(tmp_path / "again"))
    first, again = (
        Path(path, "model.safetensors").read_bytes() for path in ("runs/reverse", tmp_path / "again")
    )
    assert len(first) == len(again) or abs(len(first) - len(again)) < 200  # seconds differ in the header
    length, length_again = (int.from_bytes(data[:8], "little") for data in (first, again))
    assert first[8 + length :] == again[8 + length_again :]


def test_dry_run_prints_a_configuration_and_does_nothing(cli: Cli, folder: Path) -> None:
    text = cli("train", "sort", "model.n_layers=3", "--seed", "5", "--dry-run").stdout
    (folder / "mine.yaml").write_text(text)
    assert cli("train", "mine.yaml", "--dry-run").stdout == text
    config = as_json(cli, "train", "mine.yaml", "--dry-run")
    assert (config["model"]["n_layers"], config["train"]["seed"]) == (3, 5)
    assert not (folder / "runs").exists()


def test_eval_scores_each_length(run_cli: Cli) -> None:
    report = as_json(run_cli, "eval", "reverse", "--lengths", "2:4,6", "--samples", "50")
    assert report["trained_lengths"] == [1, 5]
    assert [entry["length"] for entry in report["lengths"]] == [2, 3, 4, 6]
    assert [entry["in_range"] for entry in report["lengths"]] == [True, True, True, False]
    for entry in report["lengths"]:
        assert entry["exact_match_interval"][0] <= entry["exact_match"] <= entry["exact_match_interval"][1]
        assert 0 <= entry["exact_match"] <= entry["token_accuracy"] <= 1
        assert 0 <= entry["floor"] < 1
        assert entry["samples"] <= 50


def test_eval_goes_beyond_the_trained_lengths_by_itself(run_cli: Cli) -> None:
    assert [entry["length"] for entry in as_json(run_cli, "eval")["lengths"]] == [1, 2, 3, 4, 5, 7, 10, 15]


def test_attn_shows_weights_that_sum_to_one(run_cli: Cli) -> None:
    record = as_json(run_cli, "attn", "reverse", "3 1 2")
    assert record["tokens"] == ["3", "1", "2"]
    assert record["prediction"] == record["target"] == ["2", "1", "3"]
    assert [layer["layer"] for layer in record["layers"]] == [0]
    assert [head["head"] for head in record["layers"][0]["heads"]] == [0, 1, 2, 3]
    for head in record["layers"][0]["heads"]:
        for row in head["weights"]:
            assert len(row) == 3
            assert sum(row) == pytest.approx(1, abs=1e-5)


def test_attn_chooses_layers_and_heads(run_cli: Cli) -> None:
    chosen = as_json(run_cli, "attn", "312", "--layer", "0", "--head", "2", "--head", "1")["layers"]
    assert [(layer["layer"], [head["head"] for head in layer["heads"]]) for layer in chosen] == [(0, [1, 2])]
    every = as_json(run_cli, "attn", "312")["layers"][0]["heads"]
    [mean] = as_json(run_cli, "attn", "312", "--mean")["layers"][0]["heads"]
    assert mean["head"] == "mean"
    expected = sum(head["weights"][0][1] for head in every) / 4
    assert mean["weights"][0][1] == pytest.approx(expected, abs=1e-6)


def test_attn_draws_a_held_out_sequence(run_cli: Cli) -> None:
    first, again = (as_json(run_cli, "attn")["tokens"] for _ in range(2))
    assert first == again
    assert len(first) == 5
    assert as_json(run_cli, "attn", "--seed", "1")["tokens"] != first


def test_one_word_is_a_run_if_there_is_one_and_else_a_sequence(run_cli: Cli) -> None:
    assert as_json(run_cli, "attn", "reverse")["run"] == "runs/reverse"
    assert as_json(run_cli, "attn", "runs/reverse")["run"] == "runs/reverse"
    assert as_json(run_cli, "attn", "3 1")["tokens"] == ["3", "1"]


def test_predict_answers_a_line_each(run_cli: Cli) -> None:
    answer = as_json(run_cli, "predict", "reverse", "3 1 2")
    assert answer == {
        "input": ["3", "1", "2"],
        "prediction": ["2", "1", "3"],
        "target": ["2", "1", "3"],
        "correct": True,
    }
    result = run_cli("predict", "reverse", "-", "--json", input="3 1\n\n0 1 2\n")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["input"] for line in lines] == [["3", "1"], [], ["0", "1", "2"]]
    assert run_cli("predict", "3 1 2").stdout == "2 1 3\n"


def test_predict_says_which_line_is_wrong_after_answering_those_before(run_cli: Cli) -> None:
    result = run_cli("predict", "-", input="3 1\nx y\n", expect=2)
    assert result.stdout == "1 3\n"
    assert "line 2: 'x' is none of the symbols 0 1 2 3" in result.stderr


def test_inspect_tells_all_that_is_known(run_cli: Cli) -> None:
    details = as_json(run_cli, "inspect", "reverse")
    assert details["config"]["task"]["name"] == "reverse"
    assert details["parameters"] == sum(details["parameters_by_part"].values())
    assert details["parameters_by_part"]["blocks.0.attention"] == 32 * 96 + 96 + 32 * 32 + 32
    assert details["exact_match"] == 1.0
    assert details["history"][-1]["step"] == details["steps"]
    text = run_cli("inspect").stdout
    for word in ("d_model", "32", "parameters", "blocks.0.feed_forward"):
        assert word in text


@pytest.mark.parametrize("positions", get_args(ModelConfig.model_fields["positions"].annotation))
def test_inspect_counts_what_training_counted(positions: str, cli: Cli) -> None:
    words = ["task.max_length=3", "model.d_model=8", "train.steps=1", f"model.positions={positions}", "-q"]
    trained = as_json(cli, "train", "copy", *words)
    assert as_json(cli, "inspect")["parameters"] == trained["parameters"] > 0


def test_ls_shows_tasks_examples_and_runs(run_cli: Cli) -> None:
    catalog = as_json(run_cli, "ls")
    assert set(catalog["tasks"]) >= {"copy", "reverse", "sort"}
    assert set(catalog["examples"]) >= {"copy", "reverse", "sort", "chinese", "original", "shared"}
    assert [run["run"] for run in catalog["runs"]] == ["reverse"]
    text = run_cli("ls").stdout
    for word in ("tasks", "examples", "runs", "chinese"):
        assert word in text


def test_show_prints_a_file_that_trains(cli: Cli, folder: Path) -> None:
    (folder / "mine.yaml").write_text(cli("show", "chinese").stdout, encoding="utf-8")
    assert as_json(cli, "show", "mine.yaml")["config"] == as_json(cli, "show", "chinese")["config"]
    assert as_json(cli, "validate", "mine.yaml") == {
        "file": "mine.yaml",
        "valid": True,
        "configs": ["mine"],
        "errors": [],
    }


def test_validate_says_every_problem(cli: Cli, folder: Path) -> None:
    (folder / "bad.yaml").write_text(
        "a:\n  task: {name: revers}\nb:\n  task: {name: copy}\n  model: {x: 1}\n"
    )
    result = cli("validate", "bad.yaml", expect=2)
    assert "error: bad.yaml:2:16: task.name" in result.stderr
    assert "error: bad.yaml:5:11: unknown key model.x" in result.stderr
    assert len(as_json(cli, "validate", "bad.yaml", expect=2)["errors"]) == 2
    assert "valid" in cli("validate", "reverse").stdout


def test_version_and_help(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("tfcli ")
    for command in ("train", "eval", "attn", "predict", "inspect", "ls", "show", "validate"):
        assert "Example: tfcli " in cli(command, "--help").stdout


def test_results_go_to_stdout_and_the_rest_to_stderr(cli: Cli) -> None:
    result = cli("train", "copy", "task.max_length=3", "model.d_model=8", "train.steps=2")
    assert "runs/copy: not solved (step 2, " in result.stdout
    assert "step=2/2 loss=" in result.stderr
    assert "next: tfcli eval copy" in result.stderr


def test_a_task_of_few_sequences_says_so(cli: Cli) -> None:
    words = ["task.vocab_size=3", "task.min_length=6", "task.max_length=6", "train.steps=1"]
    result = cli("train", "sort", *words)
    assert "there are only 729 such sequences; 72 of them are held out" in result.stderr


# --- what people get wrong: words, exit code, what is said ---

HOT = [*SMALL, "train.learning_rate=1e30", "train.warmup_steps=0"]
WRONG = [
    (["train"], 2, "name an example or a file first: tfcli train reverse (examples: copy, reverse"),
    (["train", "model.n_layers=2"], 2, "name an example or a file first"),
    (["train", "revers"], 2, "no example is called 'revers'; did you mean 'reverse'?"),
    (["train", "nowhere.yaml"], 2, "can't read nowhere.yaml: No such file or directory"),
    (["train", "reverse", "--model.n_layers=2"], 2, "write it without dashes, model.n_layers=VALUE"),
    (["train", "reverse", "--sed", "1"], 2, "No such option: --sed"),
    (["train", "reverse", "modl.n_layers=2"], 2, "write it as model.n_layers=2"),
    (["train", "reverse", "model.n_layer=2"], 2, "did you mean 'n_layers'?"),
    (["train", "reverse", "model.n_heads=3"], 2, "must divide d_model = 64"),
    (["train", "reverse", "task.name=x.py:Task"], 2, "can't read x.py: No such file"),
    (["train", "reverse", "--seed", "-1"], 2, "train.seed = -1: must be greater than or equal to 0"),
    (["train", "reverse", "train.device=cuda:99"], 2, "there is no device cuda:99 here"),
    (["train", "reverse", "--out", "file/run"], 2, "can't make the folder file/run: "),
    (["train", "reverse", "--out", "file"], 2, "file exists already; choose another --out"),
    (["train", "reverse", "-q", *HOT], 1, "at step"),
    (["eval", "revers"], 2, "no run is called 'revers'; did you mean 'reverse'?"),
    (["eval", "--lengths", "0"], 2, "lengths go up from 1"),
    (["eval", "--lengths", "5:1"], 2, "lengths go up from 1"),
    (["eval", "--lengths", "1:9:0"], 2, "in steps of at least 1"),
    (["eval", "--lengths", "1-5"], 2, "write 1:40, 41:500:50 or 10,41,500"),
    (["eval", "--lengths", ""], 2, "can't read --lengths ''"),
    (["eval", "--lengths", "999999999"], 2, "at most 100000"),
    (["eval", "--samples", "0"], 2, "--samples"),
    (["eval", "--device", "abacus"], 2, "must be auto, cpu, cuda, cuda:N or mps"),
    (["eval", "learned", "--lengths", "6"], 2, "learned positions know lengths up to 5, not 6"),
    (["attn", "revers"], 2, "'revers' is none of the symbols 0 1 2 3, and no run is called that"),
    (["attn", "3 x"], 2, "'x' is none of the symbols 0 1 2 3"),
    (["attn", "reverse", ""], 2, "the sequence is empty"),
    (["attn", "reverse", "3", "1"], 2, "write a sequence in quotes"),
    (["attn", "--layer", "1"], 2, "there is no layer 1; this model has only layer 0"),
    (["attn", "--head", "4"], 2, "there is no head 4; this model's heads are 0 to 3"),
    (["attn", "reverse", "0 " * 3000], 2, "attention is shown for up to 2048 tokens, not 3000"),
    (["attn", "learned", "0 1 2 3 0 1"], 2, "learned positions know lengths up to 5, not 6"),
    (["predict"], 2, "name a sequence"),
    (["predict", "learned", "0 1 2 3 0 1"], 2, "learned positions know lengths up to 5, not 6"),
    (["inspect", "nowhere"], 2, "no run is called 'nowhere'"),
    (["inspect", "empty"], 1, "empty has no weights yet"),
    (["inspect", "damaged"], 1, "is damaged: it doesn't begin with a safetensors header"),
    (["eval", "damaged"], 1, "is damaged"),
    (["attn", "cut"], 1, "is damaged"),
    (["inspect", "foreign"], 1, "wasn't written by tfcli"),
    (["attn", "foreign", "1 2"], 1, "wasn't written by tfcli"),
    (["predict", "misfit", "1 2"], 1, "is damaged"),
    (["show", "nothing"], 2, "no example is called 'nothing'"),
    (["validate", "nowhere.yaml"], 2, "can't read nowhere.yaml"),
    (["attn", "0 " * 200 + "x"], 2, "'x' is none of the symbols"),
    (["train", "reverse", "--steps", "5"], 2, "write it without dashes, train.steps=VALUE"),
    (["train", "reverse", "n_layers=2"], 2, "write it as model.n_layers=2"),
    (["train", "reverse", "train.device=cuda:999"], 2, "must be auto, cpu, cuda, cuda:N or mps"),
    (["train", "reverse", "train.threads=99999999999"], 2, "less than or equal to 1024"),
    (["train", "reverse", "task.name=x.py"], 2, "name its class, too: x.py:ClassName"),
    (
        [
            "train",
            "reverse",
            "-q",
            *HOT,
            "train.warmup_steps=1",
            "train.steps=1",
            "train.weight_decay=1e10",
        ],
        1,
        "the weights became infinite by step 1",
    ),
    (["eval", "--samples", "9999999999"], 2, "--samples"),
    (["eval", "--seed", "9999999999999999999999"], 2, "--seed"),
    (["eval", "--device", "cuda:99"], 2, "there is no device cuda:99 here"),
    (["attn", "infinite"], 1, "some weights aren't finite numbers"),
    (["inspect", "headless"], 1, "headless/model.safetensors is damaged: its header is incomplete"),
    (["inspect", "unsummed"], 1, "is damaged: solved is missing"),
    (["inspect", "listed"], 1, "wasn't written by tfcli"),
    (["--bogus"], 2, "No such option: --bogus"),
    (["frobnicate"], 2, "No such command 'frobnicate'"),
    (["atn"], 2, "Did you mean 'attn'?"),
]


@pytest.fixture(scope="session")
def wreckage(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """A folder with a good run and several bad ones."""
    folder = tmp_path_factory.mktemp("wreckage")
    good = (trained / "runs/reverse/model.safetensors").read_bytes()
    config = (trained / "runs/reverse/config.yaml").read_text()
    length = int.from_bytes(good[:8], "little")
    header = good[8 : 8 + length]
    misfit = header.replace(b'\\"d_model\\":32', b'\\"d_model\\":64')
    assert misfit != header
    weights = {
        "empty": None,
        "damaged": b"these are no weights",
        "cut": good[: len(good) // 2],
        "foreign": (2).to_bytes(8, "little") + b"{}",
        "misfit": with_header(misfit, good[8 + length :]),
        "infinite": good[: 8 + length] + b"\xff" * (len(good) - 8 - length),
        "headless": with_header(b'{"__metadata__": {"format": "tfcli-1"}}'),
        "unsummed": with_header(re.sub(rb'"summary":"(\\.|[^"\\])*"', b'"summary":"{}"', header)),
        "listed": with_header(b'{"__metadata__": [1]}'),
        "reverse": good,
    }
    for name, data in weights.items():
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / "config.yaml").write_text(config)
        if data is not None:
            (folder / "runs" / name / "model.safetensors").write_bytes(data)
    (folder / "file").write_text("precious")
    before = Path.cwd()
    os.chdir(folder)
    invoke(
        "train", "reverse", *SMALL, "train.steps=1", "model.positions=learned", "--out", "runs/learned", "-q"
    )
    os.chdir(before)
    os.utime(folder / "runs/learned/config.yaml", (1, 1))  # older than the good one
    return folder


def with_header(header: bytes, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + rest


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("words", "code", "message"), WRONG, ids=lambda value: str(value)[:60])
def test_a_mistake_gets_one_clear_message(
    words: list[str], code: int, message: str, wreckage: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(wreckage)
    before = contents(wreckage)
    result = cli(*words, expect=code)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    assert result.stdout == ""
    after = contents(wreckage)
    assert before.items() <= after.items()  # nothing lost, nothing overwritten


def test_without_a_run_the_next_step_is_named(cli: Cli) -> None:
    for command in ("eval", "attn", "inspect"):
        assert "`tfcli train reverse` makes one" in cli(command, expect=2).stderr


def test_ls_says_which_runs_are_broken(wreckage: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(wreckage)
    found = {run["run"]: run["problem"] for run in as_json(cli, "ls")["runs"]}
    assert found["reverse"] is None
    for name in ("empty", "damaged", "foreign", "headless", "unsummed", "listed"):
        assert found[name]


def test_debug_shows_where_an_error_came_from(folder: Path) -> None:
    output = invoke("--debug", "eval", expect=2).output
    assert "Traceback" in output or "error: there is no trained run" in output


def test_an_unwritable_folder_is_named(folder: Path) -> None:
    (folder / "runs").write_text("not a folder")
    result = invoke("train", "copy", *SMALL, "-q", expect=2)
    assert "can't make the folder runs/copy: " in result.stderr


def test_a_broken_link_where_runs_belong_is_named(folder: Path) -> None:
    (folder / "runs").symlink_to("nowhere")
    result = invoke("train", "copy", *SMALL, "-q", expect=2)
    assert "can't make the folder runs/copy: " in result.stderr


@pytest.mark.parametrize("name", ["../escaped", "a/b", "", "..", "-n", "a\\0b"])
def test_no_entry_name_leads_out_of_the_runs(name: str, folder: Path) -> None:
    (folder / "mine.yaml").write_text(f'"{name}": {{task: {{name: copy}}}}')
    invoke("train", f"{folder / 'mine.yaml'}", *SMALL, "train.steps=1", "-q")
    [run] = (folder / "runs").iterdir()
    assert re.fullmatch(r"\w[\w.-]*", run.name)
    assert {path.name for path in folder.iterdir()} == {"mine.yaml", "runs"}


def test_unreadable_metrics_are_left_out(trained: Path, cli: Cli, folder: Path) -> None:
    shutil.copytree(trained / "runs", folder / "runs")
    metrics = folder / "runs/reverse/metrics.jsonl"
    metrics.write_text('{"step": 1, "exact_match": 0.5}\n{"exact_match": "x"}\n5\n{"exact_match": NaN}\n')
    assert len(as_json(cli, "inspect")["history"]) == 1
    cli("inspect")


# --- tasks of others ---

DOUBLING = """
import torch
from tfcli import Task

class Swapping(Task):
    def target(self, inputs):
        return (inputs + 1) % self.vocab_size

class Cutting(Task):
    def target(self, inputs):
        return inputs[:, 1:]

class Overflowing(Task):
    def target(self, inputs):
        return inputs + 1

class Idle(Task):
    pass

NotATask = int
"""


def test_a_task_from_a_file_trains_and_answers(cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(DOUBLING)
    cli("train", "copy", "task.name=mine.py:Swapping", *SMALL, "-q", "--out", "x")
    answer = as_json(cli, "predict", "x", "0 3 1")
    assert answer["target"] == ["1", "0", "2"]
    assert answer["correct"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Swaping", "has no class Swaping; did you mean 'Swapping'?"),
        ("Cutting", "target() must return int64 [64, 5], not torch.int64 [64, 4]"),
        ("Overflowing", "target() must return ids from 0 to 3, not 1 to 4"),
        ("Idle", "must be a subclass of tfcli.Task with a target()"),
    ],
)
def test_a_task_that_is_none_is_refused(name: str, message: str, cli: Cli, folder: Path) -> None:
    (folder / "mine.py").write_text(DOUBLING)
    result = cli("train", "copy", f"task.name=mine.py:{name}", *SMALL, "-q", expect=2)
    assert message in result.stderr
    assert not (folder / "runs").exists()


def test_a_distribution_brings_a_task_by_name(folder: Path) -> None:
    (folder / "swapping.py").write_text(DOUBLING)
    metadata = folder / "swapping-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: swapping\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[tfcli.tasks]\nswap = swapping:Swapping\nbroken = nowhere:Task\n"
    )
    env = {**os.environ, "PYTHONPATH": str(folder)}
    assert set(json.loads(tfcli("ls", "--json", cwd=folder, env=env).stdout)["tasks"]) >= {"copy", "swap"}
    train = ["train", "copy", *SMALL, "-q", "--json"]
    trained = tfcli(*train, "task.name=swap", cwd=folder, env=env)
    assert json.loads(trained.stdout)["task"] == "swap"
    assert tfcli("predict", "0 3 1", cwd=folder, env=env).stdout == "1 0 2\n"
    broken = tfcli(*train, "task.name=broken", cwd=folder, env=env)
    assert broken.returncode == 2
    assert broken.stderr.startswith("error: task broken: ModuleNotFoundError: No module named 'nowhere'")


# --- processes ---


def tfcli(*words: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tfcli", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["ls"],
        ["show", "reverse"],
        ["inspect"],
        ["validate", "reverse"],
        ["train", "sort", "--dry-run"],
    ],
)
def test_looking_around_does_not_import_torch(words: list[str], trained: Path) -> None:
    code = (
        "import sys; from tfcli.cli import app\n"
        f"try: app({words!r}, prog_name='tfcli')\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=trained, check=True, capture_output=True)


def test_completion_offers_examples_settings_and_runs(trained: Path) -> None:
    def offered(line: str) -> str:
        env = {
            **os.environ,
            "_TFCLI_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split())),
        }
        return tfcli(cwd=trained, env=env).stdout

    assert "reverse" in offered("tfcli train ").split()
    assert "chinese" in offered("tfcli show ").split()
    assert "reverse" in offered("tfcli eval ").split()
    assert "model.n_layers=" in offered("tfcli train reverse ").split()


def test_ctrl_c_saves_what_was_learned(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tfcli",
        "train",
        "reverse",
        "train.steps=100000",
        "train.stop_when_solved=false",
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    metrics = tmp_path / "runs/reverse/metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted (step " in out
    details = json.loads(tfcli("inspect", "--json", cwd=tmp_path).stdout)
    assert details["interrupted"]
    assert details["steps"] > 0
    assert tfcli("predict", "3 1 2", cwd=tmp_path).returncode == 0


def test_a_reader_that_goes_away_is_no_error(trained: Path) -> None:
    command = f"{sys.executable} -m tfcli attn reverse | head -n 1"
    result = subprocess.run(command, shell=True, cwd=trained, capture_output=True, text=True, check=True)
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_json_is_ascii_where_stdout_is(trained: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = tfcli("show", "chinese", "--json", cwd=trained, env=env)
    assert json.loads(result.stdout)["config"]["task"]["symbols"] == ["我", "喜欢", "吃", "苹果"]
    assert result.stdout.isascii()

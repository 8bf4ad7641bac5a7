"""The command line: what each command says, and the JSON contract."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import SMALL, Cli, as_json
from tfcli.model import POSITIONS

DRAWN = {"in training": "loss", "held out": "held_out_loss"}


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
        "training.safetensors",
    ]
    lines = [json.loads(line) for line in (folder / "runs/reverse/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(25, report["steps"] + 1, 25))
    assert lines[-1]["exact_match"] == lines[-2]["exact_match"] == 1.0


def test_each_attempt_is_told(cli: Cli, folder: Path) -> None:
    words = ["train", "copy", *SMALL, "train.steps=5", "train.attempts=2"]
    outcome = cli(*words)
    assert outcome.stdout.startswith("runs/copy: not solved (step 5, attempt 2, ")
    assert "step=5/5 attempt=2 " in outcome.stderr
    assert as_json(cli, *words, "-q")["attempts"] == 2
    assert "5, attempt 2" in cli("inspect").stdout
    details = as_json(cli, "inspect")
    assert details["attempts"] == 2
    assert [(line["step"], line["attempt"]) for line in details["history"]] == [(2, 1), (5, 2)]


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
        "picture": None,
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


@pytest.mark.parametrize("positions", POSITIONS)
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


def test_show_writes_a_file_that_trains(cli: Cli, folder: Path) -> None:
    result = cli("show", "chinese", "--out", "mine.yaml")
    assert result.stdout == ""
    assert result.stderr == "next: tfcli train mine.yaml\n"
    assert (folder / "mine.yaml").read_bytes() == cli("show", "chinese").stdout.encode()
    cli("train", "mine.yaml", "train.steps=1", "-q")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reverse", "--out", "mine"], "--out mine: a configuration file is called so: mine.yaml"),
        (["reverse", "--out", "there.yaml"], "--out there.yaml: exists already; choose another name"),
        (["reverse", "--out", "no/mine.yaml"], "--out no/mine.yaml: there is no folder no"),
        (["reverse", "--out", "mine.yaml", "--json"], "leave --schema and --json out"),
    ],
)
def test_show_writes_no_file_that_is_none_of_its_own(
    words: list[str], message: str, cli: Cli, folder: Path
) -> None:
    (folder / "there.yaml").write_text("precious")
    assert message in cli("show", *words, expect=2).stderr
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"there.yaml": "precious"}


WIDE = "task: {name: reverse, symbols: [我, 苹果]}\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_configuration_that_another_shell_has_written_is_read(
    encoding: str, cli: Cli, folder: Path
) -> None:
    (folder / "mine.yaml").write_text(WIDE, encoding=encoding, newline="\r\n")
    assert "苹果" in as_json(cli, "show", "mine.yaml")["config"]["task"]["symbols"]


def test_a_configuration_in_another_encoding_is_refused_with_the_way_out(cli: Cli, folder: Path) -> None:
    (folder / "mine.yaml").write_text(WIDE, encoding="gbk")
    said = cli("train", "mine.yaml", expect=2).stderr
    assert "mine.yaml: not UTF-8 text (byte " in said
    assert "`tfcli show EXAMPLE --out FILE`" in said


def test_inspect_draws_both_losses_on_one_scale(cli: Cli, folder: Path) -> None:
    run = ["train", "copy", "task.max_length=5", "task.vocab_size=4", "train.steps=200", "-q"]
    cli(*run, "train.eval_every=20", "train.stop_when_solved=false")
    history = as_json(cli, "inspect")["history"]
    text = cli("inspect").stdout
    highest = max(line[key] for line in history for key in ("loss", "held_out_loss"))
    for name, key in DRAWN.items():
        bars = "".join("▁▂▃▄▅▆▇█"[min(int(line[key] / highest * 8), 7)] for line in history)
        assert re.search(rf"^ +{name} +{bars}(  up to {highest:.2f})?$", text, re.MULTILINE)
    assert f"up to {highest:.2f}" in text


def test_help_lists_commands_by_use_and_its_examples_work_in_every_shell(cli: Cli) -> None:
    text = cli("--help").stdout
    listed = re.findall(r"^  ([a-z]+)  ", text.partition("Commands:")[2], re.MULTILINE)
    assert listed[:5] == ["train", "eval", "attn", "predict", "trace"]
    for name in listed:
        text += cli(name, "--help").stdout
    assert text.count("Example: tfcli ") >= len(listed) - 3
    assert not re.search(r"(Example: |such as |tfcli [a-z]+ )[^\n]*'", text)  # no quote in every shell


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


def test_a_tilde_is_the_home_folder_wherever_it_stands(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("USERPROFILE", str(folder / "home"))
    (folder / "home").mkdir()
    cli("train", "copy", "train.steps=2", "train.batch_size=4", "-q", "--out=~/run")
    cli("attn", str(folder / "home/run"), "1 2", "--save=~/map.json")
    assert {path.name for path in (folder / "home").iterdir()} == {"run", "map.json"}
    assert not (folder / "~").exists()


def test_of_an_option_that_is_given_twice_the_last_counts_and_that_is_told(run_cli: Cli) -> None:
    note = "note: --samples is given twice; the last counts"
    result = run_cli("eval", "reverse", "--samples", "4", "--lengths", "3", "--samples", "5")
    assert note in result.stderr
    report = as_json(run_cli, "eval", "reverse", "--samples", "4", "--lengths", "3", "--samples", "5")
    assert [found["samples"] for found in report["lengths"]] == [5]
    assert "given twice" not in run_cli("ls", "--sort", "steps", "--sort", "run").stderr
    assert "given twice" not in run_cli("attn", "--layer", "0", "--head", "0", "--head", "1").stderr


def test_of_a_setting_that_is_given_twice_the_last_counts_and_that_is_told(cli: Cli) -> None:
    words = ["train", "copy", "train.steps=5", "train.seed=1", "train.steps=7", "--seed", "3", "--dry-run"]
    result = cli(*words)
    assert "steps: 7" in result.stdout
    assert result.stderr == (
        "note: train.steps is given twice; train.steps=7 counts\n"
        "note: train.seed is given twice; train.seed=3 counts\n"
    )
    assert cli(*words, "-q").stderr == ""

"""What people try who are new here, or come from another tool: the first line says what to write instead."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import Cli

MISTAKES = {  # what is typed, in a folder with the run `reverse` -> what stands in the first line on it
    # names of examples, files and runs
    "train reverse.yaml": "did you mean the example 'reverse': `tfcli train reverse`?",
    "train sort.yml": "`tfcli train sort`",
    "train REVERSE": "did you mean 'reverse'?",
    "train reverse copy": "one example at a time, not 'copy', too; `tfcli bench` compares several",
    "train reverse cpy": "did you mean 'copy'?",
    "train --config mine.yaml": "name the file alone: tfcli train FILE.yaml",
    "train reverse --name mine": "--out runs/NAME names the folder of the run",
    "train reverse -o mine": "the folder of the run is --out FOLDER",
    "eval ../other/runs/revers": "other/runs; `tfcli ls` shows all)",
    # commands
    "reverse": "did you mean `tfcli train reverse`?",
    "evaluate reverse": "did you mean `tfcli eval reverse`?",
    "visualize reverse": "did you mean `tfcli attn reverse`?",
    "list": "did you mean `tfcli ls`?",
    "help": "did you mean `tfcli --help`?",
    "help positions": "did you mean `tfcli docs positions`?",
    "help evaluate": "did you mean `tfcli eval --help`?",
    # settings
    "train reverse --epochs 5": "write it without dashes, train.steps=5; a step is a batch",
    "train reverse --batch-size=8": "write it without dashes, train.batch_size=8",
    "train reverse --hidden_size": "write it without dashes, model.d_model=VALUE",
    "train reverse train.lr=0.1": "did you mean 'train.learning_rate'?",
    "train reverse model.n_heads = 2": "write it without spaces, model.n_heads=2",
    "train reverse model.n_heads= 2": "write it without spaces, model.n_heads=2",
    "train reverse model.n_heads =2": "write it without spaces, model.n_heads=2",
    "train reverse model.n_heads 2": "write it without spaces, model.n_heads=2",
    "train reverse learning_rate:0.1": "write it with =, train.learning_rate=0.1",
    "train reverse train.learning_rate=0,001": "must be a number; write 0.001",
    "train reverse train.steps=1e3": "must be a whole number; write 1000",
    "train reverse num_layers=2": "write it as model.n_layers=2",
    "train reverse num_heads=2": "write it as model.n_heads=2",
    "train reverse hidden_size=32": "write it as model.d_model=32",
    "train reverse dim=32": "write it as model.d_model=32",
    "train reverse model.d_hidden=32": "did you mean 'model.d_ff'?",
    "train reverse lr=0.1": "write it as train.learning_rate=0.1",
    "train reverse batch=8": "write it as train.batch_size=8",
    "train reverse epochs=8": "write it as train.steps=8",
    "train reverse model.seed=8": "did you mean 'train.seed'?",
    "train reverse task.epochs=8": "did you mean 'train.steps'?",
    "train reverse task=sort": "write it as task.name=sort",
    "train reverse model=big": "write it as model.n_layers=2 or another model.KEY=VALUE",
    "train reverse train=fast": "write it as train.steps=500 or another train.KEY=VALUE",
    "train reverse task.length=5": "did you mean 'task.max_length'?",
    "train reverse train.optimizer=AdamW": "did you mean 'adamw'?",
    "train reverse train.device=gpu": "did you mean cuda?",
    "train top.yaml": "did you mean 'train.learning_rate'? In a file: train: {learning_rate: ...}",
    "train lone.yaml": "did you mean 'model.n_layers'? In a file: model: {n_layers: ...}",
    # sequences and numbers
    "attn reverse 3 1 2": 'write a sequence in quotes: "3 1 2"',
    "attn -- reverse '3 9'": "'9' is none of the symbols 0 1 2 3",
    "attn --head all": "write 0, 0,2 or 0:2, and leave --head out for all",
    "attn --layer 0-1": "write 0, 0,2 or 0:2, and leave --layer out for all",
    "trace --head 0,1": "--head takes one whole number",
    "trace --stage soft": "(stages: embedding, layer norm, ",
    "predict -1": "a sequence that begins with - wants -- before it",
    "eval --lengths 1-40": "write 1:40, 41:500:50 or 10,41,500",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_the_first_line_says_what_to_write(line: str, trained: Path, folder: Path, cli: Cli) -> None:
    shutil.copytree(trained / "runs", folder / "runs")
    (folder / "top.yaml").write_text("task: {name: reverse}\nlearning_rate: 0.001\n")
    (folder / "lone.yaml").write_text("num_layers: 2\nlr: 0.1\n")
    result = cli(*shlex.split(line), expect=2)
    first = result.stderr.splitlines()[0]
    assert first.startswith("error: ")
    assert MISTAKES[line] in first
    assert result.stdout == ""


@pytest.mark.parametrize("heads", [["0,2"], ["0", "--head", "2"], ["2,0"]])
def test_several_heads_are_named_with_commas_or_one_by_one(heads: list[str], run_cli: Cli) -> None:
    text = run_cli("attn", "3 1 2", "--head", *heads).stdout
    assert [f"head {head}" in text for head in range(4)] == [True, False, True, False]


def test_a_range_of_heads_includes_its_end(run_cli: Cli) -> None:
    text = run_cli("attn", "3 1 2", "--head", "1:2").stdout
    assert [f"head {head}" in text for head in range(4)] == [False, True, True, False]


def test_a_run_that_is_not_there_says_where_it_was_looked_for(folder: Path, cli: Cli) -> None:
    assert f"(looked in {folder / 'runs'}; " in cli("eval", "nothing", expect=2).stderr
    elsewhere = cli("eval", "there/nothing", expect=2).stderr
    assert f"(looked in {folder / 'runs'} and {folder / 'there'}; " in elsewhere
    assert f"there is no trained run in {folder / 'runs'}; " in cli("eval", expect=2).stderr

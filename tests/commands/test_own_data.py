"""Own data at the command line: train, eval, predict, attn, generate, validate, and files that change."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli

TINY = ["model.d_model=16", "model.n_heads=2", "model.n_layers=1", "train.threads=1"]


def as_json(cli: Cli, *words: str) -> Any:
    return json.loads(cli(*words, "--json").stdout)


def write_reversed(path: Path, count: int = 800) -> None:
    draw = random.Random(0)
    words = [[draw.choice("abcd") for _ in range(draw.randint(2, 6))] for _ in range(count)]
    path.write_text("".join(f"{' '.join(w)}\t{' '.join(reversed(w))}\n" for w in words))


def test_a_file_is_trained_on_scored_and_looked_at(cli: Cli, folder: Path) -> None:
    write_reversed(folder / "mine.tsv")
    result = cli("train", "mine.tsv", *TINY, "train.steps=150", "train.learning_rate=1e-2")
    assert "mine.tsv: 800 pairs, inputs of 2 to 6 words; an answer as long as the input" in result.stderr
    report = as_json(cli, "eval", "mine")
    assert report["task"] == "pairs"
    assert [score["length"] for score in report["lengths"]] == [2, 3, 4, 5, 6]
    assert report["lengths"][1]["exact_match"] > 0.9
    assert cli("predict", "mine", "a b c").stdout == "c b a\n"
    assert "layer 0 head 0" in cli("attn", "mine", "a b c d").stdout
    assert "layer 0" in cli("inspect", "mine", "--heads", "--samples", "40").stdout
    cli("trace", "mine", "a b c")
    cli("patch", "mine", "--clean", "a b c", "--corrupt", "d b c")
    cli("train", "mine.tsv", *TINY, "train.steps=2", "-q", "--out", "runs/other")
    cli("train", "--resume", "runs/other", "train.steps=4", "-q")


def test_without_its_file_a_run_answers_but_isn_t_scored(cli: Cli, folder: Path) -> None:
    write_reversed(folder / "mine.tsv", 100)
    cli("train", "mine.tsv", *TINY, "train.steps=2", "-q")
    (folder / "mine.tsv").unlink()
    assert len(cli("predict", "mine", "a b c").stdout.split()) == 3
    assert "mine.tsv: No such file" in cli("eval", "mine", expect=2).stderr


def test_a_file_that_has_changed_is_told(cli: Cli, folder: Path) -> None:
    write_reversed(folder / "mine.tsv", 100)
    cli("train", "mine.tsv", *TINY, "train.steps=2", "-q")
    with (folder / "mine.tsv").open("a") as file:
        file.write("a a\ta a\n")
    said = cli("eval", "mine", "--wrong", "0").stderr
    assert "mine.tsv has changed since" in said
    with (folder / "mine.tsv").open("a") as file:
        file.write("x a\ta x\n")
    assert "mine.tsv:102: 'x' is none of the 4 symbols that are known" in cli("eval", "mine", expect=2).stderr
    assert "has changed since" in cli("train", "--resume", "mine", "train.steps=4", expect=2).stderr


def test_classes_are_scored_by_answer(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f"{'so ' * (i % 4)}{word} {i % 7}\t{'yes' if word == 'good' else 'no'}\n"
        for i in range(60)
        for word in ("good", "bad", "poor")
    ]
    (folder / "mine.tsv").write_text("".join(lines))
    result = cli("train", "mine.tsv", *TINY, "train.steps=30")
    assert "one of 2 classes (no, yes), read at a blank after the input" in result.stderr
    report = as_json(cli, "eval", "mine", "--by", "answer")
    assert [score["answer"] for score in report["answers"]] in ([["no"], ["yes"]], [["yes"], ["no"]])
    assert {score["floor"] > 0.4 for score in report["lengths"] if score["samples"] > 20} <= {True}
    for columns, is_whole in (("80", True), ("30", False)):
        monkeypatch.setenv("COLUMNS", columns)
        wide = cli("eval", "mine", "--by", "answer").stdout
        [heading] = [line for line in wide.splitlines() if line.startswith("right is")]
        assert ("95 %" in heading) is is_whole
        assert "else mostly" in heading


def test_stdin_is_trained_on_but_not_kept(cli: Cli) -> None:
    lines = "".join(f"{i} {j}\t{j} {i}\n" for i in range(8) for j in range(8))
    result = cli("train", "-", *TINY, "train.steps=2", input=lines)
    assert "what stdin held isn't kept" in result.stderr
    cli("predict", "stdin", "1 2")


def test_a_text_is_scored_in_bits_and_gone_on_with(cli: Cli, folder: Path) -> None:
    (folder / "book.txt").write_text("the cat sat on the mat.\n" * 60)
    cli("train", "book.txt", *TINY, "train.steps=60", "train.learning_rate=1e-2", "-q")
    report = as_json(cli, "eval", "book", "--lengths", "32")
    [score] = report["lengths"]
    assert report["is_text"]
    assert score["bits"] < score["unigram_bits"]
    assert score["trigram_bits"] < 1
    printed = cli("eval", "book", "--lengths", "32").stdout
    assert "unigram" in printed
    assert "bits per symbol" in printed
    said = cli("generate", "book", "the cat", "--tokens", "30", "--temperature", "0").stdout
    assert said.startswith("the cat")
    assert len(said) == len("the cat") + 30 + 1
    assert cli("generate", "book", "the cat", "--tokens", "30", "--temperature", "0").stdout == said
    drawn = [cli("generate", "book", "--tokens", "20", "--seed", seed).stdout for seed in ("1", "1", "2")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert "'ö' is none of the symbols" in cli("generate", "book", "ö", expect=2).stderr


def test_generate_needs_a_causal_run(cli: Cli) -> None:
    cli("train", "copy", *TINY, "train.steps=2", "-q")
    assert "its tokens see what comes after them" in cli("generate", "copy", "1 2", expect=2).stderr


def test_validate_reads_the_data(cli: Cli, folder: Path) -> None:
    (folder / "bad.tsv").write_text("a b\n")
    (folder / "mine.yaml").write_text("task: {data: bad.tsv}\n")
    for source in ("bad.tsv", "mine.yaml"):
        assert "bad.tsv:1: the line has no tab" in cli("validate", source, expect=2).stderr
    write_reversed(folder / "bad.tsv", 20)
    assert "valid" in cli("validate", "mine.yaml").stdout


@pytest.mark.parametrize("setting", ["task.tokens=words", "task.test=x.tsv", "task.answers=[a, b]"])
def test_settings_of_a_file_need_one(cli: Cli, setting: str) -> None:
    assert "is about task.data" in cli("train", "copy", setting, expect=2).stderr


def test_bench_asks_a_file_for_no_more_sequences_than_it_has(cli: Cli, folder: Path) -> None:
    write_reversed(folder / "mine.tsv")
    words = ["bench", "mine.tsv", *TINY, "train.steps=2", "--seeds", "0"]
    [curve] = as_json(cli, *words, "train.train_samples=50,20")["curves"]
    assert [point["train_samples"] for point in curve["points"]] == [20, 50]
    said = cli(*words, "train.train_samples=20,5000", expect=2).stderr
    assert "train.train_samples=5000: there are 7" in said
    assert "sequences to train on; ask for no more" in said

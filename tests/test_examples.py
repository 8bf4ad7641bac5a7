"""Every shipped example solves its task, from the command line, with the seed it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli, as_json
from tests.making import train_once
from tfcli.config.files import EXAMPLES, example_names, read_file

SLOW = {"original", "stack", "induction", "recall", "translate", "sentiment"}
TEXTS = {"play"}  # which nobody tells without a mistake
WORDS = {"spell"}  # of a language, whose spelling no rule tells
PICTURES = {"digits", "find-digit"}  # of which some can't be told apart
OVERFIT = {"overfit", "overfit-dropout"}  # which have too few sequences to learn from
ENTRIES = read_file(EXAMPLES)
TO_THE_END = [
    name
    for name in example_names()
    if not ENTRIES[name].values["train"].get("stop_when_solved", True) and name not in OVERFIT | PICTURES
]


def check(cli: Cli, name: str, report: dict[str, Any]) -> None:
    """Check that a trained example has learned its lengths."""
    assert report["solved"]
    assert report["exact_match"] == 1.0
    task = ENTRIES[name].values["task"]
    shortest, longest = task.get("min_length", 1), task.get("max_length", 20)
    lengths = f"{shortest},{(shortest + longest) // 2},{longest}"
    scores = as_json(cli, "eval", "--samples", "200", "--lengths", lengths)["lengths"]
    assert min(score["exact_match"] for score in scores) > 0.95
    assert "the answer is right" in cli("attn").stdout


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name in example_names()
        if name not in TEXTS | WORDS | OVERFIT | PICTURES
        and not (name in SLOW and name in TO_THE_END)  # those that take long are trained to the end alone
    ],
)
def test_an_example_solves_its_task(
    name: str, shared: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train_once(shared, name)
    monkeypatch.chdir(folder)
    check(cli, name, json.loads((folder / "report.json").read_text(encoding="utf-8")))


@pytest.mark.slow
@pytest.mark.parametrize("name", TO_THE_END)
def test_an_example_that_trains_on_is_still_right_at_its_end(name: str, cli: Cli) -> None:
    report = as_json(cli, "train", name, "--quiet")
    check(cli, name, report)
    settings = ENTRIES[name].values["train"]
    assert report["steps"] == settings["steps"] * report["attempts"] // settings.get("attempts", 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_told_better_than_by_counting(name: str, cli: Cli) -> None:
    cli("train", name, "train.steps=250", "--quiet")
    [score] = as_json(cli, "eval", "--lengths", "64")["lengths"]
    assert score["bits"] < score["trigram_bits"] < score["unigram_bits"]
    assert len(cli("generate", "--tokens", "50").stdout) == 52


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps", "accuracy"), [("digits", 600, 0.97), ("find-digit", 300, 0.5)])
def test_pictures_are_told_apart(name: str, steps: int, accuracy: float, cli: Cli) -> None:
    cli("train", name, f"train.steps={steps}", "--quiet")
    [score] = as_json(cli, "eval")["lengths"]
    assert score["token_accuracy"] >= accuracy
    assert cli("predict", "17").stdout.startswith("5")
    assert "elsewhere" in cli("attn", "17").stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
def test_words_never_seen_are_told_from_the_letters_that_they_are_spelled_with(name: str, cli: Cli) -> None:
    cli("train", name, "train.steps=600", "--quiet")
    for score in as_json(cli, "eval", "--lengths", "4,7,10")["lengths"]:
        assert score["token_accuracy"] > 0.75 > 0.3 > score["floor"]
        assert score["exact_match"] > 0.2 > score["exact_match_floor"]
    record = as_json(cli, "attn", name, "ship")
    assert record["prediction"] == ["SH", "IH", "P", "end"]
    maps = [head["weights"] for layer in record["layers"] for head in layer["heads"]]
    for blank, letter in ((0, "s"), (1, "i"), (2, "p")):
        assert max(weights[4 + blank]["ship".index(letter)] for weights in maps) > 0.4


def losses_of(cli: Cli, name: str) -> tuple[list[float], list[float]]:
    cli("train", name, "--quiet")
    history = as_json(cli, "inspect")["history"]
    return [line["loss"] for line in history], [line["held_out_loss"] for line in history]


def test_what_is_learned_by_heart_is_told_worse_and_dropout_helps(cli: Cli, folder: Path) -> None:
    training, held_out = losses_of(cli, "overfit")
    with_dropout, held_out_with_dropout = losses_of(cli, "overfit-dropout")
    assert training[-1] < 0.01 < with_dropout[-1]
    assert held_out[-1] > 1.1 * min(held_out)
    assert held_out_with_dropout[-1] < 1.05 * min(held_out_with_dropout)
    assert held_out_with_dropout[-1] < min(held_out)
    assert "at its lowest" in cli("inspect", "overfit").stdout
    cli("inspect", "overfit", "--save", "losses.svg")
    assert "held out" in (folder / "losses.svg").read_text()
    assert "exists already" in cli("inspect", "overfit", "--save", "losses.svg", expect=2).stderr

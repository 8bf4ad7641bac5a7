"""Every shipped example solves its task, from the command line, with the seed it has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Cli, as_json
from tfcli.config.files import EXAMPLES, example_names, read_file

SLOW = {"original", "stack", "induction", "recall"}
TEXTS = {"play"}  # which nobody tells without a mistake
ENTRIES = read_file(EXAMPLES)
TO_THE_END = [
    name for name in example_names() if not ENTRIES[name].values["train"].get("stop_when_solved", True)
]


def train(cli: Cli, name: str, *settings: str) -> dict[str, Any]:
    """Train an example, and check that it has learned its lengths."""
    report: dict[str, Any] = as_json(cli, "train", name, *settings, "--quiet")
    assert report["solved"]
    assert report["exact_match"] == 1.0
    longest = ENTRIES[name].values["task"].get("max_length", 20)
    scores = as_json(cli, "eval", "--samples", "200", "--lengths", f"1,{longest // 2},{longest}")["lengths"]
    assert min(score["exact_match"] for score in scores) > 0.95
    assert "the answer is right" in cli("attn").stdout
    return report


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name in example_names()
        if name not in TEXTS
    ],
)
def test_an_example_solves_its_task(name: str, cli: Cli) -> None:
    train(cli, name, "train.stop_when_solved=true")


@pytest.mark.slow
@pytest.mark.parametrize("name", TO_THE_END)
def test_an_example_that_trains_on_is_still_right_at_its_end(name: str, cli: Cli) -> None:
    report = train(cli, name)
    settings = ENTRIES[name].values["train"]
    assert report["steps"] == settings["steps"] * report["attempts"] // settings.get("attempts", 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_told_better_than_by_counting(name: str, cli: Cli) -> None:
    cli("train", name, "--quiet")
    [score] = as_json(cli, "eval", "--lengths", "64")["lengths"]
    assert score["bits"] < score["trigram_bits"] < score["unigram_bits"]
    assert len(cli("generate", "--tokens", "50").stdout) == 52

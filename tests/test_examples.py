"""Every shipped example solves its task, from the command line, with the seed it has."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Cli
from tfcli.config.files import example_names

SLOW = {"original", "stack"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in example_names()]
)
def test_an_example_solves_its_task(name: str, cli: Cli) -> None:
    report = json.loads(cli("train", name, "--quiet", "--json").stdout)
    assert report["solved"]
    assert report["exact_match"] == 1.0
    scores = json.loads(cli("eval", "--samples", "200", "--json").stdout)["lengths"]
    inside = [score["exact_match"] for score in scores if score["in_range"]]
    assert min(inside) > 0.95
    assert "the answer is right" in cli("attn").stdout

"""From Python: arrays with labels, the same numbers as the command line's."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import tfcli
from tests.conftest import Cli
from tfcli.api import Run
from tfcli.errors import UsageError


@pytest.fixture
def run(run_cli: Cli) -> Run:
    return tfcli.load("reverse")


def test_a_run_is_found_by_name_by_path_or_as_the_newest(run_cli: Cli, trained: Path) -> None:
    assert {
        str(tfcli.load(name).path) for name in ("reverse", "runs/reverse", Path("runs/reverse"), None)
    } == {"runs/reverse"}
    with pytest.raises(UsageError, match="no run is called 'revers'; did you mean 'reverse'"):
        tfcli.load("revers")
    assert repr(tfcli.load()) == "<tfcli run runs/reverse: reverse>"


@pytest.mark.parametrize("sequence", ["3 1 2", "312", ["3", "1", "2"]])
def test_predict_is_the_answer_with_its_probabilities(run: Run, sequence: str | list[str]) -> None:
    found = run.predict(sequence)
    assert found.prediction == found.target == ["2", "1", "3"]
    assert found.correct
    assert found.probabilities.shape == (3, 4)
    assert found.probabilities.dtype == np.float32
    np.testing.assert_allclose(found.probabilities.sum(-1), 1, atol=1e-6)
    assert [found.symbols[i] for i in found.probabilities.argmax(-1)] == found.prediction
    assert repr(found) == "3 1 2 -> 2 1 3 (right)"
    assert run.predict([3, 1, 2]).prediction == found.prediction  # type: ignore[list-item]  # forgiven
    assert {"load", "Task"} <= set(dir(tfcli))


def test_attention_is_what_the_command_line_shows(run: Run, run_cli: Cli) -> None:
    maps = run.attention("3 1 2")
    assert maps.weights.shape == (1, 4, 3, 3)
    assert (maps.tokens, maps.layers, maps.heads) == (["3", "1", "2"], [0], [0, 1, 2, 3])
    record = json.loads(run_cli("attn", "reverse", "3 1 2", "--json").stdout)
    shown = [[head["weights"] for head in layer["heads"]] for layer in record["layers"]]
    np.testing.assert_allclose(maps.weights, shown, atol=1e-6)
    assert repr(maps) == run_cli("attn", "reverse", "3 1 2").stdout.rstrip()
    np.testing.assert_allclose(run.attention("312", heads=[2]).weights[0, 0], maps.weights[0, 2])
    assert run.attention("312", combine="rollout").heads == ["rollout"]


def test_attention_is_a_table_in_a_terminal_and_a_page_in_a_notebook(run: Run) -> None:
    maps = run.attention("3 1 2")
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(maps)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "layer 0 head 3" in text
    assert max(map(len, text.splitlines())) <= 60
    page = maps._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in page
    assert not re.search("https?://", page)


def test_trace_and_heads_are_the_records_of_the_command_line(run: Run) -> None:
    assert run.trace("3 1 2", position=0).stages[-1].answer == ["2", "1", "3"]
    report = run.heads(samples=50)
    assert [head.head for head in report.heads] == [0, 1, 2, 3]
    assert report.run == "runs/reverse"


def test_a_mistake_is_named(run: Run) -> None:
    with pytest.raises(UsageError, match="'x' is none of the symbols 0 1 2 3"):
        run.predict("3 x")
    with pytest.raises(UsageError, match="runs/reverse: there is no layer 3"):
        run.attention("3 1", layers=[3])
    with pytest.raises(UsageError, match="a rollout is over all heads"):
        run.attention("3 1", heads=[1], combine="rollout")
    with pytest.raises(UsageError, match="combined as each, mean, rollout, not 'foo'"):
        run.attention("3 1", combine="foo")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="samples must be at least 1"):
        run.heads(0)
    with pytest.raises(UsageError, match="there is no position 5"):
        run.trace("3 1", position=5)


def test_importing_tfcli_does_not_import_torch() -> None:
    import subprocess
    import sys

    code = "import tfcli, sys; assert 'torch' not in sys.modules; tfcli.load; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (["train.seeds=2"], r"train.seeds = 2: tfcli.train makes one run; call it with train.seed=0, "),
        ([["train.steps=1"]], r"\['train.steps=1'\] isn't a text: tfcli.train\(SOURCE, 'model.n_layers=2', "),
    ],
)
def test_settings_that_do_not_make_one_run_are_refused(
    settings: list[Any], problem: str, folder: Path
) -> None:
    with pytest.raises(UsageError, match=problem):
        tfcli.train("reverse", *settings)
    assert list(folder.iterdir()) == []

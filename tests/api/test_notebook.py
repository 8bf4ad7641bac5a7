"""In a notebook: results show themselves, a training draws its curve, and a mistake is a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tfcli
from tests.conftest import Cli
from tfcli.render.notebook import is_notebook

LONGEST = 6_000  # characters of what a result prints of itself


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Any:
    """IPython as a notebook runs it, where a kernel stands behind it."""
    interactive = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    shell = interactive.instance(colors="nocolor")
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    return shell


def run_cell(shell: Any, code: str) -> Any:
    """Run a cell; return what it printed, and what it displayed."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        shell.run_cell(code)
    return captured


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ('run.trace("3 1 2")', ["attention weights", "logits", "computed again"]),
        ('run.trace("3 1 2", stages=["scores"])', ["q k^T", "Each stage was computed again"]),
        ("run.heads(50)", ["head", "role"]),
        ('run.patch("3 1 2", "3 1 3")', ["clean", "restored"]),
        ('run.attention("3 1 2")', ["layer 0 head 3"]),
    ],
)
def test_a_result_shows_itself_in_few_words(
    run_cli: Cli, trained: Path, asked: str, words: list[str]
) -> None:
    shown = eval(asked, {"run": tfcli.load("reverse")})
    text = repr(shown)
    assert len(text) < LONGEST
    for word in words:
        assert word in text
    page = shown._repr_html_()
    assert page.startswith(("<pre", "<iframe"))
    assert "\x1b" not in page


def test_a_whole_pass_is_a_page_and_a_part_of_it_text(run_cli: Cli, trained: Path) -> None:
    run = tfcli.load("reverse")
    assert run.trace("3 1 2")._repr_html_().startswith("<iframe")
    assert run.trace("3 1 2", position=1)._repr_html_().startswith("<pre")


def test_text_of_a_result_is_escaped_in_a_notebook(run_cli: Cli, trained: Path) -> None:
    record = tfcli.load("reverse").patch("3 1 2", "3 1 3")
    shown = type(record)(**{**vars(record), "run": "<script>alert(1)</script>"})
    assert "<script" not in shown._repr_html_()


def test_a_training_draws_its_curve_and_returns_the_run(
    shell: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = run_cell(shell, 'import tfcli; run = tfcli.train("reverse", "train.seed=3")')
    assert "runs/reverse: solved" in seen.stdout
    pictures = [output.data.get("text/html", "") for output in seen.outputs]
    assert pictures[0] == ""
    assert "<polyline" in pictures[-1]
    assert re.search("step=[0-9]+/[0-9]+ .*exact=1.00", pictures[-1])
    run = shell.user_ns["run"]
    assert run.details().solved
    assert run.config.train.seed == 3
    assert run.predict("3 1 2").correct


def test_a_mistake_is_one_line_in_a_notebook(
    shell: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = run_cell(shell, 'import tfcli; tfcli.train("revers")')
    [line] = (seen.stdout + seen.stderr).strip().splitlines()
    assert line.startswith("error: no example is called 'revers'; did you mean 'reverse'?")
    seen = run_cell(shell, 'tfcli.train("reverse", "model.n_head=3", "train.lr=1")')
    lines = (seen.stdout + seen.stderr).strip().splitlines()
    assert [line.startswith("error: ") for line in lines] == [True, True]


def test_a_training_tells_how_it_goes_outside_a_notebook(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tfcli.train("copy", "train.steps=20", out="mine")
    said = capsys.readouterr()
    assert "step=20/20" in said.err
    assert "mine: not solved" in said.out
    quiet = tfcli.train("copy", "train.steps=20", start=run.path, out=tmp_path / "next", quiet=True)
    assert capsys.readouterr() == ("", "")
    assert quiet.config.train.start is not None


def test_a_run_that_goes_wrong_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="its loss is far above that of a guess"):
        tfcli.train("reverse", "train.learning_rate=30", "train.steps=400", quiet=True)


def test_a_terminal_is_no_notebook() -> None:
    assert not is_notebook()

"""Sweeps as tables, pictures and progress."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tests.sweeps.test_summary import OUTCOMES, TRIALS
from tfcli.records.sweep import FIRST, RunningRun, SweepProgress, SweepReport
from tfcli.render import sweep, sweep_progress, sweep_svg
from tfcli.render.sweep_progress import SweepDisplay, duration, plain_line
from tfcli.render.terminal import make_console
from tfcli.sweeps import summary

PROGRESS = SweepProgress(9, 3, 2, 1, 2, [RunningRun("rotary, seed 0", 50, 300, 0.5)], 12.3)


def report(lengths: tuple[int, ...] = (), outcomes: dict[str, object] = OUTCOMES) -> SweepReport:  # type: ignore[assignment]
    found = [OUTCOMES[trial.id] for trial in TRIALS if trial.id in outcomes]
    known = {outcome.id: outcome for outcome in found}
    return SweepReport(
        "runs/a-sweep",
        "copy",
        len(TRIALS),
        len(found),
        0,
        0,
        9.0,
        2,
        summary.group(TRIALS, known, lengths),
        FIRST,
        summary.contrast(TRIALS, known, lengths),
        found,
        ["a note"],
    )


def print_at(width: int, made: SweepReport) -> str:
    console = Console(file=io.StringIO(), width=width)
    sweep.print_sweep(console, made)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_table_has_a_row_a_setting_and_a_column_a_length() -> None:
    lines = [line.split() for line in print_at(100, report((9,))).splitlines()]
    assert ["copy", "2", "of", "3", "1.000", "0.400", "25", "2.50", "0.500", "0.100"] in lines
    assert ["sort", "3", "of", "3", "1.000", "1.000", "60", "6.00", "0.600", "0.200"] in lines


def test_a_narrow_table_leaves_columns_out_and_cuts_none() -> None:
    text = print_at(40, report((9,)))
    assert max(map(len, text.splitlines())) <= 40
    assert "at 9" in text
    assert "worst" not in text.partition("Medians")[0]


def test_however_narrow_it_is_said_which_figure_differs_and_no_figure_is_cut() -> None:
    for width in (60, 40, 25):
        text = " ".join(print_at(width, report((9,))).split())
        assert "…" not in text
        assert "exact match at 9" in text
        for figure in ("2 of 3", "1.000", "0.500"):
            assert figure in text.partition("Medians")[0]


def test_a_seed_that_diverged_is_a_dot_at_zero() -> None:
    made = report((9,))
    nan = replace(made.outcomes[0], state="diverged", error="nan", exact_match=None, lengths={})
    name, rows = sweep_svg.figures_of(replace(made, outcomes=[nan, *made.outcomes[1:]]))
    assert name == "exact match at length 9"
    assert rows[0][1] == [0.0, 0.7, 0.1]


def test_of_many_settings_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "MOST_ROWS", 1)
    assert "... and 1 setting more; --save FILE.csv has all runs" in print_at(80, report())


def test_of_many_failures_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    made = report()
    failed = [replace(outcome, error="an error") for outcome in made.outcomes]
    text = print_at(80, replace(made, outcomes=failed))
    assert "failed: 6 of 6 runs" in text
    assert "task.name=copy train.seed=0: an error" in text
    monkeypatch.setattr(sweep, "FAILURES", 2)
    assert "... and 4 more; --json has all" in print_at(80, replace(made, outcomes=failed))


@pytest.mark.parametrize(
    ("lengths", "title", "highest"),
    [((), "exact match on held-out sequences", "1.00"), ((9,), "exact match at length 9", "1.00")],
)
def test_a_picture_has_a_dot_a_run_and_a_bar_a_setting(
    lengths: tuple[int, ...], title: str, highest: str
) -> None:
    drawn = sweep_svg.render(report(lengths))
    root = ElementTree.fromstring(drawn)
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert names.count("circle") == 6
    assert f"{title}; a dot a seed" in drawn
    assert f">{highest}<" in drawn
    width = float(root.attrib["width"])
    assert all(0 < float(e.attrib["cx"]) < width for e in root.iter() if e.tag.endswith("circle"))


def test_a_picture_of_solved_runs_is_of_their_steps() -> None:
    solved = {key: outcome for key, outcome in OUTCOMES.items() if outcome.solved_step is not None}
    drawn = sweep_svg.render(report(outcomes=solved))  # type: ignore[arg-type]
    assert "steps to solved; a dot a seed" in drawn
    assert ">60<" in drawn


def test_there_is_no_picture_of_nothing() -> None:
    with pytest.raises(ValueError, match="no run has come to its end yet"):
        sweep_svg.render(report(outcomes={}))


def test_a_label_is_cut_where_it_is_too_wide() -> None:
    assert len(sweep_svg.short("x" * 99)) == sweep_svg.LABEL


def test_csv_is_safe_in_a_spreadsheet_and_has_a_line_a_run(tmp_path: Path) -> None:
    from dataclasses import replace

    made = report((9,))
    strange = replace(made.outcomes[0], settings={"task.name": "=1+1", "train.seed": "0"})
    lines = list(sweep.csv(replace(made, outcomes=[strange, *made.outcomes[1:]])))
    assert lines[0].startswith("task.name,train.seed,id,run,state")
    assert lines[0].endswith("error,exact_match at 9\n")
    assert lines[1].startswith("'=1+1,0,")
    assert len(lines) == 7


def test_markdown_escapes_what_others_wrote() -> None:
    text = sweep.markdown(report((9,)))
    assert "| copy | 2 of 3 | 1.000 |" in text
    assert "exact match at 9" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (1.25, "1.2 s"), (59.6, "60 s"), (600, "10 min"), (9000, "2.5 h")],
)
def test_a_duration_is_told_in_a_unit_that_suits_it(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_without_a_terminal_there_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 2.5, 2.5, 3.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with SweepDisplay(make_console(stderr=True), quiet=False) as display:
        for _ in range(3):
            display.show(PROGRESS)
    line = "runs=3/9 solved=2 failed=1 running=2 eta=12s\n"
    assert capsys.readouterr().err == 2 * line
    assert plain_line(PROGRESS) + "\n" == line


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with SweepDisplay(make_console(stderr=True), quiet=True) as display:
        display.show(PROGRESS)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("width", [40, 80, 120])
def test_on_a_terminal_there_is_a_bar_and_a_line_for_each_run(width: int) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = Terminal()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    with SweepDisplay(console, quiet=False) as display:
        display.show(PROGRESS)
    text = file.getvalue()
    assert "runs 3/9" in text
    assert "solved 2  failed 1" in text
    assert "50/300 exact 0.500" in text
    assert sweep_progress.MOST_SHOWN >= 16


def test_saved_tables_and_pictures_are_the_same_when_nothing_is_new() -> None:
    first, again = report((9,)), replace(report((9,)), skipped=6, seconds=0.1)
    assert sweep.markdown(first) == sweep.markdown(again)
    assert sweep_svg.render(first) == sweep_svg.render(again)
    assert "6 had been done before" in " ".join(print_at(80, again).split())

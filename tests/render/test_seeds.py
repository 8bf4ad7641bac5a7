"""Several seeds on a terminal: where they stand, and what came of each."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from typer import Exit

from tfcli.cli.seeds import next_of, tell_seeds
from tfcli.records.progress import Progress, StepRecord
from tfcli.records.results import Score, SeedRecord, SeedsReport, TrainReport
from tfcli.render.seeds import print_seeds, status_of


def at(step: int, loss: float, exact: float | None, streak: int = 0) -> Progress:
    score = None if exact is None else Score(10, exact, exact)
    return Progress(step, 300, 1, 1.0, 100, loss, score, True, streak, StepRecord(step, 100, loss))


def test_the_status_counts_the_solved_and_gives_medians() -> None:
    latest = [at(75, 0.01, 1.0, 2), at(100, 0.5, 0.4), at(100, 0.3, 0.8), None]
    assert status_of(latest) == "solved=1/4 step=100/300 exact=0.800 loss=0.3"
    assert status_of([None, None]) == "solved=0/2 exact=- loss=-"
    assert status_of([at(75, 0.01, 1.0, 2)]) == "solved=1/1 step=75/300 exact=1.000 loss=0.01"


def report_of(**changes: object) -> SeedsReport:
    done = TrainReport("runs/reverse-seed-0", "reverse", True, 75, 1.0, 1.0, 0.5, 1000.0, 50)
    late = TrainReport("runs/reverse-seed-1", "reverse", False, 300, 0.25, 0.5, 2.0, 1000.0, 50)
    records = [SeedRecord(0, done), SeedRecord(1, late), SeedRecord(2, None, "the loss became nan at step 3")]
    return SeedsReport(records, 3.0)


@pytest.mark.parametrize("width", [40, 80])
def test_a_row_for_each_seed_fits_the_terminal(width: int) -> None:
    console = Console(file=io.StringIO(), width=width, no_color=True)
    print_seeds(console, report_of())
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert max(map(len, text.splitlines())) <= width
    rows = [line.split() for line in text.splitlines()]
    assert rows[1][:5] == ["0", "solved", "75", "0.50", "1.000"]
    assert rows[3][:2] == ["2", "failed"]
    assert ("runs/reverse-seed-1" in text) == (width == 80)
    joined = " ".join(text.split())
    assert "seed 2: the loss became nan at step 3" in joined
    assert "1 of 3 solved, after 188 steps (median), 300 at most; 3.0 s in all" in joined


def broken_off() -> SeedsReport:
    late = report_of().seeds[1].outcome
    assert late is not None
    return SeedsReport(
        [SeedRecord(0, replace(late, interrupted=True)), SeedRecord(1, None), SeedRecord(2, None)], 3.0
    )


def test_what_was_not_begun_is_no_failure() -> None:
    console = Console(file=io.StringIO(), width=80, no_color=True)
    print_seeds(console, broken_off())
    text = console.file.getvalue()  # type: ignore[attr-defined]  # likewise
    assert text.count("not begun") == 2
    assert "failed" not in text


def test_the_command_for_what_was_not_begun_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as end:
        tell_seeds(broken_off(), next_of(broken_off()), quiet=False, as_json=False)
    assert end.value.exit_code == 130
    assert "train.seed=1 train.seeds=2" in " ".join(capsys.readouterr().err.split())

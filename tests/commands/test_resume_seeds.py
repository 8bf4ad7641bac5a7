"""Several runs go on at once: together where they stand at the same step, to the end each would have had."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.commands.resuming import left_behind
from tests.commands.test_seeds import STEPS, config
from tests.conftest import Cli, as_json
from tfcli.commands import resume_seeds as module
from tfcli.commands.comparing import compare_runs
from tfcli.commands.recording import Recorder
from tfcli.commands.resume_seeds import resume_seeds
from tfcli.commands.seeds import train_seeds
from tfcli.commands.together import NotTogetherError, Planned
from tfcli.commands.train import Audience, resume_run
from tfcli.config.schema import RunConfig
from tfcli.errors import UsageError
from tfcli.records.progress import Progress
from tfcli.records.results import SeedsReport
from tfcli.runs import folders, headers, locks


def stop_at(step: int) -> Callable[[Sequence[Progress | None]], None]:
    """Somebody who presses Ctrl-C when the first of several trainings is at a step."""

    def stop(latest: Sequence[Progress | None]) -> None:
        if latest[0] is not None and latest[0].step == step:
            signal.raise_signal(signal.SIGINT)

    return stop


def broken_off(folder: Path, configured: RunConfig | None = None, step: int = 7) -> list[Path]:
    """Return runs that were broken off in the step after this one."""
    train_seeds(configured or config(), "reverse", folder / "stopped", show=stop_at(step))
    return sorted((folder / "stopped").iterdir())


def outcomes(report: SeedsReport) -> list[tuple[int, int, bool]]:
    return [
        (record.seed, record.outcome.steps, record.outcome.interrupted)
        for record in report.seeds
        if record.outcome is not None
    ]


def test_they_come_to_the_same_bits_as_if_they_had_never_stopped(folder: Path) -> None:
    train_seeds(config(), "reverse", folder / "whole")
    said: list[str] = []
    report = resume_seeds(broken_off(folder), [], audience=Audience(note=said.append))
    assert outcomes(report) == [(seed, STEPS, False) for seed in range(4)]
    assert said == ["4 runs go on after step 8 as one program"]
    for run in sorted((folder / "whole").iterdir()):
        found, expected = left_behind(folder / "stopped" / run.name), left_behind(run)
        assert found == expected
        assert headers.read_header(folder / "stopped" / run.name).summary.together == 4


@pytest.mark.parametrize("at", [(1, 7), (2, 10), (3, 10)])
def test_all_stop_after_the_same_step_whenever_the_signal_comes(
    at: tuple[int, int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_seeds(config(), "reverse", folder / "whole")
    record, step = Recorder.record, at[1]

    def interrupt(recorder: Recorder, progress: Progress) -> None:
        if (recorder.config.train.seed, progress.step) == at:
            signal.raise_signal(signal.SIGINT)
        record(recorder, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "record", interrupt)
        train_seeds(config(), "reverse", folder / "stopped")
    runs = sorted((folder / "stopped").iterdir())
    assert [headers.read_header(run).summary.steps for run in runs] == [step + 1] * 4
    resume_seeds(runs, [])
    for run in runs:
        assert left_behind(run) == left_behind(folder / "whole" / run.name)


def test_what_is_wrong_with_one_is_told_before_any_goes_on(folder: Path) -> None:
    runs = broken_off(folder)
    resume_run(runs[0], [], audience=Audience(stop=lambda progress: progress.step == 10))
    with locks.hold(runs[0]), pytest.raises(UsageError, match="seed-0 is in training"):
        resume_seeds(runs[:2], [])
    assert headers.read_header(runs[1]).summary.steps == 8


def test_what_goes_wrong_with_a_later_one_keeps_the_report_of_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on(path: Path, *of: Any) -> Any:
        if path == runs[1]:
            raise UsageError("it is in training")
        return resume_run(path, *of)

    runs = broken_off(folder)[:2]
    monkeypatch.setattr(module, "resume_run", go_on)
    first, second = resume_seeds(runs, []).seeds
    assert (first.outcome is not None, second.problem) == (True, "it is in training")
    with pytest.raises(UsageError, match="it is in training"):
        resume_seeds(runs[1:], [])


def test_an_evaluation_that_was_stopped_is_made_up_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_seeds(config(), "reverse", folder / "whole")
    runs = broken_off(folder, step=9)  # so that step 10, at which all are scored, is the last
    assert headers.read_state_header(runs[0] / folders.STATE).standing.progress.unscored
    resume_seeds(runs, [])
    for run in runs:
        assert left_behind(run) == left_behind(folder / "whole" / run.name)


def test_those_that_are_over_are_left_alone_and_others_go_on_by_where_they_stand(folder: Path) -> None:
    runs = broken_off(folder, config(seeds=6))
    resume_run(runs[0], [])
    resume_run(runs[1], [], audience=Audience(stop=lambda progress: progress.step == 10))
    before = left_behind(runs[0])
    said: list[str] = []
    report = resume_seeds(runs, [], audience=Audience(note=said.append))
    assert outcomes(report) == [(seed, STEPS, False) for seed in range(1, 6)]
    assert said == [
        "1 run that is over: left alone",
        "4 runs go on after step 8 as one program",
        f"{runs[1]} goes on after step 10",
    ]
    assert left_behind(runs[0]) == before


def test_threads_are_as_many_as_they_had_unless_somebody_chose_them(folder: Path) -> None:
    free = config(train={"threads": None})
    runs = broken_off(folder, free)
    saved = headers.read_state_header(runs[0] / folders.STATE)
    assert saved.config.train.threads == 1
    told = replace(saved.standing, threads=2)
    assert module.with_free_threads(saved.config, told).train.threads is None
    assert module.with_free_threads(saved.config, replace(told, threads=1)).train.threads == 1
    assert module.with_free_threads(saved.config, replace(told, together=1)).train.threads == 1
    assert module.with_free_threads(saved.config, None).train.threads == 1


def test_an_override_extends_all(folder: Path) -> None:
    runs = broken_off(folder)
    resume_seeds(runs, [])
    with pytest.raises(UsageError, match=f"all of these 4 runs are over; .*add train.steps={2 * STEPS}"):
        resume_seeds(runs, [])
    report = resume_seeds(runs, [f"train.steps={2 * STEPS}"])
    assert outcomes(report) == [(seed, 2 * STEPS, False) for seed in range(4)]


def test_an_interrupt_ends_all_and_leaves_the_rest(folder: Path) -> None:
    runs = broken_off(folder, config(seeds=5))
    resume_run(runs[0], [], audience=Audience(stop=lambda progress: progress.step == 9))

    def stop(latest: Sequence[Progress | None]) -> None:
        if latest[0] is not None and latest[0].step == 10:
            signal.raise_signal(signal.SIGINT)

    report = resume_seeds(runs, [], show=stop)
    assert outcomes(report) == [(seed, 11, True) for seed in (1, 2, 3, 4)]
    assert [record.seed for record in report.seeds if record.outcome is None] == [0]


def test_where_they_can_not_go_together_each_goes_on_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def refuse(planned: Sequence[Planned], show: object) -> Any:
        tried.append(len(planned))
        raise NotTogetherError("a part doesn't allow it")

    runs = broken_off(folder)
    monkeypatch.setattr(module, "train_together", refuse)
    said: list[str] = []
    report = resume_seeds(runs, [], audience=Audience(note=said.append))
    assert outcomes(report) == [(seed, STEPS, False) for seed in range(4)]
    assert tried == [4]
    why = "the runs go on one after the other: a part doesn't allow it"
    assert said == [why, *(f"{run} goes on after step 8" for run in runs)]


def test_with_debug_each_goes_on_by_itself(folder: Path) -> None:
    said: list[str] = []
    resume_seeds(broken_off(folder), [], audience=Audience(note=said.append, debug=True))
    assert len(said) == 4


def test_what_differs_in_more_than_the_seed_does_not_go_on_at_once(folder: Path) -> None:
    runs = broken_off(folder)
    train_seeds(config(model={"d_model": 32}), "wide", folder / "wide", show=stop_at(7))
    with pytest.raises(UsageError, match=r"seed-0 and .*seed-1 differ in model.d_ff, model.d_model; runs"):
        resume_seeds([runs[0], folder / "wide/seed-1"], [])


def test_a_run_that_somebody_trains_is_not_taken(folder: Path) -> None:
    runs = broken_off(folder)
    with locks.hold(runs[2]), pytest.raises(UsageError, match=r"seed-2 is in training \(pid \d+\)"):
        resume_seeds(runs, [])
    assert len(resume_seeds(runs, []).seeds) == 4  # no lock was left behind


def test_runs_that_had_saved_nothing_begin_anew(folder: Path) -> None:
    runs = broken_off(folder, step=1)
    for run in runs:
        (run / folders.STATE).unlink()
        (run / folders.WEIGHTS).unlink()
    assert outcomes(resume_seeds(runs, [])) == [(seed, STEPS, False) for seed in range(4)]


def test_on_the_command_line_they_are_named_or_their_folder_is(cli: Cli, folder: Path) -> None:
    runs = broken_off(folder)
    report = as_json(cli, "train", "--resume", str(runs[0]), str(runs[1]), "--quiet")
    assert [record["seed"] for record in report["seeds"]] == [0, 1]
    report = as_json(cli, "train", "--resume", str(runs[2]), "--resume", str(runs[3]), "--quiet")
    assert [record["seed"] for record in report["seeds"]] == [2, 3]
    result = cli("train", "--resume", "stopped", f"train.steps={STEPS + 5}")
    assert "of 4 solved, after 17 steps (median)" in " ".join(result.stdout.split())
    assert [headers.read_header(run).summary.steps for run in runs] == [STEPS + 5] * 4


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--watch"], "several runs at once go on in one process, and without --watch"),
        (["--processes", "2"], "several runs at once go on in one process, and without --watch"),
        (["reverse"], "--resume names the run; leave the example 'reverse' out"),
        (["stopped/seed-0", "nosuch"], "no run is called 'nosuch'"),
        (["--out", "elsewhere"], "--out is about new runs, not about --resume"),
    ],
)
def test_what_is_no_use_beside_several_runs(words: list[str], problem: str, cli: Cli, folder: Path) -> None:
    broken_off(folder)
    result = cli("train", "--resume", "stopped", *words, expect=2)
    assert problem in " ".join(result.stderr.split())


def test_of_one_that_went_on_alone_the_seconds_are_not_those_of_the_others(folder: Path) -> None:
    runs = broken_off(folder)
    resume_run(runs[0], [])
    resume_seeds(runs[1:], [])  # three are too few to go on as one
    assert [headers.read_header(run).summary.together for run in runs] == [0] * 4
    train_seeds(config(model={"positions": "none"}), "other", folder / "others")
    others = sorted((folder / "others").iterdir())
    assert any("seconds" in note for note in compare_runs([*runs, *others], "exact_match").notes)

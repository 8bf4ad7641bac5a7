"""A sweep trains what isn't done, keeps what is, and goes on after anything; within this process."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.commands.resuming import left_behind
from tests.sweeps.inline import FOUR, OWN, InlineWorkers, plan, states, sweep, trained
from tfcli.commands import jobs, run_outcomes
from tfcli.commands.sweep import Rules
from tfcli.commands.train import resume_run, train_run
from tfcli.errors import TfcliError, UsageError
from tfcli.records.events import LOGGER, Event, SweepRunEnded
from tfcli.records.sweep import RunOutcome, SweepProgress, SweepReport
from tfcli.runs import folders, locks, removing
from tfcli.runs.folders import JOURNAL
from tfcli.sweeps.journal import Journal, hold_folder
from tfcli.sweeps.workers import count_cores


def figures(report: SweepReport) -> list[object]:
    """What runs came to, but for times."""
    return [replace(outcome, seconds=0.0, solved_seconds=None) for outcome in report.outcomes]


def test_each_run_is_the_one_that_train_makes(folder: Path) -> None:
    report = sweep(*FOUR)
    assert (report.planned, report.done, report.skipped) == (4, 4, 0)
    outcome = report.outcomes[3]
    assert outcome.settings == {"model.positions": "ends", "train.seed": "1"}
    train_run(plan(*FOUR).planner.configure(outcome.settings), "alone", Path("alone"))
    assert left_behind(Path("alone")) == left_behind(Path(outcome.run))


def test_results_do_not_depend_on_the_number_of_workers_or_on_who_is_first(folder: Path) -> None:
    one = sweep(*FOUR, folder=Path("one"))
    several = sweep(
        *FOUR, folder=Path("several"), workers=InlineWorkers(3)
    )  # the last that is given comes first
    for mine, other in zip(one.outcomes, several.outcomes, strict=True):
        assert left_behind(Path(mine.run)) == left_behind(Path(other.run))


def test_what_is_done_is_not_done_again_and_more_values_add_to_it(folder: Path) -> None:
    before = sweep(*FOUR)
    workers = InlineWorkers()
    again = sweep(*FOUR, workers=workers)
    assert (workers.given, workers.started) == ([], 0)
    assert again.skipped == 4
    assert again.outcomes == before.outcomes
    more = sweep("model.positions=rotary,ends", "train.seed=0:2", workers=workers)
    assert len(trained(workers)) == 2
    assert more.outcomes[:2] == before.outcomes[:2]
    less = sweep("train.seed=0:1", "model.positions=ends")
    assert less.skipped == 2
    assert less.notes == ["not part of this: 4 runs in runs/reverse-sweep, of other settings, code or data"]


def test_the_runs_of_a_sweep_that_was_moved_are_where_it_is_now(folder: Path) -> None:
    sweep(*FOUR, folder=Path("before"))
    Path("before").rename("now")
    again = sweep(*FOUR, folder=Path("now"))
    assert again.skipped == 4
    assert all(Path(outcome.run).is_dir() for outcome in again.outcomes)


def test_a_run_that_was_removed_is_trained_again(folder: Path) -> None:
    report = sweep(*FOUR)
    shutil.rmtree(report.outcomes[1].run)
    workers = InlineWorkers()
    assert figures(sweep(*FOUR, workers=workers)) == figures(report)
    assert trained(workers) == [report.outcomes[1].id]


@pytest.mark.parametrize("is_together", [True, False])
def test_what_was_kept_when_a_run_was_removed_is_kept_by_a_sweep_too(
    is_together: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfcli.commands.sweep.size_of", lambda runs: 2)
    report = sweep(*FOUR)
    notes = []
    for outcome in report.outcomes[: 2 if is_together else 1]:
        notes.append(Path(outcome.run) / "notes.txt")
        notes[-1].write_text("what I saw")
        removing.remove_runs([Path(outcome.run)])
    again = sweep(*FOUR)
    assert [note.read_text() for note in notes] == ["what I saw"] * len(notes)
    assert again.outcomes[0].error == (
        f"{report.outcomes[0].run} holds something that isn't a run's; put that elsewhere, and ask again"
    )
    assert [outcome.has_failed for outcome in again.outcomes] == [True, is_together, False, False]


@pytest.mark.parametrize("steps", [1, 5, 17])
def test_a_sweep_that_is_broken_off_goes_on_to_the_same_end(steps: int, folder: Path) -> None:
    whole = sweep(*FOUR, folder=Path("whole"))
    left = iter([False] * steps)
    cut = sweep(*FOUR, folder=Path("cut"), workers=InlineWorkers(1, lambda: next(left, True)))
    assert "interrupted" in states(cut)
    assert cut.done < 4
    again = sweep(*FOUR, folder=Path("cut"))
    assert [outcome.state for outcome in again.outcomes] == [outcome.state for outcome in whole.outcomes]
    for mine, other in zip(again.outcomes, whole.outcomes, strict=True):
        assert left_behind(Path(mine.run)) == left_behind(Path(other.run))


def test_what_a_journal_lost_is_read_from_the_runs(folder: Path) -> None:
    before = sweep(*FOUR)
    (folder / "runs/reverse-sweep" / JOURNAL).unlink()
    assert sweep(*FOUR).outcomes == before.outcomes


def test_a_line_that_a_kill_cut_is_no_harm(folder: Path) -> None:
    before = sweep(*FOUR)
    path = folder / "runs/reverse-sweep" / JOURNAL
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[3][:50]]))
    workers = InlineWorkers()
    assert figures(sweep(*FOUR, workers=workers)) == figures(before)
    assert len(workers.given) == 1
    assert len(Journal(path.parent).outcomes) == 4


def test_runs_are_scored_at_lengths_and_only_where_they_have_not_been(folder: Path) -> None:
    sweep(*FOUR)
    report = sweep("model.positions=rotary,learned", "train.seed=0:1", rules=Rules((3, 9), 16))
    assert set(report.outcomes[0].lengths) == {"3", "9"}
    assert report.outcomes[2].lengths["9"] is None  # learned positions end with the trained lengths
    assert report.groups[1].lengths[1].exact_match_median is None
    workers = InlineWorkers()
    sweep("model.positions=rotary,learned", "train.seed=0:1", rules=Rules((3, 9), 16), workers=workers)
    assert workers.given == []


def test_scoring_ends_when_somebody_wants_to_stop(folder: Path) -> None:
    sweep(*FOUR)
    report = sweep(*FOUR, rules=Rules((3, 9), 16), workers=InlineWorkers(1, lambda: True))
    assert report.outcomes[0].lengths == {}
    assert report.outcomes[0].state in ("solved", "not solved")


def test_a_run_whose_code_has_changed_is_another_one(folder: Path) -> None:
    (folder / "mine.py").write_text(OWN)
    words = ("model.positions=mine.py:Late,ends", "train.seed=0:1")
    before = sweep(*words)
    (folder / "mine.py").write_text(OWN.replace("> 4", "> 4000"))
    after = sweep(*words)
    assert after.outcomes[0].id != before.outcomes[0].id
    assert after.outcomes[2:] == before.outcomes[2:]
    assert after.notes[0].startswith("not part of this: 2 runs in runs/reverse-sweep, of")


def test_code_that_changes_while_a_sweep_runs_is_told(folder: Path) -> None:
    (folder / "mine.py").write_text(OWN)

    def change() -> bool:
        (folder / "mine.py").write_text(OWN + "# changed\n")
        return False

    report = sweep("model.positions=mine.py:Late,ends", "train.seed=0:1", workers=InlineWorkers(1, change))
    assert report.outcomes[1].error == (
        "its code or data has changed since the sweep began; ask for the sweep again"
    )


def test_a_run_may_have_a_time_limit_and_goes_on_with_a_higher_one(folder: Path) -> None:
    report = sweep(*FOUR, rules=Rules(time_limit=0.0))
    assert states(report) == ["failed"] * 4
    assert report.outcomes[0].error == "ran into --time-limit 0 at step 1"
    assert folders.weights_of(Path(report.outcomes[0].run)).is_file()
    again = sweep(*FOUR, rules=Rules(time_limit=600.0))
    whole = sweep(*FOUR, folder=Path("whole"))
    for mine, other in zip(again.outcomes, whole.outcomes, strict=True):
        assert left_behind(Path(mine.run)) == left_behind(Path(other.run))


def test_progress_is_told(folder: Path) -> None:
    shown: list[SweepProgress] = []
    sweep(*FOUR, shown=shown, workers=InlineWorkers(2))
    assert [progress.done for progress in shown] == [1, 2, 3, 4]
    assert shown[0].eta is not None
    assert shown[-1].running == []
    assert {progress.total for progress in shown} == {4}


def test_events_of_workers_come_to_the_log(folder: Path) -> None:
    records: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    keeper, level = Keeper(), LOGGER.level
    LOGGER.addHandler(keeper)
    LOGGER.setLevel(logging.INFO)
    try:
        sweep(*FOUR)
    finally:
        LOGGER.removeHandler(keeper)
        LOGGER.setLevel(level)
    events = [record.msg for record in records if isinstance(record.msg, Event)]
    names = [event.name() for event in events]
    assert names[0] == "sweep_started"
    assert names.count("sweep_run_ended") == 4
    ended = next(event for event in events if isinstance(event, SweepRunEnded))
    assert ended.settings == {"model.positions": "rotary", "train.seed": "0"}


def test_two_sweeps_cannot_have_one_folder(folder: Path) -> None:
    with hold_folder(folder / "mine"), pytest.raises(UsageError) as raised, hold_folder(folder / "mine"):
        pass
    assert str(raised.value).startswith(f"{folder / 'mine'} is in use by another sweep (pid {os.getpid()});")


def test_a_sweep_of_which_nothing_comes_leaves_no_folder(folder: Path) -> None:
    with pytest.raises(TfcliError), hold_folder(folder / "mine"):
        raise TfcliError("nothing works here")
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(UsageError, match="can't make the folder"), hold_folder(folder / "file/sweep"):
        pass


def test_a_run_is_no_folder_for_a_sweep(folder: Path) -> None:
    report = sweep(*FOUR)
    with pytest.raises(UsageError, match=r"is a run; a sweep needs a folder of its own"):
        plan(*FOUR, folder=Path(report.outcomes[0].run))


def test_a_journal_that_cannot_be_written_ends_the_sweep(folder: Path) -> None:
    (folder / "runs/reverse-sweep" / JOURNAL).mkdir(parents=True)
    with pytest.raises(TfcliError, match=r"can't read runs/reverse-sweep/sweep.jsonl: not a regular file"):
        sweep(*FOUR)
    journal = Journal(folder / "gone")
    report = sweep(*FOUR, folder=Path("other"))
    with pytest.raises(TfcliError, match="can't be written"):
        journal.add(report.outcomes[0])


def test_a_run_that_a_lost_worker_is_still_at_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([5, 5, None])
    slept: list[float] = []
    monkeypatch.setattr(locks, "find_trainer", lambda run: next(answers))
    monkeypatch.setattr(time, "sleep", slept.append)
    jobs.wait_for_others(folder)
    assert len(slept) == 2


def test_there_is_a_worker_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert count_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert count_cores() == 7


def test_what_was_solved_on_the_way_and_not_at_its_end_is_not_solved(folder: Path) -> None:
    [outcome] = sweep("train.seed=0,1", "train.stop_when_solved=false").outcomes[:1]
    run = Path(outcome.run)
    lines = [json.loads(line) for line in (run / folders.METRICS).read_text().splitlines()]
    for line in lines[:2]:
        line["exact_match"] = 1.0
    (run / folders.METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "runs/reverse-sweep" / JOURNAL).unlink()
    [again] = sweep("train.seed=0,1", "train.stop_when_solved=false").outcomes[:1]
    assert (again.state, again.solved_step, again.solved_seconds) == ("not solved", None, None)


def test_scores_at_some_lengths_stay_when_others_are_asked_for(folder: Path) -> None:
    def lengths(*asked: int, samples: int = 8) -> tuple[int, list[str]]:
        workers = InlineWorkers()
        report = sweep("train.seed=0,1", rules=Rules(lengths=asked, samples=samples), workers=workers)
        return len(trained(workers)), list(report.outcomes[0].lengths)

    assert lengths(5) == (2, ["5"])
    assert lengths(6) == (2, ["5", "6"])
    assert lengths(5, 6) == lengths(5) == (0, ["5", "6"])
    assert lengths(5, samples=4) == (2, ["5"])


def test_a_run_of_a_sweep_is_not_made_longer_where_it_lies(folder: Path) -> None:
    run = Path(sweep(*FOUR).outcomes[0].run)
    with pytest.raises(
        UsageError, match=r"one of the sweep in .*; `tfcli mv reverse-sweep/rotary-0-\w+ NAME`"
    ):
        resume_run(run, ["train.steps=24"])
    moved = run.rename("moved")
    assert resume_run(moved, ["train.steps=24"]).steps == 24


def test_a_seed_that_diverged_to_a_model_is_scored_as_others_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = run_outcomes.read_outcome

    def diverged(*of: Any) -> RunOutcome:
        return replace(read(*of), state="diverged")

    monkeypatch.setattr(jobs, "read_outcome", diverged)
    rules = Rules(lengths=(3,), samples=8)
    report = sweep("train.seed=0,1", rules=rules)
    assert [list(outcome.lengths) for outcome in report.outcomes] == [["3"], ["3"]]
    assert sweep("train.seed=0,1", rules=rules).skipped == 2

"""What goes wrong in a sweep is recorded, told in a line, and ends nothing else; within this process."""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sweeps.inline import FOUR, OWN, InlineWorkers, states, sweep, trained
from tfcli.checkpoints import saving
from tfcli.commands import jobs, run_outcomes, saver
from tfcli.commands.sweep import Rules
from tfcli.config.schema import RunConfig
from tfcli.config.writing import to_yaml
from tfcli.errors import ConfigError, DivergedError, TfcliError
from tfcli.runs import folders, removing
from tfcli.runs.folders import JOURNAL
from tfcli.sweeps.orders import Check, Done, Job, Lost, Word


class Fragile(InlineWorkers):
    """Workers that die of each job, and may be replaced."""

    def wait(self, timeout: float) -> Iterator[Done | Lost | Word]:
        request = self.requests[-1]
        if isinstance(request, Check) or self.stopped:
            yield from super().wait(timeout)
            return
        self.requests.pop()
        yield Lost(request, "123", "was ended by SIGKILL", True, 3)


def test_what_failed_before_it_was_saved_is_tried_again_from_the_start(folder: Path) -> None:
    (folder / "mine.py").write_text(
        "import pathlib\n\nimport tfcli\n\n\nclass Mine(tfcli.Positions):\n"
        "    def embed(self, x, at):\n"
        "        self.calls = getattr(self, 'calls', 0) + 1\n"
        "        if self.calls > 2 and pathlib.Path('full').exists():\n"
        "            raise OSError('the disk is full')\n        return x\n"
    )
    words = ("model.positions=mine.py:Mine,ends", "train.eval_every=12")
    (folder / "full").touch()
    for _ in range(2):
        [failed, _] = sweep(*words).outcomes
        assert (failed.state, failed.error) == (
            "failed",
            f"OSError: the disk is full (at {folder}/mine.py:10)",
        )
    (folder / "full").unlink()
    assert [outcome.state for outcome in sweep(*words).outcomes] == ["not solved", "not solved"]


def test_an_error_in_a_run_is_recorded_and_the_others_go_on(folder: Path) -> None:
    (folder / "mine.py").write_text(OWN)
    words = ("model.positions=mine.py:Late,ends", "train.seed=0:1")
    report = sweep(*words)
    assert [state == "failed" for state in states(report)] == [True, True, False, False]
    first = report.outcomes[0]
    assert first.error == f"ZeroDivisionError: a bug of mine (at {folder / 'mine.py'}:8)"
    assert first.traceback is not None
    assert "in embed" in first.traceback
    assert report.groups[0].failed == 2
    workers = InlineWorkers()
    sweep(*words, workers=workers)  # what failed is tried again
    assert trained(workers) == [outcome.id for outcome in report.outcomes[:2]]


def test_the_first_failure_ends_a_sweep_if_asked_to(folder: Path) -> None:
    (folder / "mine.py").write_text(OWN)
    report = sweep("model.positions=mine.py:Late,ends", "train.seed=0:1", rules=Rules(fail_fast=True))
    assert states(report) == ["failed"]


def test_a_loss_that_is_no_number_is_told_and_not_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(config: RunConfig, name: str, path: Path, *_: object) -> None:
        path.mkdir()
        (path / folders.CONFIG).write_text(to_yaml(config))
        raise DivergedError("the loss is nan at step 3")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "train_run", diverge)
        report = sweep(*FOUR)
    assert states(report) == ["diverged"] * 4
    assert report.outcomes[0].error == "the loss is nan at step 3"
    again = sweep(*FOUR)
    assert again.skipped == 4
    shutil.rmtree(again.outcomes[0].run)  # as `mv` and `rm` leave it
    assert sweep(*FOUR).skipped == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TfcliError("a\nb"), "a b"),
        (OSError(28, "No space left on device", "file"), "file: No space left on device"),
        (MemoryError(), "not enough memory for this"),
        (RuntimeError("can't allocate memory"), "not enough memory for this"),
    ],
)
def test_errors_are_told_in_a_line(error: Exception, said: str) -> None:
    assert run_outcomes.name_error(error).startswith(said)


def test_models_that_cannot_be_built_are_told_before_anything_is_trained(folder: Path) -> None:
    words = ("task.name=histogram,reverse", "model.tie_embeddings=true", "train.seed=0:1")
    with pytest.raises(ConfigError) as raised:
        sweep(*words)
    assert raised.value.problems == [
        "task.name=histogram: model.tie_embeddings: the answers of histogram have symbols of their own;"
        " leave it out"
    ]
    assert not list((folder / "runs/reverse-sweep").iterdir())


def test_a_run_that_no_worker_survives_is_recorded(folder: Path) -> None:
    report = sweep(*FOUR, workers=Fragile())
    assert states(report) == ["failed"] * 4
    assert report.outcomes[0].error == "its worker was ended by SIGKILL, like the 2 before it"


def test_models_that_no_worker_survives_end_a_sweep(folder: Path) -> None:
    class Dead(InlineWorkers):
        def wait(self, timeout: float) -> Iterator[Done | Lost | Word]:
            yield Lost(self.requests.pop(), "123", "was ended by SIGKILL", True)

    with pytest.raises(
        TfcliError, match="workers die when they build the models: the last was ended by SIGKILL"
    ):
        sweep(*FOUR, workers=Dead())


def test_a_worker_that_is_lost_is_told(folder: Path) -> None:
    class Losing(InlineWorkers):
        lost = False

        def wait(self, timeout: float) -> Iterator[Done | Lost | Word]:
            if not self.lost and isinstance(self.requests[-1], Job):
                self.lost = True
                yield Lost(self.requests[-1], "123", "was ended by SIGKILL", False)
            else:
                yield from super().wait(timeout)

    warned: list[str] = []
    report = sweep(*FOUR, workers=Losing(), warned=warned)
    assert warned == ["worker 123 was ended by SIGKILL; what it was at is done by another one"]
    assert report.done == 4


def test_a_run_that_is_damaged_is_told_with_what_makes_room_for_it(folder: Path) -> None:
    report = sweep(*FOUR)
    run = Path(report.outcomes[1].run)
    for path in (run / folders.WEIGHTS, run.parent / JOURNAL):
        path.write_bytes(path.read_bytes()[:300])
    again = sweep(*FOUR)
    assert [outcome.has_failed for outcome in again.outcomes] == [False, True, False, False]
    error = again.outcomes[1].error or ""
    assert "is damaged" in error
    assert f"`tfcli rm {run}` makes room for that, then ask for the sweep again" in error
    removing.remove_runs([run])
    assert states(sweep(*FOUR)) == states(report)


def test_a_run_without_its_weights_is_trained_again(folder: Path) -> None:
    report = sweep(*FOUR)
    folders.weights_of(Path(report.outcomes[1].run)).unlink()
    again = sweep(*FOUR)
    assert states(again) == states(report)
    assert again.skipped == 3


def test_what_could_only_be_saved_elsewhere_is_told_with_its_place(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_but_not_here(path: Path, *what: object) -> None:
        if path.is_relative_to("runs"):
            raise OSError(errno.ENOSPC, "No space left on device")
        save_run(path, *what)

    save_run: Callable[..., None] = saving.save_run
    monkeypatch.setattr(saver, "save_run", save_but_not_here)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("elsewhere")))
    report = sweep("train.seed=0:1")
    for outcome in report.outcomes:
        assert outcome.state == "failed"
        why = rf"{outcome.run} can't be written \(No space left on device\); the model is in (\S+)"
        found = re.fullmatch(why, outcome.error or "")
        assert found
        assert folders.weights_of(Path(found[1])).is_file()


def test_own_code_that_ends_its_process_fails_alone(folder: Path) -> None:
    leaving = OWN.replace('raise ZeroDivisionError("a bug of mine")', "raise SystemExit(4)")
    (folder / "mine.py").write_text(leaving)
    report = sweep("model.positions=mine.py:Late,ends")
    assert [state == "failed" for state in states(report)] == [True, False]
    assert (report.outcomes[0].error or "").startswith("SystemExit: 4")
    entering = "    def __init__(self, *sizes):\n        raise SystemExit(4)\n\n    def embed"
    (folder / "mine.py").write_text(OWN.replace("    def embed", entering))
    with pytest.raises(ConfigError, match=r"mine.py:Late: .*SystemExit: 4"):
        sweep("model.positions=mine.py:Late,ends", folder=Path("other"))


def test_code_that_changes_within_a_job_ends_the_runs_that_follow(folder: Path) -> None:
    (folder / "mine.py").write_text(OWN.replace("> 4", "> 4000"))
    workers = InlineWorkers(2)
    sweep("model.positions=mine.py:Late", "train.seed=0:1", workers=workers)
    orders = [order for request in workers.given if isinstance(request, Job) for order in request.orders]
    shutil.rmtree("runs")
    first = jobs.train_one(orders[0], workers)
    (folder / "mine.py").write_text(OWN)
    second = jobs.train_one(orders[1], workers)
    assert (first.error, first.state) == (None, "not solved")
    assert second.error == "its code or data has changed since the sweep began; ask for the sweep again"
    assert jobs.train_as_one(orders, workers) is None


def test_nothing_is_given_out_after_the_first_failure(folder: Path) -> None:
    class Forgetful(InlineWorkers):
        """Takes nothing in before all of its requests are there."""

        def stop(self) -> None:
            super().stop()
            self.given_at_stop = len(self.given)

    (folder / "mine.py").write_text(OWN)

    class Changing(Forgetful):
        def give(self, request: Check | Job) -> None:
            super().give(request)
            if isinstance(request, Job):
                (folder / "mine.py").write_text(OWN + "# changed\n")

    workers = Changing(4)
    report = sweep("model.positions=ends,mine.py:Late,rotary", rules=Rules(fail_fast=True), workers=workers)
    assert len(workers.given) == workers.given_at_stop
    assert "changed since the sweep began" in str(report.outcomes[-1].error)

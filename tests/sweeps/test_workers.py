"""Workers are kept warm, and one that dies costs what it was at, which is done again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tfcli.config.files import load_config
from tfcli.errors import TfcliError
from tfcli.runs.company import STOP_SIGNALS
from tfcli.sweeps.orders import Done, Job, Lost, Order, Remark, Scoring, Word
from tfcli.sweeps.workers import LocalWorkers, PipeLine, Ready, serve

DOER = "tests.sweeps.doers"
ROOT = Path(__file__).parents[2]


def job(folder: Path, what: str, name: str = "job") -> Job:
    return Job((Order(name, folder, {"do": what}, load_config("copy")),))


def work(pool: LocalWorkers, jobs: list[Job], until: Callable[[], bool] = lambda: False) -> list[object]:
    """Have some jobs done, and return all that was said."""
    said: list[Done | Lost | Word] = []
    waiting, deadline = list(jobs), time.monotonic() + 60
    while (waiting or not pool.is_idle) and not until() and time.monotonic() < deadline:
        while waiting and pool.free > 0:
            pool.give(waiting.pop(0))
        said += pool.wait(0.1)
    return list(said)


def pids(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "pids").read_text().splitlines()]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists()


def test_a_worker_is_used_again_and_has_one_thread(tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        said = work(pool, [job(tmp_path, "say", str(i)) for i in range(3)])
    assert [word.result for word in said if isinstance(word, Done)] == [
        (str(i), "1", False) for i in range(3)
    ]
    assert said[0] == Remark("a word")
    assert len(set(pids(tmp_path))) == 1


def test_workers_are_started_at_once_where_there_is_work_for_them(tmp_path: Path) -> None:
    with LocalWorkers(3, DOER) as pool:
        pool.start(2)
        assert (len(pool.workers), pool.free) == (2, 3)
        work(pool, [job(tmp_path, "say", str(i)) for i in range(2)])
        assert len(pool.workers) == 2


def test_a_worker_that_is_killed_costs_what_it_was_at_which_is_done_again(tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        said = work(pool, [job(tmp_path, "die once", "first"), job(tmp_path, "say", "second")])
    [lost] = [word for word in said if isinstance(word, Lost)]
    assert (lost.how, lost.for_good, lost.worker) == ("was ended by SIGKILL", False, pids(tmp_path)[0])
    assert sorted(word.result[0] for word in said if isinstance(word, Done)) == ["first", "second"]


@pytest.mark.parametrize(
    ("what", "how"), [("die", "was ended by SIGKILL"), ("exit", "ended with exit code 3")]
)
def test_a_job_that_ends_three_workers_is_not_tried_again(what: str, how: str, tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        said = work(pool, [job(tmp_path, what)])
    assert [(word.how, word.for_good) for word in said if isinstance(word, Lost)] == [
        (how, False),
        (how, False),
        (how, True),
    ]


def test_workers_that_cannot_start_are_no_work_without_end(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with (
        pytest.raises(TfcliError, match="a worker can't start: its process ended with exit code 1"),
        LocalWorkers(2, "tests.sweeps.broken_doer") as pool,
    ):
        work(pool, [job(tmp_path, "say")])
    assert "nothing works here" in capfd.readouterr().err


def test_workers_that_are_asked_to_stop_come_to_an_end_and_take_more(tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        work(pool, [job(tmp_path, "wait")], until=(tmp_path / "waiting").exists)
        pool.stop()
        said = work(pool, [job(tmp_path, "say", "later")])
    assert [word.result[0] for word in said if isinstance(word, Done)] == ["job", "later"]
    assert len(set(pids(tmp_path))) == 1


def test_a_worker_that_dies_while_all_is_stopped_is_not_replaced(tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        work(pool, [job(tmp_path, "wait")], until=(tmp_path / "waiting").exists)
        pool.stopping = True
        os.kill(int(pids(tmp_path)[0]), signal.SIGKILL)
        said = work(pool, [])
    assert [type(word) for word in said] == [Lost]
    assert pool.is_idle


def test_a_worker_that_takes_too_long_is_ended_for_good(tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        work(pool, [job(tmp_path, "wait")], until=(tmp_path / "waiting").exists)
        pool.end_overdue(0.0, 60.0)
        pool.end_overdue(0.0, 0.0)
        said = work(pool, [])
    assert [(word.how, word.for_good) for word in said if isinstance(word, Lost)] == [("took too long", True)]


def test_an_idle_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        work(pool, [job(tmp_path, "say")])
        os.kill(int(pids(tmp_path)[0]), signal.SIGKILL)
        pool.workers[0].process.join(60)
        said = work(pool, [job(tmp_path, "say")])
    assert [type(word) for word in said if isinstance(word, Done | Lost)] in ([Done], [Lost, Done])
    assert len(set(pids(tmp_path))) == 2


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tests.sweeps.test_workers import *\n"
        "if __name__ == '__main__':\n"
        f"    work(LocalWorkers(1, DOER), [job(Path({str(tmp_path)!r}), 'wait')])\n"
    )
    (tmp_path / "parent.py").write_text(code)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    wait_for(tmp_path / "waiting")
    parent.kill()
    parent.wait()
    wait_for(tmp_path / "stopped")


def test_a_worker_serves_until_its_pipe_is_closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ours, theirs = multiprocessing.Pipe()
    for request in (job(tmp_path, "say"), None):
        ours.send(request)
    heard: list[object] = []

    def hear(line: PipeLine, word: object) -> None:
        heard.append(word)
        if isinstance(word, Done):
            ours.close()

    monkeypatch.setattr(PipeLine, "say", hear)
    serve(theirs, DOER)
    assert [type(word) for word in heard] == [Ready, Remark, Done]


def test_nobody_has_to_hear_what_a_worker_says() -> None:
    ours, theirs = multiprocessing.Pipe()
    line = PipeLine(theirs)
    assert not line.must_stop()
    ours.close()
    line.say(Remark("a word"))
    assert line.must_stop()


def test_the_runs_of_a_job_that_ends_its_worker_are_tried_one_by_one(tmp_path: Path) -> None:
    whats = ["die once", "say", "die"]
    orders = tuple(job(tmp_path, what, what).orders[0] for what in whats)
    with LocalWorkers(1, DOER) as pool:
        said = work(pool, [Job(orders)])
        assert len(pool.workers) <= 1
    done = [
        word.request.orders[0].id for word in said if isinstance(word, Done) and isinstance(word.request, Job)
    ]
    assert done == ["die once", "say"]
    lost = [(word.for_good, word.kills) for word in said if isinstance(word, Lost)]
    assert lost == [(False, 1), (False, 1), (False, 2), (True, 3)]  # all of them, then the last by itself


def test_scoring_is_not_under_the_time_limit(tmp_path: Path) -> None:
    with LocalWorkers(1, DOER) as pool:
        pool.give(job(tmp_path, "wait"))
        wait_for(tmp_path / "waiting")
        [worker] = pool.workers
        worker.hear(Scoring("job", True))
        pool.end_overdue(0.0, 0.0)
        assert not worker.overdue
        worker.hear(Scoring("job", False))
        pool.end_overdue(0.0, 60.0)
        assert not worker.overdue
        pool.end_overdue(0.0, 0.0)
        assert worker.overdue


@pytest.mark.skipif(sys.platform != "linux", reason="it is read from Linux's /proc")
def test_signals_wait_for_every_worker_until_it_says_what_it_does_with_them(tmp_path: Path) -> None:
    with LocalWorkers(2, DOER) as pool:
        pool.start(2)
        for worker in pool.workers:  # which are still starting Python
            status = Path(f"/proc/{worker.process.pid}/status").read_text()
            blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
            assert all(blocked >> (number - 1) & 1 for number in STOP_SIGNALS)

"""A sweep on a cluster comes to the same runs, whoever joins late or dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.commands.resuming import left_behind
from tests.conftest import Cli, tfcli
from tests.sweeps.inline import TINY, InlineWorkers, plan, states, sweep
from tfcli.config.files import load_config
from tfcli.errors import TfcliError, UsageError
from tfcli.records.sweep import RunOutcome
from tfcli.runs.locks import LOCK
from tfcli.sweeps import cluster, remote
from tfcli.sweeps.cluster import ClusterWorkers
from tfcli.sweeps.orders import Job, Order
from tfcli.sweeps.remote import Parcel, find_versions, pack, work

FOUR = ("model.positions=rotary,ends", "train.seed=0:1")
ADDRESS = "tcp://somewhere:8786"


class KilledWorker(Exception):  # noqa: N818  # as Dask calls it
    pass


class CancelledError(Exception):
    pass


class Future:
    """Something that is done at once, or fails in one of Dask's ways."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def result(self) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def done(self) -> bool:
        return True

    def exception(self) -> Exception | None:
        return self.outcome if isinstance(self.outcome, Exception) else None


class Client:
    """A scheduler with workers within this process."""

    fails: Exception | None = None
    lacks: Exception | None = None  # what a worker says that can't import tfcli
    workers = 2
    status = "running"

    def __init__(self, address: str, timeout: float, set_as_default: bool) -> None:
        self.loop = None
        self.closed = False
        if address.endswith(":1"):
            raise OSError("Timed out trying to connect")

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(map(str, range(self.workers)), 1)

    def submit(self, function: Any, *words: Any, pure: bool, **options: Any) -> Future:
        if function is import_module:
            return Future(self.lacks)
        if self.fails is not None:
            return Future(self.fails)
        try:
            return Future(function(*words))
        except TfcliError as error:
            return Future(error)

    def cancel(self, futures: list[Future], force: bool) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Completed:
    """Hands out what is done, the last first."""

    def __init__(self, futures: list[Future], loop: None) -> None:
        self.futures = list(futures)

    def add(self, future: Future) -> None:
        self.futures.append(future)

    def has_ready(self) -> bool:
        return bool(self.futures)

    def next_batch(self, block: bool) -> list[Future]:
        found, self.futures = self.futures[::-1], []
        return found


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    """Put a Dask of our own in place of the real one."""

    class Here(Client):
        pass

    module = ModuleType("distributed")
    vars(module).update(Client=Here, as_completed=Completed)
    monkeypatch.setitem(sys.modules, "distributed", module)
    monkeypatch.setattr(cluster, "CONNECT", 0.01)
    return Here


def on_cluster(folder: str, *words: str) -> Any:
    with ClusterWorkers(ADDRESS) as workers:
        return sweep(*(words or FOUR), folder=Path(folder), workers=workers)  # type: ignore[arg-type]


@pytest.mark.usefixtures("dask")
def test_runs_of_a_cluster_are_those_of_this_machine(folder: Path) -> None:
    here, there = sweep(*FOUR, folder=Path("here")), on_cluster("there")
    assert states(there) == states(here)
    for mine, other in zip(there.outcomes, here.outcomes, strict=True):
        assert mine.run.startswith("there/")
        assert left_behind(Path(mine.run)) == left_behind(Path(other.run))


@pytest.mark.usefixtures("dask")
def test_a_half_done_run_goes_to_the_cluster_and_on_there(folder: Path) -> None:
    left = iter([False] * 5)
    sweep(*FOUR, folder=Path("there"), workers=InlineWorkers(1, lambda: next(left, True)))
    here, there = sweep(*FOUR, folder=Path("here")), on_cluster("there")
    for mine, other in zip(there.outcomes, here.outcomes, strict=True):
        assert left_behind(Path(mine.run)) == left_behind(Path(other.run))


def test_a_run_that_kills_its_workers_is_recorded(folder: Path, dask: type[Client]) -> None:
    prepared = plan(*FOUR)
    with ClusterWorkers(ADDRESS) as workers:
        dask.fails = KilledWorker()
        [trial] = prepared.strategy.trials()[:1]
        workers.give(Job((Order(trial.id, trial.folder, {}, prepared.planner.configure(trial.point)),)))
        [lost] = workers.wait(1.0)
    assert (lost.how, lost.for_good) == ("died of it", True)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CancelledError(), f"--cluster {ADDRESS} is gone; what had come back is kept"),
        (
            ModuleNotFoundError("No module named 'tfcli'"),
            "a worker can't do this (ModuleNotFoundError: No module",
        ),
    ],
)
def test_what_a_cluster_cannot_do_is_told(
    error: Exception, said: str, folder: Path, dask: type[Client]
) -> None:
    dask.fails = error
    with pytest.raises(TfcliError) as raised:
        on_cluster("there")
    assert said in str(raised.value)


def test_a_cluster_that_goes_away_is_told(
    folder: Path, dask: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ClusterWorkers(ADDRESS) as workers:
        dask.status = "closed"
        with pytest.raises(TfcliError, match="is gone"):
            list(workers.wait(1.0))

        def time_out(client: Client) -> None:
            raise TimeoutError

        monkeypatch.setattr(dask, "nthreads", time_out)
        workers.counted_at = 0.0
        with pytest.raises(TfcliError, match="is gone"):
            assert workers.free
        workers.stop()
        workers.end_overdue(0.0, 0.0)


def test_what_is_waited_for_at_the_end_is_told(dask: type[Client]) -> None:
    with ClusterWorkers(ADDRESS) as workers:
        workers.stop()
        assert list(workers.wait(0.0)) == []
        order = Order("a", Path("a"), {}, load_config("copy"))
        workers.futures[object()] = Job((order, order))
        workers.stop()
        [said] = workers.wait(0.0)
    assert str(said).count("waiting for 2 runs on its workers; Ctrl-C gives up what isn't through") == 1


def test_a_cluster_without_workers_is_told_once_until_there_are_some(dask: type[Client]) -> None:
    said = []
    with ClusterWorkers(ADDRESS) as workers:
        for dask.workers in (2, 0, 0, 1, 0):
            workers.counted_at = 0.0
            assert workers.free == dask.workers
            said.append([str(word) for word in workers.wait(0.0)])
    assert [len(words) for words in said] == [0, 1, 0, 0, 1]
    assert "there is no worker any more; the sweep waits for one" in said[1][0]


@pytest.mark.usefixtures("dask")
def test_a_worker_of_another_version_is_told(folder: Path) -> None:
    with pytest.raises(UsageError) as raised:
        work(b"", {**find_versions(), "torch": "1.0"})
    has = f"has torch {find_versions()['torch']}, and 1.0 is here"
    assert str(raised.value) == f"the worker on {socket.gethostname()} {has}; install the same on both"


def test_a_worker_with_other_code_is_told(folder: Path) -> None:
    prepared = plan(*FOUR)
    trial = prepared.strategy.trials()[0]
    config = prepared.planner.configure(trial.point)
    with pytest.raises(UsageError, match="has other code or data for job; put the same files"):
        work(pack(Job((Order("another", Path("job"), {}, config),))), find_versions())
    config = config.model_copy(update={"train": config.train.model_copy(update={"start": "nowhere"})})
    with pytest.raises(UsageError, match=r"train.start: can't read nowhere"):
        work(pack(Job((Order("another", Path("job"), {}, config),))), find_versions())


def test_files_that_belong_to_a_process_stay_where_they_are(tmp_path: Path) -> None:
    for name in ("config.yaml", "training.lock", ".model.safetensors.12"):
        (tmp_path / name).write_text("text")
    assert remote.read_files(tmp_path) == {"config.yaml": b"text"}


def test_where_a_cluster_cannot_be_had_one_line_says_so(
    cli: Cli, dask: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["sweep", "reverse", *TINY, *FOUR]
    assert "write the address of a scheduler" in cli(*small, "--cluster", "x://y", expect=2).stderr
    for address in ("tls://127.0.0.1:1", "tcp://[::1:1", "tcp://::1:1"):
        assert "write the address of a scheduler" in cli(*small, "--cluster", address, expect=2).stderr
    assert "no scheduler answers there; `dask" in cli(*small, "--cluster", "tcp://here:1", expect=2).stderr
    assert (
        "--workers is about this machine"
        in cli(*small, "--cluster", ADDRESS, "--workers", "2", expect=2).stderr
    )
    dask.lacks = ModuleNotFoundError("No module named 'tfcli'")
    said = " ".join(cli(*small, "--cluster", ADDRESS, expect=2).stderr.split())
    assert "the worker at 0 can't import tfcli (ModuleNotFoundError: No module named 'tfcli')" in said
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert 'pip install "tfcli[cluster]"' in cli(*small, "--cluster", ADDRESS, expect=2).stderr


def test_workers_that_come_late_are_waited_for_with_a_word(
    cli: Cli, dask: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter(range(1000))

    def come_late(client: Client) -> dict[str, int]:
        return {"late": 1} if next(looks) > 3 else {}

    monkeypatch.setattr(dask, "nthreads", come_late)
    result = cli("sweep", "reverse", *TINY, *FOUR, "--cluster", ADDRESS)
    assert "no worker is ready yet; waiting for one" in " ".join(result.stderr.split())
    assert "4 of 4 runs done" in result.stdout


def test_a_worker_that_joins_late_without_tfcli_ends_the_sweep_with_a_line(dask: type[Client]) -> None:
    with ClusterWorkers(ADDRESS) as workers:
        dask.lacks, dask.workers, workers.counted_at = ImportError("none"), 3, 0.0
        assert workers.free == 3
        with pytest.raises(UsageError, match=r"the worker at 2 can't import tfcli \(ImportError: none\)"):
            list(workers.wait(0.0))


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_else_that_listens_is_no_scheduler(
    says: bytes, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    monkeypatch.setattr(cluster, "PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):  # that the test is over
                while True:
                    kept.append(server.accept()[0])
                    kept[-1].sendall(says)

        kept: list[socket.socket] = []
        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(UsageError, match="no scheduler answers there; `dask scheduler` starts one"):
            ClusterWorkers(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        for connection in kept:
            connection.close()
    assert capfd.readouterr() == ("", "")


LONG = ["sweep", "reverse", "task.max_length=6", "train.steps=150", "train.stop_when_solved=false"]
LONG += ["train.seed=0:3", "-q", "--json"]


@pytest.fixture
def real(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A scheduler and two workers as processes of their own."""
    pytest.importorskip("distributed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"

    def start(kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def join() -> subprocess.Popen[bytes]:
        return start("worker", address, "--nthreads", "1", "--no-nanny")

    processes = [start("scheduler", "--host", "127.0.0.1", "--port", str(port)), join(), join()]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield SimpleNamespace(address=address, workers=processes[1:], join=join)
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_worker_of_a_real_cluster_may_die_and_another_join(real: SimpleNamespace, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tfcli", *LONG, "--cluster", real.address, "--out", "there"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 90
        while not at_work(real.workers[0].pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(real.workers[0].pid, signal.SIGKILL)
        late = real.join()
        out, _ = process.communicate(timeout=200)
    late.kill()
    late.wait()
    assert process.returncode == 0
    there = json.loads(out)["outcomes"]
    here = json.loads(tfcli(*LONG, "--out", "here", cwd=tmp_path).stdout)["outcomes"]
    assert [outcome["steps"] for outcome in there] == [150] * 4
    for mine, other in zip(there, here, strict=True):
        assert left_behind(tmp_path / mine["run"]) == left_behind(tmp_path / other["run"])


def at_work(pid: int) -> bool:
    """Whether a process has begun with a run: it has the lock of one open."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            if os.readlink(link).endswith(LOCK):
                return True
    return False


def test_an_error_names_the_folder_here_and_not_the_one_on_the_worker(folder: Path) -> None:
    order = Order("a", folder / "a", {}, load_config("copy"))
    there = RunOutcome("a", "/there/a", {}, "failed", 0, error="/there/a is damaged: `tfcli rm /there/a`")
    fine = replace(there, state="solved", error=None)
    found = remote.unpack(Parcel([there, fine], [{}, {}], []), Job((order, order)))
    assert [outcome.error for outcome in found] == [f"{folder}/a is damaged: `tfcli rm {folder}/a`", None]
    assert {outcome.run for outcome in found} == {f"{folder}/a"}

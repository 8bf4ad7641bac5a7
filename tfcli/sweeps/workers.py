"""Processes that are kept warm: each imports torch once, and takes one job after the other.

A worker that dies takes nothing with it but what it was at: the job is given to another one. Whoever loses
its parent ends by itself, since its pipe is closed.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from tfcli.errors import TfcliError
from tfcli.runs.company import leave_signals_to_parent, signals_held_back
from tfcli.sweeps.orders import Done, Job, Lost, Request, Scoring, Word

DOER = "tfcli.commands.jobs"  # the module whose `do` does the work; here it would bring torch along
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
MOST_KILLS = 3  # workers that a job may cost
PATIENCE = 5.0  # seconds for a process to end whose pipe is closed
CONTEXT = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang


class Ready(NamedTuple):
    """A worker has come up."""


class PipeLine:
    """The line of a local worker to its parent."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe

    def say(self, word: object) -> None:
        """Tell something; nobody may be there any more."""
        with suppress(OSError):
            self.pipe.send(word)

    def must_stop(self) -> bool:
        """Whether the parent has said so, or is gone."""
        return self.pipe.poll()


def serve(pipe: Connection, doer: str) -> None:
    """Do what comes down the pipe until nothing does: a worker's life."""
    leave_signals_to_parent()
    os.dup2(2, 1)  # what own code prints isn't what the sweep comes to, by whatever it is printed
    with redirect_stdout(sys.stderr):
        serve_by(import_module(doer).do, pipe)


def serve_by(do: Callable[[Any, PipeLine], Any], pipe: Connection) -> None:
    """Do what comes down the pipe by that function."""
    gc.freeze()  # what has been loaded is there to stay, and need not be looked through for garbage
    line = PipeLine(pipe)
    line.say(Ready())
    while True:
        try:
            request = pipe.recv()
        except (EOFError, OSError):
            return
        if request is not None:  # the word to stop came after the work was done
            line.say(Done(request, do(request, line)))


class Worker:
    """A process with its pipe, as its parent sees it."""

    def __init__(self, doer: str) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(theirs, doer), daemon=True)
        if os.name == "posix":  # with the first process Python starts another one, and lets signals through
            resource_tracker.ensure_running()
        with one_thread(), signals_held_back():
            self.process.start()
        theirs.close()
        self.request: Request | None = None
        self.since: float | None = None  # when it was given that; None while it scores what it has trained
        self.overdue = self.ready = False

    def give(self, request: Request) -> None:
        """Give it something to do. That it is dead shows later."""
        self.request, self.since, self.overdue = request, time.monotonic(), False
        with suppress(OSError):
            self.pipe.send(request)

    def hear(self, said: object) -> None:
        """Take in what it says of itself."""
        if isinstance(said, Ready):
            self.ready = True
        elif isinstance(said, Scoring):
            self.since = None if said.is_on else time.monotonic()

    def describe_end(self) -> str:
        """How its process ended."""
        code = self.process.exitcode
        if self.overdue:
            return "took too long"
        if code is not None and code < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


@contextmanager
def one_thread() -> Iterator[None]:
    """Let processes that are started find one thread in their environment, which libraries read at import."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class LocalWorkers:
    """Up to `number` workers of this machine; to be used as a context, at whose end they end."""

    def __init__(self, number: int, doer: str = DOER) -> None:
        self.number, self.doer = number, doer
        self.workers: list[Worker] = []
        self.again: list[Request] = []  # of workers that died
        self.kills: dict[int, int] = {}  # workers that a request has cost, by its identity
        self.stopping = False

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # by themselves they would take half a second to take apart what torch has loaded

    def start(self, requests: int) -> None:
        """Start as many workers as there are requests to come: they import torch at the same time."""
        while len(self.workers) < min(self.number, requests):
            self.workers.append(Worker(self.doer))

    @property
    def parallel(self) -> int:
        """How many of them work at full speed at the same time."""
        return min(self.number, count_cores())

    @property
    def free(self) -> int:
        """How many requests can be taken now."""
        return self.number - self.busy - len(self.again)

    @property
    def busy(self) -> int:
        """How many workers are at something."""
        return sum(worker.request is not None for worker in self.workers)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done."""
        return self.free == self.number

    def give(self, request: Request) -> None:
        """Let a worker do something, a new one if the others are busy."""
        worker = next((worker for worker in self.workers if worker.request is None), None)
        if worker is None:
            worker = Worker(self.doer)
            self.workers.append(worker)
        worker.give(request)

    def wait(self, timeout: float) -> Iterator[Done | Lost | Word]:
        """Yield what workers say within a time, in seconds; those that died are replaced."""
        while self.again and self.busy < self.number:
            self.give(self.again.pop(0))
        by_pipe = {worker.pipe: worker for worker in self.workers}
        for pipe in wait(list(by_pipe), timeout):
            worker = by_pipe[pipe]  # type: ignore[index]  # of nothing but pipes
            try:
                said = worker.pipe.recv()
            except (EOFError, OSError):
                yield from self.bury(worker)
                continue
            worker.hear(said)
            if isinstance(said, Ready | Scoring):
                continue
            if isinstance(said, Done) and worker.request is not None:
                said = Done(worker.request, said.result)  # the very one that was given
                worker.request = None
                self.kills.pop(id(said.request), None)
                yield said
            else:
                yield said

    def bury(self, worker: Worker) -> Iterator[Lost]:
        """Take leave of a worker, and give what it was at to another one, unless that costs too many.

        Of several runs that it was given each is tried by itself: only one may be to blame.
        """
        self.workers.remove(worker)
        worker.pipe.close()
        worker.process.join(PATIENCE)
        how, request = worker.describe_end(), worker.request
        if not worker.ready and (worker.process.exitcode or 0) > 0:
            raise TfcliError(f"a worker can't start: its process {how}; `tfcli doctor` may say why")
        if request is None:
            return
        kills = self.kills.pop(id(request), 0) + 1
        singly = [Job((order,)) for order in request.orders] if isinstance(request, Job) else []
        is_several = len(singly) > 1
        for_good = not is_several and (worker.overdue or kills >= MOST_KILLS)
        if is_several and not self.stopping:
            self.again += singly
        elif not for_good and not self.stopping:
            self.kills[id(request)] = kills
            self.again.append(request)
        yield Lost(request, str(worker.process.pid), how, for_good, kills)

    def stop(self) -> None:
        """Ask all workers to end what they are at, and save; what is yet to be done again isn't."""
        self.stopping = True
        self.again.clear()
        for worker in self.workers:
            if worker.request is not None:
                with suppress(OSError):
                    worker.pipe.send(None)

    def end_overdue(self, limit: float, grace: float) -> None:
        """End the workers whose request has taken more seconds than `limit` a run and `grace`."""
        for worker in self.workers:
            runs = len(worker.request.orders) if isinstance(worker.request, Job) else 1
            if worker.request is None or worker.since is None:
                continue
            if time.monotonic() - worker.since > runs * limit + grace:
                worker.overdue = True
                worker.process.kill()

    def kill(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()
        self.workers.clear()


def count_cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

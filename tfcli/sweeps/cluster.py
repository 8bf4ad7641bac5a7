"""Workers on other machines, by Dask's distributed scheduler: the same jobs, with the files of runs as bytes.

There needn't be a disk that all share: the files of a half-done run go to the worker, and come back when it
has come to its end. Of Dask there is `Client`, `submit` and `as_completed` in use, and nothing else.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from queue import Empty, Queue
from threading import Thread
from typing import Any

from tfcli.errors import TfcliError, UsageError, counted
from tfcli.sweeps import remote
from tfcli.sweeps.orders import Done, Job, Lost, Remark, Request, Word
from tfcli.sweeps.remote import Parcel, find_versions, pack, unpack, work

ADDRESS = r"(tcp://)?([\w.-]+|\[[\w.:%]+\]):\d{1,5}"  # an address of IPv6 stands in brackets
CONNECT = 5.0  # seconds for a scheduler to answer
PATIENCE = 10.0  # seconds for whatever listens there to say that it is one
COUNT_EVERY = 1.0  # seconds between two looks at how many workers there are
LOOK_EVERY = 0.02  # seconds between two looks at what is done
START = "`dask worker ADDRESS --nthreads 1` starts one"


class ClusterWorkers:
    """The workers of a cluster, those that join late among them; to be used as a context.

    Args:
        warn: is told what is waited for.

    Raises:
        UsageError: Dask isn't installed, there is no scheduler at the address, or a worker lacks tfcli.
    """

    def __init__(self, address: str, warn: Callable[[str], None] = lambda problem: None) -> None:
        if not re.fullmatch(ADDRESS, address):
            raise UsageError(f"--cluster {address}: write the address of a scheduler, tcp://HOST:8786")
        self.address, self.warn = address, warn
        self.distributed = import_distributed()
        self.client = self.connect()
        self.ready = self.distributed.as_completed([], loop=self.client.loop)
        self.futures: dict[Any, Request] = {}
        self.number, self.counted_at, self.is_deserted = 0, 0.0, False
        self.to_say: list[Remark] = []
        self.probes: dict[str, Any] = {}  # what came of asking each worker, by its address
        self.wait_for_workers()

    def __enter__(self) -> ClusterWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.client.close()

    def connect(self) -> Any:
        """Return a client of the scheduler, asked for in a thread: of something else Dask may wait for good.

        Raises:
            UsageError: no scheduler is there.
        """
        answers: Queue[Any] = Queue()

        def ask() -> None:
            try:
                answers.put(make_client(self.distributed, self.address))
            except Exception as error:  # whatever Dask makes of what it is told there
                answers.put(error)

        Thread(target=ask, daemon=True).start()
        try:
            found = answers.get(timeout=PATIENCE)
        except Empty:
            found = TimeoutError()
        if isinstance(found, Exception):
            raise UsageError(
                f"--cluster {self.address}: no scheduler answers there; `dask scheduler` starts one"
            ) from found
        return found

    def wait_for_workers(self) -> None:
        """Wait for a worker that can do its work; with a word where that takes longer, as a batch system may.

        Raises:
            UsageError: a worker can't.
        """
        until = time.monotonic() + CONNECT
        while self.count() == 0 or not any(probe.done() for probe in self.probes.values()):
            if time.monotonic() > until:
                self.warn(f"--cluster {self.address}: no worker is ready yet; waiting for one ({START})")
                until = math.inf
            time.sleep(LOOK_EVERY)
        self.look_at_probes()

    def look_at_probes(self) -> None:
        """See to it that those workers can import tfcli that have been asked to; else they die of each job.

        Raises:
            UsageError: one can't.
        """
        for address, probe in self.probes.items():
            error = probe.exception() if probe.done() else None
            if error is not None:
                versions = " and ".join(f"{name} {version}" for name, version in find_versions().items())
                raise UsageError(
                    f"--cluster {self.address}: the worker at {address} can't import tfcli "
                    f"({type(error).__name__}: {error}); it needs {versions}"
                )

    def count(self) -> int:
        """Count the workers that there are now.

        Raises:
            TfcliError: nobody answers any more.
        """
        try:
            found = list(self.client.nthreads())
        except (OSError, TimeoutError) as error:
            raise self.gone() from error
        self.number, self.counted_at = len(found), time.monotonic()
        self.probes = {address: self.probes.get(address) or self.probe(address) for address in found}
        return self.number

    def probe(self, address: str) -> Any:
        """Ask a worker to import what does its work: by something that it has without tfcli."""
        return self.client.submit(import_module, remote.__name__, workers=[address], pure=False)

    def remarks(self) -> Iterator[Remark]:
        """Yield what there is to say; that all workers have gone, once until others come."""
        while self.to_say:
            yield self.to_say.pop()
        if self.number and self.is_deserted:
            self.is_deserted = False
        elif not self.number and not self.is_deserted:
            self.is_deserted = True
            yield Remark(f"--cluster {self.address}: there is no worker any more; the sweep waits for one")

    def gone(self) -> TfcliError:
        """Return that the scheduler can't be reached any more."""
        return TfcliError(
            f"--cluster {self.address} is gone; what had come back is kept, and the same command goes on"
        )

    def start(self, requests: int) -> None:
        """Nothing to do: its workers have been started."""

    @property
    def parallel(self) -> int:
        """How many of them work at full speed at the same time: all there are."""
        return max(1, self.number)

    @property
    def free(self) -> int:
        """How many requests can be taken now: one for each worker."""
        if time.monotonic() - self.counted_at > COUNT_EVERY:
            self.count()
        return max(0, self.number - len(self.futures))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done."""
        return not self.futures

    def give(self, request: Request) -> None:
        """Let a worker do something; if that dies, Dask gives it to another one."""
        ready = [address for address, probe in self.probes.items() if probe.done()]
        choice = {"workers": ready, "allow_other_workers": True} if ready else {}
        future = self.client.submit(work, pack(request), find_versions(), pure=False, **choice)
        self.futures[future] = request
        self.ready.add(future)

    def wait(self, timeout: float) -> Iterator[Done | Lost | Word]:
        """Yield what has come back within a time, in seconds."""
        yield from self.remarks()
        self.look_at_probes()
        until = time.monotonic() + timeout
        while not self.ready.has_ready() and time.monotonic() < until:
            if self.client.status not in ("running", "connecting"):
                raise self.gone()
            time.sleep(LOOK_EVERY)
        if self.ready.has_ready():
            for future in self.ready.next_batch(block=False):
                yield from self.receive(future)

    def receive(self, future: Any) -> Iterator[Done | Lost | Word]:
        """Take in what a worker has sent.

        Raises:
            UsageError: the worker isn't as this machine is.
            TfcliError: it can't do such work.
        """
        request = self.futures.pop(future)
        try:
            parcel: Parcel = future.result()
        except TfcliError:
            raise
        except Exception as error:
            if type(error).__name__ == "KilledWorker":
                yield Lost(request, self.address, "died of it", True)
                return
            if type(error).__name__ in ("CancelledError", "FutureCancelledError", "CommClosedError"):
                raise self.gone() from error
            versions = " and ".join(f"{name} {version}" for name, version in find_versions().items())
            raise TfcliError(
                f"--cluster {self.address}: a worker can't do this ({type(error).__name__}: {error}); "
                f"each needs {versions}"
            ) from error
        yield from map(Remark, parcel.remarks)
        yield Done(request, unpack(parcel, request) if isinstance(request, Job) else parcel.result)

    def stop(self) -> None:
        """Let what is being done come to its end: nobody can reach into a worker's step."""
        runs = sum(len(job.orders) for job in self.futures.values() if isinstance(job, Job))
        if runs:
            what = f"{counted(runs, 'run')} on its workers; Ctrl-C gives up what isn't through"
            self.to_say.append(Remark(f"--cluster {self.address}: waiting for {what}"))

    def end_overdue(self, limit: float, grace: float) -> None:
        """Leave that to the workers, which look at the limit after each step."""

    def kill(self) -> None:
        """Give up what is being done."""
        with suppress(Exception):  # of a cluster that is gone
            self.client.cancel(list(self.futures), force=True)
        self.futures.clear()


def import_distributed() -> Any:
    """Return Dask's distributed.

    Raises:
        UsageError: it isn't installed.
    """
    try:
        import distributed
    except ImportError as error:
        raise UsageError('--cluster needs Dask: pip install "tfcli[cluster]"') from error
    for name in logging.root.manager.loggerDict:  # what is wrong is told in a line of our own
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def make_client(distributed: Any, address: str) -> Any:
    """Return a client of a scheduler, which is silent where it is lost half made.

    Raises:
        Exception: there is none.
    """

    class Client(distributed.Client):  # type: ignore[misc]  # Dask has no types
        def __del__(self) -> None:
            with suppress(Exception):
                super().__del__()

    return Client(address, timeout=CONNECT, set_as_default=False)

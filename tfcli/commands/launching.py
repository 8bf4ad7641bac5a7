"""Processes that train together: started here, or by torchrun. This process is one of them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist

from tfcli.errors import UsageError
from tfcli.runs.company import MEETING, rank_of, size_of
from tfcli.training.ranks import LostProcessError, Ranks, join, leave

PARENT = "TFCLI_PARENT"  # the number of the process that has started this one
JOINING = timedelta(minutes=2)  # for all processes to import torch and come
GRACE = 10.0  # seconds in which a process that has been dismissed ends
ORPHANED = 0.5  # seconds between two looks at whether the process that started this one is there
NOTICE = 2.0  # seconds until a process that can't be reached has ended, if it does


@contextmanager
def several(count: int | None, words: Sequence[str]) -> Iterator[Ranks]:
    """Give the processes that train together, this one among them.

    Args:
        count: how many there are to be, with those that are started here; None where there are some.
        words: of the command line, which the others are started with.

    Raises:
        UsageError: torchrun has started some already.
        LostProcessError: one of them has ended.
    """
    meeting = os.environ.get(MEETING)
    if count is None or size_of() > 1:
        if meeting is None and count is not None:
            raise UsageError(f"torchrun has started {size_of()} processes already; leave --processes out")
        with with_parent(meeting), joined(meeting) as ranks:
            yield ranks
    else:
        with (
            interrupts_raised(),
            tempfile.TemporaryDirectory(prefix="tfcli-") as folder,
            Children(count, words, Path(folder)) as children,
            joined(children.meeting, children) as ranks,
        ):
            yield ranks


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Within this, Ctrl-C doesn't end the process at once, but removes what was made."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def joined(meeting: str | None, children: Children | None = None) -> Iterator[Ranks]:
    """Join the other processes, at a file where they were started here, and leave them at the end."""
    rank, size, local = rank_of(), size_of(), int(os.environ.get("LOCAL_RANK", "0"))
    if children is not None:
        size = children.count
    store: Any = None
    if meeting is not None:
        store = dist.FileStore(meeting, size)  # type: ignore[attr-defined]  # it comes from C++
        store.set_timeout(JOINING)
        store.set(f"here/{rank}", "")
    if children is not None:
        children.wait_until_here(store)
    join(store, rank, size)
    explain = {} if children is None else {"explain": children.explain}
    ranks = Ranks(rank, size, local, sharing=1 if meeting is None else size, **explain)
    try:
        yield ranks
    finally:
        if rank == 0:
            ranks.dismiss()
        leave()


@contextmanager
def with_parent(meeting: str | None) -> Iterator[None]:
    """Within this, end this process soon after the one that started it, if one of these processes did."""
    if meeting is None or PARENT not in os.environ:
        yield
        return
    own = int(os.environ[PARENT]), Path(meeting).parent
    threading.Thread(target=end_with, args=own, daemon=True).start()
    try:
        yield
    except LostProcessError:
        time.sleep(2 * ORPHANED)  # if it is that one that was lost, this process ends meanwhile
        raise


def end_with(parent: int, folder: Path) -> None:
    """End this process soon after the one that started it, and remove the folder that it leaves behind.

    At a file in that folder it would wait for that one in vain.
    """
    while os.getppid() == parent:
        time.sleep(ORPHANED)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


class Children:
    """The other processes of a training, which this one has started and waits for at the end."""

    def __init__(self, count: int, words: Sequence[str], folder: Path) -> None:
        self.count, self.words, self.folder = count, words, folder
        self.meeting = str(self.folder / "meeting")
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Children:
        if os.environ.get("GLOO_SOCKET_IFNAME") is None and sys.platform.startswith("linux"):
            os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # all are here: nothing goes over the network
        for rank in range(1, self.count):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(self.count)}
            environment = {**os.environ, **own, MEETING: self.meeting, PARENT: str(os.getpid())}
            with self.errors_of(rank).open("wb") as errors:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tfcli", *self.words],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
            self.processes.append(process)
        return self

    def __exit__(self, *_: object) -> None:
        end = time.monotonic() + GRACE
        while time.monotonic() < end and any(process.poll() is None for process in self.processes):
            time.sleep(0.01)
        for process in self.processes:
            process.kill()
            process.wait()

    def errors_of(self, rank: int) -> Path:
        """Return the file of what a process says on stderr."""
        return self.folder / f"errors-{rank}"

    def wait_until_here(self, store: Any) -> None:
        """Wait until all have come.

        Raises:
            LostProcessError: one has ended, or takes too long.
        """
        end = time.monotonic() + JOINING.total_seconds()
        while not store.check([f"here/{rank}" for rank in range(1, self.count)]):
            if any(process.poll() is not None for process in self.processes):
                raise LostProcessError(self.explain())
            if time.monotonic() > end:
                raise LostProcessError("the processes of this training didn't start in two minutes")
            time.sleep(0.02)

    def explain(self) -> str:
        """Say which process has ended, and what of."""
        end = time.monotonic() + NOTICE
        while time.monotonic() < end:
            for rank, process in enumerate(self.processes, start=1):
                if process.poll() is not None:
                    return f"process {rank} of {self.count} {self.describe_end(rank, process.returncode)}"
            time.sleep(0.02)
        return f"one of the {self.count} processes can't be reached"

    def describe_end(self, rank: int, code: int) -> str:
        """Say how a process has ended: by a signal, or with the last line on its stderr."""
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        said = self.errors_of(rank).read_text(errors="replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), f"exit code {code}")
        return f"has ended: {last.removeprefix('error: ')}"

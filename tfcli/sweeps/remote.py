"""What happens on a worker of a cluster: a job with the files of its runs comes in, and goes out again."""

from __future__ import annotations

import pickle
import shutil
import socket
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import tfcli
from tfcli.errors import UsageError
from tfcli.records.sweep import RunOutcome
from tfcli.runs import folders, writing
from tfcli.runs.locks import LOCK
from tfcli.sweeps.identity import Identifier
from tfcli.sweeps.orders import Job, Order, Remark, Request, Word
from tfcli.sweeps.workers import DOER

Files = dict[str, bytes]  # of a run, by their path in its folder
ALONE = threading.Lock()  # torch's random numbers are those of the process: one job at a time in it


class Parcel(NamedTuple):
    """What a worker sends back."""

    result: Any
    files: list[Files]  # of each run
    remarks: list[str]  # words for the user


@dataclass
class Quiet:
    """The line of a worker that nobody can reach until it is through."""

    remarks: list[str] = field(default_factory=list)

    def say(self, word: Word) -> None:
        """Keep what the user is to know."""
        if isinstance(word, Remark):
            self.remarks.append(word.text)

    def must_stop(self) -> bool:
        """Never: it goes on to its end."""
        return False


def find_versions() -> dict[str, str]:
    """Return the versions that must be the same everywhere, without an import of torch."""
    return {"tfcli": tfcli.__version__, "torch": metadata.version("torch")}


def pack(request: Request) -> bytes:
    """Return a request with the files of the runs in it that are there already."""
    known = [read_files(order.folder) for order in request.orders] if isinstance(request, Job) else []
    return pickle.dumps((request, known))


def work(packed: bytes, versions: dict[str, str]) -> Parcel:
    """Do a request on a worker, in a folder of its own.

    Raises:
        UsageError: the worker has other versions, or other code or data.
    """
    for name, version in find_versions().items():
        if version != versions[name]:
            raise UsageError(
                f"the worker on {socket.gethostname()} has {name} {version}, and {versions[name]} is here; "
                "install the same on both"
            )
    with ALONE:
        request, known = pickle.loads(packed)
        do, line = import_module(DOER).do, Quiet()
        if not isinstance(request, Job):
            return Parcel(do(request, line), [], line.remarks)
        folder = Path(tempfile.mkdtemp(prefix="tfcli-sweep-"))
        try:
            job = Job(tuple(move(order, folder) for order in request.orders))
            for order, files in zip(job.orders, known, strict=True):
                write_files(order.folder, files)
            result = do(job, line)
            return Parcel(result, [read_files(order.folder) for order in job.orders], line.remarks)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def move(order: Order, folder: Path) -> Order:
    """Return an order for the same run in another folder, if the code and data that it names are here.

    Raises:
        UsageError: they aren't.
    """
    try:
        is_same = Identifier().identify(order.config) == order.id
        why = f"has other code or data for {order.folder.name}"
    except UsageError as error:
        is_same, why = False, str(error)
    if not is_same:
        same = "put the same files at the same paths there"
        raise UsageError(f"the worker on {socket.gethostname()}: {why}; {same}")
    return replace(order, folder=folder / order.folder.name)


def unpack(parcel: Parcel, job: Job) -> list[RunOutcome]:
    """Write the runs of a parcel to their folders, and return what they came to, with these folders named."""
    for order, files in zip(job.orders, parcel.files, strict=True):
        write_files(order.folder, files)
    return [
        replace(
            outcome,
            run=str(order.folder),
            error=(outcome.error or "").replace(outcome.run, str(order.folder)) or None,
        )
        for order, outcome in zip(job.orders, parcel.result, strict=True)
    ]


def read_files(run: Path) -> Files:
    """Return the files of a run; none where there is none."""
    found: Files = {}
    for path in sorted(run.rglob("*")):
        if path.is_file() and path.name != LOCK and not path.name.startswith("."):
            with suppress(FileNotFoundError):
                found[path.relative_to(run).as_posix()] = path.read_bytes()
    return found


def write_files(run: Path, files: Files) -> None:
    """Write the files of a run, its configuration last: without that it is none."""
    for name in sorted(files, key=last_config):
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write_atomically(path, files[name])


def last_config(name: str) -> tuple[bool, str]:
    """Return what files are sorted by."""
    return name == folders.CONFIG, name

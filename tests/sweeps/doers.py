"""What workers do in tests, where it is about the workers: no torch, and quick."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tfcli.sweeps.orders import Job, Line, Remark, Request


def do(request: Request, line: Line) -> object:
    """Do what the first run's settings say; the folder is where to leave traces."""
    assert isinstance(request, Job)
    order = request.orders[0]
    what, folder = order.settings["do"], order.folder
    with (folder / "pids").open("a") as file:
        print(os.getpid(), order.id, file=file)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "die once" and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit":
        os._exit(3)
    if what == "say":
        line.say(Remark("a word"))
    if what == "wait":
        wait_for_stop(folder, line)
    return order.id, os.environ["OMP_NUM_THREADS"], "torch" in sys.modules


def wait_for_stop(folder: Path, line: Line) -> None:
    """Be at it until somebody says stop, and leave a trace then."""
    (folder / "waiting").touch()
    until = time.monotonic() + 60
    while not line.must_stop() and time.monotonic() < until:
        time.sleep(0.01)
    (folder / "stopped").touch()

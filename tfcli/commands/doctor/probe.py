"""What happens when libraries are imported, tried in a process of its own.

A broken library may do worse than raise: end the process, or never return, as may the driver of a GPU. The
process is this file, started as a script; it prints the outcome of each step as a line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

DEVICES = "devices"  # the step that comes after all imports
PATIENCE = 120.0  # seconds; a first import of torch off a slow disk takes half of it
MARK = "tfcli doctor: "  # before what is printed: libraries may print as well


@dataclass(frozen=True)
class Outcome:
    """What came of a step. The value is that of DEVICES: see `look_at_devices`."""

    error: str | None = None  # its kind and the first line of its message
    missing: bool = False  # there is no such module
    warnings: list[str] = field(default_factory=list)  # for users
    value: Any = None


def try_imports(modules: Sequence[str]) -> dict[str, Outcome]:
    """Import modules, and see what torch has to compute on; the outcomes by module, and that of DEVICES.

    What would come after a step that ended the process isn't in it.
    """
    steps = [*sorted(modules, key=lambda module: module == "torch"), DEVICES]  # what tends to break is last
    command = [sys.executable, __file__, json.dumps([list(map(str, sys.path)), steps])]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False
        )
        printed, ending = done.stdout, f"it ends Python with code {done.returncode}{last_line(done.stderr)}"
    except subprocess.TimeoutExpired as late:
        printed, ending = late.stdout or b"", f"it hasn't come back after {PATIENCE:.0f} s"
    except OSError as error:
        printed, ending = b"", f"Python can't be started: {error.strerror}"
    outcomes = dict(read_outcomes(printed.decode(errors="replace")))
    lost = next((step for step in steps if step not in outcomes), None)
    return outcomes if lost is None else {**outcomes, lost: Outcome(ending)}


def read_outcomes(text: str) -> Iterator[tuple[str, Outcome]]:
    """Yield the steps that were taken, with what came of them."""
    for line in text.splitlines():
        if line.startswith(MARK):
            step, outcome = json.loads(line.removeprefix(MARK))
            yield step, Outcome(**outcome)


def last_line(text: bytes) -> str:
    """Return what a process said at last, after a colon."""
    lines = text.decode(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""


def take(step: str) -> dict[str, Any]:
    """Take a step; return what an Outcome is made from."""
    value, error, missing = None, None, False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = look_at_devices() if step == DEVICES else import_module(step) and None
        except Exception as raised:  # whatever a broken library comes up with
            error = f"{type(raised).__name__}: {str(raised).strip().partition(chr(10))[0]}"
            missing = isinstance(raised, ModuleNotFoundError) and raised.name == step
    # Others are for programmers: that something will change in later versions.
    told = [str(warning.message) for warning in caught if warning.category is UserWarning]
    return {"error": error, "missing": missing, "warnings": list(dict.fromkeys(told)), "value": value}


def look_at_devices() -> dict[str, Any]:
    """Return the threads of torch, its GPUs, if it is made for those of NVIDIA, and what `auto` takes."""
    import torch

    from tfcli.devices import choose_device

    gpus = []
    for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        gpu = torch.cuda.get_device_properties(i)
        gpus.append({"name": f"cuda:{i}", "description": gpu.name, "memory": gpu.total_memory})
    if torch.backends.mps.is_available():  # whose memory is that of the machine
        gpus.append({"name": "mps", "description": "GPU of an Apple processor", "memory": None})
    return {
        "threads": torch.get_num_threads(),
        "gpus": gpus,
        "made_for_cuda": torch.version.cuda is not None,
        "auto": str(choose_device("auto")),
    }


def main() -> None:
    """Take the steps that the command line names, with the path of modules that it gives."""
    sys.path[:], steps = json.loads(sys.argv[1])
    for step in steps:
        print(f"{MARK}{json.dumps([step, take(step)])}", file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()

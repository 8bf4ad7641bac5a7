"""CPU seconds of whole commands, beside `python -c "import torch"`, in turn in one run.

    python tests/benchmarks/startup.py [--runs 7]

Prints the median CPU time (user and system) of each command and its ratio to that of the import. The first
run fills the caches and isn't counted, but with --runs 0, to try the script.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

IMPORT_TORCH = [sys.executable, "-c", "import torch"]
TFCLI = [sys.executable, "-m", "tfcli"]
COMMANDS = {
    "--help": ["--help"],
    "ls": ["ls"],
    "show": ["show", "reverse"],
    "inspect": ["inspect", "reverse"],
    "validate": ["validate", "reverse"],
    "attn": ["attn", "reverse", "7 1 4 9"],
    "attn --save": ["attn", "reverse", "7 1 4 9", "--save", "map.html", "--force"],
    "inspect --heads": ["inspect", "reverse", "--heads"],
}


def cpu_seconds(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> float:
    """User and system seconds of one run of `command`."""
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=nowhere, stderr=nowhere)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([*TFCLI, "train", "reverse", "--quiet"], cwd=folder, check=True, capture_output=True)
        times: dict[str, list[float]] = {label: [] for label in ("import torch", *COMMANDS)}
        for _ in range(options.runs + 1):
            for name, words in COMMANDS.items():
                times[name].append(cpu_seconds([*TFCLI, *words], folder))
            times["import torch"].append(cpu_seconds(IMPORT_TORCH, folder))
    times = {name: taken[1:] or taken for name, taken in times.items()}
    reference = median(times["import torch"])
    for name, taken in times.items():
        print(
            f"{name:<16}  {median(taken):.2f} s  ({min(taken):.2f} to {max(taken):.2f})"
            f"  {median(taken) / reference:.2f} x import torch"
        )


if __name__ == "__main__":
    main()

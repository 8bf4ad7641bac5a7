"""Whole commands when the machine is quiet and beside a busy neighbour on every core, in turn in one run.

    python tests/benchmarks/neighbour.py [--runs 5] [--only attn]

The neighbour is a process a core that computes without a pause. Prints the median seconds of each command,
quiet and busy, the median ratio of neighbouring runs, and the same with as many threads as there are cores
in place of those that tfcli chooses. On two cores a program of one thread gets two thirds of a core beside
such a neighbour: 1.5 times its quiet time is the least that can be had.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

TFCLI = [sys.executable, "-m", "tfcli"]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
TRAIN = ["train", "reverse", "--quiet"]
COMMANDS = {
    "train reverse": TRAIN,
    f"train reverse train.threads={CORES}": [*TRAIN, f"train.threads={CORES}"],
    "eval": ["eval", "made"],
    "eval --lengths 500": ["eval", "made", "--lengths", "500"],
    "attn": ["attn", "made", "7 1 4 9"],
    "inspect --heads": ["inspect", "made", "--heads"],
}


@contextmanager
def neighbour() -> Iterator[None]:
    """Keep every core busy."""
    spin = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(spin) for _ in range(CORES)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def seconds(words: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Return the seconds of one run of a command, by the clock on the wall."""
    started = time.perf_counter()
    subprocess.run([*TFCLI, *words], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    options = parser.parse_args()
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        seconds(["train", "reverse", "--quiet", "--out", "made"], folder, environment)
        for label in options.only:
            words = COMMANDS[label]
            quiet: list[float] = []
            busy: list[float] = []
            for _ in range(options.runs):
                quiet.append(seconds(words, folder, environment))
                with neighbour():
                    busy.append(seconds(words, folder, environment))
            ratio = median(late / early for early, late in zip(quiet, busy, strict=True))
            said = f"{median(quiet):6.2f} s quiet {median(busy):6.2f} s busy {ratio:5.2f} x"
            print(f"{label:<30}{said}", flush=True)


if __name__ == "__main__":
    main()

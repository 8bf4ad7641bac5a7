"""Two checkouts, an old and a new one, in turn in one run: how long commands and trainings take in each.

    git worktree add /tmp/old COMMIT
    python tests/benchmarks/versions.py /tmp/old [--runs 15] [--examples copy reverse sort] [--seeds 100:119]

Prints for each command the median CPU milliseconds (user and system, with bytecode) on both sides and the
median of the ratios of pairs; for each example the median steps and seconds until it is solved, on a thread,
the ratio of these seconds, and the median of the ratios of steps. Old to new: above 1 the new one is faster.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.startup import cpu_seconds
from tfcli.cli.ranges import parse_seeds

NEW = Path(__file__).parent.parent.parent
COMMANDS = ["--help", "ls", "show reverse", "validate reverse", "train reverse --dry-run"]
BATCH = 5  # seeds that one side trains before it is the other's turn


def environment(checkout: Path) -> dict[str, str]:
    """Return the environment in which Python finds a checkout before anything that is installed."""
    return {**os.environ, "PYTHONPATH": str(checkout.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}


def time_command(checkouts: Sequence[Path], words: list[str], runs: int, folder: Path) -> list[list[float]]:
    """Return the CPU seconds of a command in each checkout; the first run fills caches and isn't counted."""
    times: list[list[float]] = [[], []]
    for number in range(runs + 1):
        for side in (0, 1) if number % 2 else (1, 0):
            command = [sys.executable, "-m", "tfcli", *words]
            times[side].append(cpu_seconds(command, folder, environment(checkouts[side])))
    return [found[1:] for found in times]


def train(checkout: Path, example: str, seeds: Sequence[int], folder: Path) -> list[dict[str, Any]]:
    """Train an example in a checkout for some seeds, until it is solved or to its end."""
    words = [
        "bench",
        example,
        "--no-plain",
        "--json",
        "--seeds",
        f"{seeds[0]}:{seeds[-1]}",
        "train.threads=1",
    ]
    command = [sys.executable, "-m", "tfcli", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment(checkout), check=True, capture_output=True, text=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["entries"][0]["ours"]
    return found


def train_in_turn(
    checkouts: Sequence[Path], example: str, seeds: Sequence[int], folder: Path
) -> list[list[dict[str, Any]]]:
    """Train an example in both checkouts, a few seeds at a time."""
    found: list[list[dict[str, Any]]] = [[], []]
    for turn, first in enumerate(range(0, len(seeds), BATCH)):
        for side in (0, 1) if turn % 2 else (1, 0):
            found[side] += train(checkouts[side], example, seeds[first : first + BATCH], folder)
    return found


def ratio(old: Sequence[float], new: Sequence[float]) -> float:
    """Return the median of the ratios of pairs."""
    return median(a / b for a, b in zip(old, new, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--examples", nargs="*", default=["copy", "reverse", "sort", "sort-long"])
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("100:119"))
    options = parser.parse_args()
    checkouts = (options.old, NEW)
    for checkout in checkouts:
        for package in ("tfcli", "tasks"):
            compileall.compile_dir(checkout / package, quiet=1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for words in COMMANDS if options.runs else []:
            old, new = time_command(checkouts, words.split(), options.runs, folder)
            figures = f"{1e3 * median(old):6.1f} {1e3 * median(new):6.1f} ms"
            print(
                f"{words:<24}{figures}  {ratio(old, new):.2f} ({min(old) / min(new):.2f} by minima)",
                flush=True,
            )
        for example in options.examples:
            before, after = train_in_turn(checkouts, example, options.seeds, folder)
            steps = [median(record["steps"] for record in side) for side in (before, after)]
            seconds = [median(record["seconds"] for record in side) for side in (before, after)]
            a_step = [[record["seconds"] / record["steps"] for record in side] for side in (before, after)]
            print(
                f"{example:<24}{steps[0]:g} {steps[1]:g} steps, {seconds[0]:.2f} {seconds[1]:.2f} s"
                f"  to solved {seconds[0] / seconds[1]:.2f}, a step {ratio(*a_step):.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

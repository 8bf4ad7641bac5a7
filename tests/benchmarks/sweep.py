"""What a sweep saves and what it costs, beside a loop of `tfcli train` commands.

    python tests/benchmarks/sweep.py [--only loop,overhead,many] [--runs 32] [--workers 2] [--many 1000]
                                     [KEY=VALUE ...]

loop      short runs of `reverse`, each a command, against one sweep of the same: seconds, and seconds of CPU;
          with settings of one's own, as train.batch_size=64
overhead  seconds of a run in a sweep beyond its own training: of 40 runs less those of 8, with one worker
many      runs of a step each: memory of the parent on the way, then the table again, and `tfcli ls`
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tfcli.runs.folders import JOURNAL

TFCLI = [sys.executable, "-m", "tfcli"]
TRIVIAL = ["sweep", "copy", "task.max_length=4", "model.d_model=8", "model.n_heads=2", "train.steps=1"]
TRIVIAL += ["train.batch_size=4", "train.eval_samples=8", "-q", "--json"]


class Cost(NamedTuple):
    """What commands take."""

    seconds: float
    cpu: float  # seconds, of all their processes


def measure(commands: list[list[str]], folder: Path) -> Cost:
    """Run commands one after the other, each of which must end well."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for words in commands:
        subprocess.run([*TFCLI, *words], cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - started, cpu)


def compare_loop(folder: Path, runs: int, workers: int, settings: list[str]) -> str:
    """Return by how much one sweep is faster than a command a run."""
    words = [["train", "reverse", *settings, f"train.seed={seed}", "-q"] for seed in range(runs)]
    half = runs // 2  # in turn, so that what else the machine does falls on both
    first = measure(words[:half], folder)
    sweep = ["sweep", "reverse", *settings, f"train.seed=0:{runs - 1}", "--workers", str(workers), "-q"]
    swept = measure([sweep], folder)
    second = measure(words[half:], folder)
    loop = Cost(first.seconds + second.seconds, first.cpu + second.cpu)
    return (
        f"{runs} runs: a loop {loop.seconds:.1f} s ({loop.cpu:.1f} s of CPU), a sweep on {workers} workers "
        f"{swept.seconds:.1f} s ({swept.cpu:.1f} s of CPU): {loop.seconds / swept.seconds:.1f} x the "
        f"throughput, {loop.cpu / swept.cpu:.1f} x by CPU"
    )


def find_overhead(folder: Path, few: int = 8, many: int = 40) -> str:
    """Return what a run costs beyond its training, without what starting the worker takes."""
    beyond = []
    for count in (few, many):
        out = f"runs/of-{count}"
        started = time.perf_counter()
        said = subprocess.run(
            [*TFCLI, *TRIVIAL, f"train.seed=0:{count - 1}", "--workers", "1", "--out", out],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        outcomes = json.loads(said.stdout)["outcomes"]
        beyond.append(time.perf_counter() - started - sum(outcome["seconds"] for outcome in outcomes))
    return (
        f"{(beyond[1] - beyond[0]) / (many - few):.3f} s a run beyond its training; "
        f"{beyond[1] / many:.3f} s with its share of the start, of {many} runs"
    )


def try_many(folder: Path, runs: int, workers: int) -> str:
    """Return how the parent's memory grows over many runs, and how long it takes to look at them."""
    words = [*TRIVIAL, f"train.seed=0:{runs - 1}", "--workers", str(workers)]
    started, sizes = time.perf_counter(), dict[int, float]()
    with subprocess.Popen([*TFCLI, *words], cwd=folder, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            sizes[count_lines(folder / "runs/copy-sweep" / JOURNAL)] = read_memory(process.pid)
            time.sleep(0.2)
    took = time.perf_counter() - started
    at = {done: size for done, size in sizes.items() if done and size}
    early, late = at[min(at, key=lambda done: abs(done - runs / 10))], at[max(at)]
    table = best(lambda: measure([[word for word in words if word != "--json"]], folder))
    listed = best(lambda: measure([["ls"]], folder))
    return (
        f"{runs} runs of a step in {took:.0f} s; the parent has {early:.1f} MB after a tenth of them and "
        f"{late:.1f} MB near the end; the table again {table.seconds:.2f} s ({table.cpu:.2f} s of CPU), "
        f"`tfcli ls` {listed.seconds:.2f} s ({listed.cpu:.2f} s of CPU)"
    )


def best(run: Callable[[], Cost]) -> Cost:
    """Return the least of three."""
    return min((run() for _ in range(3)), key=lambda cost: cost.seconds)


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def read_memory(pid: int) -> float:
    """Return the megabytes of a process; 0 where that can't be told."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="loop,overhead,many")
    parser.add_argument("--runs", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    parts: dict[str, Callable[[Path], Any]] = {
        "loop": lambda folder: compare_loop(folder, options.runs, options.workers, options.settings),
        "overhead": find_overhead,
        "many": lambda folder: try_many(folder, options.many, options.workers),
    }
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name:<9} {parts[name](Path(folder))}", flush=True)


if __name__ == "__main__":
    main()

"""Several seeds as one program against the same seeds one after the other, in turn in one process.

    python tests/benchmarks/seeds.py [--seeds 16] [--rounds 3] [--settings "task.max_length=6"] [--threads 1]

Both sides train `reverse` with the same settings until it is solved, and write the same runs. Each has as
many threads as tfcli gives it, unless --threads says how many: a small model by itself one, many together all
that there are. Seconds are of the whole of each side: models, steps, evaluations, files. Prints the median of
each, the median of the ratios of neighbouring rounds (above 1 the stack is faster), how many seeds ended
at the same step on both sides, and by how much the mean losses up to the first evaluation differ at most.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import torch

from tfcli.commands.together import Planned, train_together
from tfcli.commands.train import train_run
from tfcli.config import files, together
from tfcli.config.schema import RunConfig
from tfcli.runs.summaries import read_metrics

SETTINGS = [
    "task.min_length=6 task.max_length=6 model.d_model=16 train.batch_size=8",
    "task.min_length=8 task.max_length=8 model.d_model=16 train.batch_size=16",
    "task.max_length=6 model.d_model=32 train.batch_size=8",
    "task.max_length=8 model.d_model=16 train.batch_size=16",
    "task.max_length=8 model.d_model=32 train.batch_size=16",
    "task.max_length=20 model.d_model=16 train.batch_size=16",
    "task.max_length=20 model.d_model=32 train.batch_size=16",
    "task.max_length=20 model.d_model=32 train.batch_size=32",
    "task.max_length=20",
    "task.max_length=20 train.batch_size=64",
]


def train_in_turn(planned: Sequence[Planned]) -> None:
    """Train one after the other."""
    for one in planned:
        train_run(one.config, one.name, one.out)


def measure(side: Callable[[Sequence[Planned]], object], configs: Sequence[RunConfig], folder: Path) -> float:
    """Return the seconds that it takes to train all into a folder."""
    planned = [Planned(config, "", folder / str(config.train.seed)) for config in configs]
    started = time.perf_counter()
    side(planned)
    return time.perf_counter() - started


def compare(settings: str, seeds: int, rounds: int, threads: int | None) -> str:
    """Train with some settings on both sides, and return the row of a table."""
    entry = files.find_entry("reverse")
    chosen = [*settings.split(), f"train.seeds={seeds}"]
    chosen += [] if threads is None else [f"train.threads={threads}"]
    configs = files.check(entry, chosen).each_seed()
    seconds: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as place:
        for number in range(rounds + 1):
            for side in (0, 1) if number % 2 else (1, 0):
                folder = Path(place) / f"{side}-{number}"
                spent = measure((train_in_turn, train_together)[side], configs, folder)
                if number:  # the first one warms up
                    seconds[side].append(spent)
        histories = [
            [read_metrics(Path(place) / f"{side}-{rounds}" / str(c.train.seed)) for c in configs]
            for side in (0, 1)
        ]
    pairs = list(zip(*histories, strict=True))
    same = sum(one[-1]["step"] == other[-1]["step"] for one, other in pairs)
    off = max(abs(one[0]["loss"] - other[0]["loss"]) / one[0]["loss"] for one, other in pairs)
    ratio = median(one / other for one, other in zip(*seconds, strict=True))
    alone, stacked = (median(found) for found in seconds)
    return f"| `{settings}` | {alone:.2f} | {stacked:.2f} | {ratio:.2f} | {same} of {seeds} | {off:.0e} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--settings", action="append")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    together.LARGE = together.LARGE_ON_THREADS = float(
        "inf"
    )  # what it would refuse as slower is measured, too
    together.FEWEST = 1
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}"
    print(f"{options.seeds} seeds, {machine}")
    print("| settings | in turn | together | ratio | same step | losses |")
    print("|---|---:|---:|---:|---:|---:|")
    for settings in options.settings or SETTINGS:
        print(compare(settings, options.seeds, options.rounds, options.threads), flush=True)


if __name__ == "__main__":
    main()

"""Whether every seed solves the shipped examples, in how many steps and seconds.

    python tests/benchmarks/examples.py [--examples NAME ...] [--seeds 1000:1199] [--threads N]

Trains each example for each seed until it is solved, or to its last step. Without --seeds there are 200 of
them, from 1000 on, for examples that take under 5 s, and 50 for the others. Prints a Markdown table, and
below it the seeds that failed, and those that took several attempts.
"""

from __future__ import annotations

import argparse
from statistics import median

from tfcli.bench import measure, measure_machine
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, example_names, find_entry
from tfcli.records.bench import SolveRecord

LONG = ("parity", "even-pairs", "duplicate", "stack", "original")  # 5 s and more
SEEDS = {True: "1000:1049", False: "1000:1199"}


def train(name: str, seeds: list[int], settings: list[str]) -> list[SolveRecord]:
    """Train an example for each seed until it is solved."""
    stop = ["train.stop_when_solved=true", *settings]
    configs = [check(find_entry(name), [*stop, f"train.seed={seed}"]) for seed in seeds]
    return measure(name, configs, [], False, measure_machine()).ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--examples", nargs="+", choices=example_names(), default=example_names())
    parser.add_argument("--seeds", type=parse_seeds)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    settings = [f"train.threads={options.threads}"] if options.threads else []
    print(
        "| example | solved | steps | at most | seconds | at most |",
        "|---|---|---:|---:|---:|---:|",
        sep="\n",
    )
    failed: dict[str, list[int]] = {}
    again: dict[str, list[int]] = {}
    for name in options.examples:
        found = train(name, options.seeds or parse_seeds(SEEDS[name in LONG]), settings)
        failed[name] = [record.seed for record in found if not record.solved]
        again[name] = [record.seed for record in found if record.attempts > 1]
        steps, seconds = [r.steps for r in found], [r.seconds for r in found]
        solved = f"{len(found) - len(failed[name])} of {len(found)}"
        figures = f"{median(steps):,.0f} | {max(steps):,} | {median(seconds):.2f} | {max(seconds):.2f}"
        print(f"| {name} | {solved} | {figures} |", flush=True)
    for name, seeds in failed.items():
        if seeds:
            print(f"\n{name} isn't solved by {', '.join(map(str, seeds))}")
    for name, seeds in again.items():
        if seeds:
            print(f"\n{name} took several attempts on {', '.join(map(str, seeds))}")


if __name__ == "__main__":
    main()

"""The 15 tasks of Delétang et al. 2022 (2207.02098), as tfcli learns them, beside what was published.

    python tests/benchmarks/published.py [--tasks NAME ...] [--seeds 100:104] [--lengths 41,194,347,500]

Trains on lengths 1-40 and scores at 41 to 500; prints a Markdown table: for each task the token accuracy, as
the mean over the lengths of the median over the seeds, and of the worst seed; the exact match at the greatest
length; what an answer would score that ignores the input; and the published score of the Transformer encoder
in table 2 there, where it was looked up: token accuracy, the mean over lengths 41-500 of the best of many
trainings. With --steps, trainings are cut short, to try the script.
"""

from __future__ import annotations

import argparse
from statistics import mean, median
from typing import NamedTuple

from tfcli.bench import measure, measure_machine
from tfcli.cli.ranges import parse_lengths, parse_seeds
from tfcli.config.schema import RunConfig
from tfcli.records.bench import BenchEntry


class Setup(NamedTuple):
    """How a task is learned, and what was published for an encoder without randomised positions."""

    model: dict[str, object]
    train: dict[str, object]
    task: dict[str, object] | None = None
    published: float | None = None


ENDS: dict[str, object] = {"n_layers": 1, "attention_scale": "log_length"}
RANK: dict[str, object] = {"n_layers": 1, "n_heads": 1, "positions": "rank"}
LEVEL: dict[str, object] = {"n_layers": 1, "n_heads": 8, "positions": "level", "begin_token": True}
LANDMARK: dict[str, object] = {
    "n_layers": 3,
    "positions": {"name": "landmark", "gate": [1, 30], "slope": [0.1, 6]},
    "begin_token": True,
    "counters": 8,
}
DEEP: dict[str, object] = {"n_layers": 2, "attention_scale": "log_length", "counters": 64}
BINARY: dict[str, object] = {"vocab_size": 2}
TASKS = {
    "even-pairs": Setup({**ENDS, "n_layers": 2}, {"steps": 600}),
    "modular-arithmetic": Setup(DEEP, {"steps": 200}, published=24.2),
    "parity": Setup({**ENDS, "counters": 64}, {"steps": 400}, published=52.0),
    "cycle-navigation": Setup({**ENDS, "counters": 128}, {"steps": 700}, published=61.9),
    "stack-manipulation": Setup(LEVEL, {"steps": 1600, "attempts": 4, "eval_every": 25}, published=57.5),
    "reverse": Setup(ENDS, {"steps": 300, "learning_rate": 1e-2}, BINARY, 62.3),
    "bracketed-arithmetic": Setup(DEEP, {"steps": 200}),
    "solve-equation": Setup(DEEP, {"steps": 200}),
    "duplicate": Setup({**RANK, "n_heads": 2, "begin_token": True}, {"steps": 300}, BINARY, 52.8),
    "missing-duplicate": Setup({**ENDS, "counters": 64}, {"steps": 400}),
    "odds-first": Setup(
        {**RANK, "positions": {"name": "rank", "gate": [0.1, 30], "slope": [0.3, 3]}, "counters": 16},
        {"steps": 500},
        BINARY,
        52.8,
    ),
    "binary-addition": Setup(LANDMARK, {"steps": 850, "learning_rate": 3e-3}),
    "binary-multiplication": Setup(DEEP, {"steps": 200}),
    "square-root": Setup(DEEP, {"steps": 200}),
    "sort": Setup(RANK, {"steps": 400, "learning_rate": 1e-2}, {"vocab_size": 5}),
}
HEADINGS = (
    "task",
    "layout",
    "tokens %",
    "worst seed",
    "exact % at longest",
    "without reading %",
    "published %",
    "training s",
)


def configurations(name: str, seeds: list[int], steps: int | None) -> list[RunConfig]:
    """Return the task's configuration, once a seed."""
    setup = TASKS[name]
    task = {"name": name, "max_length": 40, "layout": "appended", **(setup.task or {})}
    train = {"warmup_steps": 20, "stop_when_solved": False, "eval_every": 100, **setup.train}
    train = {**train, "steps": steps or setup.train["steps"]}
    return [
        RunConfig.model_validate({"task": task, "model": setup.model, "train": {**train, "seed": seed}})
        for seed in seeds
    ]


def row(name: str, layout: str, entry: BenchEntry) -> list[str]:
    """Return the cells of a task, as in HEADINGS."""
    published = TASKS[name].published
    return [
        name,
        layout,
        f"{100 * mean(spread.token_accuracy_median for spread in entry.lengths):.1f}",
        f"{100 * mean(spread.token_accuracy_worst for spread in entry.lengths):.1f}",
        f"{100 * entry.lengths[-1].exact_match_median:.1f}",
        f"{100 * mean(spread.floor for spread in entry.lengths):.1f}",
        "-" if published is None else f"{published:.1f}",
        f"{median(record.whole_seconds for record in entry.ours):.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("100:104"))
    parser.add_argument("--lengths", type=parse_lengths, default=parse_lengths("41,194,347,500"))
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    machine = measure_machine()
    print(f"| {' | '.join(HEADINGS)} |", f"| --- | --- |{' ---: |' * (len(HEADINGS) - 2)}", sep="\n")
    for name in options.tasks:
        configs = configurations(name, options.seeds, options.steps)
        found = measure(name, configs, options.lengths, False, machine)
        print(f"| {' | '.join(row(name, configs[0].task.layout, found))} |", flush=True)


if __name__ == "__main__":
    main()

"""Steps and seconds until the shipped examples are solved, and how far that carries, over several seeds.

    python tests/benchmarks/solve.py [EXAMPLE ...] [--seeds 100:104] [--lengths 41:500:50] [--set KEY=VALUE]

An example is solved when the held-out exact match is 1.0 twice in a row. Seconds are those of the training
loop with its looks at the held-out set, without the import of torch.
"""

from __future__ import annotations

import argparse
from statistics import median
from typing import NamedTuple

from tfcli.checkpoints import build_model
from tfcli.commands.train import watched
from tfcli.config_files import example_names, load_config
from tfcli.devices import prepare
from tfcli.evaluation import score_length
from tfcli.lengths import parse_lengths
from tfcli.task_registry import load_task

SAMPLES = 256  # sequences a length


class Run(NamedTuple):
    """What came of one training."""

    solved: bool
    steps: int  # until solved
    seconds: float  # until solved
    whole: float  # seconds of the whole training, which goes on where the example says so
    exact: dict[int, float]  # exact match by length, after the whole training


def solve(source: str, overrides: list[str], lengths: list[int]) -> Run:
    """Train an example and measure it."""
    config = load_config(source, overrides)
    device = prepare(config.train)
    task = load_task(config.task)
    model = build_model(config, task).to(device)
    first = None
    for progress in watched(model, task, config.train):
        first = first or (progress if progress.solved else None)
        if first and config.train.stop_when_solved:
            break
    until = first or progress
    measured = lengths or [task.max_length]
    exact = {n: score_length(model, task, n, SAMPLES, seed=1)[0].exact_match for n in measured}
    return Run(first is not None, until.step, until.seconds, progress.seconds, exact)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("examples", nargs="*", default=example_names())
    parser.add_argument("--seeds", default="100:104", help="FIRST:LAST")
    parser.add_argument(
        "--lengths", help="lengths to measure, as in tfcli eval; else the longest trained one"
    )
    parser.add_argument("--set", action="append", default=[], help="a setting, such as train.steps=500")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split(":"))
    lengths = parse_lengths(options.lengths) if options.lengths else []
    for name in options.examples:
        seeds = range(first, last + 1)
        runs = [solve(name, [*options.set, f"train.seed={seed}"], lengths) for seed in seeds]
        print(
            f"{name}: solved {sum(run.solved for run in runs)} of {len(runs)};"
            f" steps until then median {median(run.steps for run in runs):.0f},"
            f" most {max(run.steps for run in runs)};"
            f" seconds median {median(run.seconds for run in runs):.2f},"
            f" most {max(run.seconds for run in runs):.2f};"
            f" whole training median {median(run.whole for run in runs):.2f} s",
            flush=True,
        )
        for length in runs[0].exact:
            exact = [run.exact[length] for run in runs]
            print(f"  exact match at length {length}: median {median(exact):.3f}, worst {min(exact):.3f}")


if __name__ == "__main__":
    main()

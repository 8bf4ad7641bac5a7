"""Steps and seconds until the shipped examples are solved, over several seeds.

    python tests/benchmarks/solve.py [EXAMPLE ...] [--seeds 100:104] [--set KEY=VALUE ...]

An example is solved when the held-out exact match is 1.0 twice in a row. Seconds are those of the training
loop with its looks at the held-out set, without the import of torch.
"""

from __future__ import annotations

import argparse
from statistics import median

from tfcli.checkpoints import build_model
from tfcli.commands import watched
from tfcli.config_files import example_names, load_config
from tfcli.devices import prepare
from tfcli.evaluation import score_length
from tfcli.results import Progress
from tfcli.task_registry import load_task


def solve(source: str, overrides: list[str]) -> tuple[Progress, float]:
    """The first solved record, and the exact match on 1,000 sequences of the longest length after training.

    Training goes on to its end where the example says so.
    """
    config = load_config(source, overrides)
    device = prepare(config.train)
    task = load_task(config.task)
    model = build_model(config, task).to(device)
    first = None
    for progress in watched(model, task, config.train):
        first = first or (progress if progress.solved else None)
        if first and config.train.stop_when_solved:
            break
    return first or progress, score_length(model, task, task.max_length, 1000, seed=1)[0].exact_match


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("examples", nargs="*", default=example_names())
    parser.add_argument("--seeds", default="100:104", help="FIRST:LAST")
    parser.add_argument("--set", action="append", default=[], help="a setting, such as train.steps=500")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split(":"))
    for name in options.examples:
        runs = [solve(name, [*options.set, f"train.seed={seed}"]) for seed in range(first, last + 1)]
        steps, seconds = [p.step for p, _ in runs], [p.seconds for p, _ in runs]
        print(
            f"{name}: solved {sum(p.solved for p, _ in runs)} of {len(runs)};"
            f" steps median {median(steps):.0f}, most {max(steps)};"
            f" seconds median {median(seconds):.2f}, most {max(seconds):.2f};"
            f" exact match at the longest length {min(e for _, e in runs):.3f} at worst",
            flush=True,
        )


if __name__ == "__main__":
    main()

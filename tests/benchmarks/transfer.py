"""Starting from another run, beside starting anew with the same model: steps to solved.

    python tests/benchmarks/transfer.py [--seeds 100:104] [--steps N]

For each pair of a task to start from and one to learn, and each seed: trains the first, then the second from
its weights, and the second anew. Prints the medians of the steps of both. With --steps, trainings are cut
short, to try the script.
"""

from __future__ import annotations

import argparse
from statistics import median

from tasks.base import Task
from tfcli.bench import follow, measure_machine
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.checkpoints.transfer import transfer
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, find_entry
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare, with_threads
from tfcli.model.encoder import Encoder
from tfcli.records.bench import Machine
from tfcli.training.monitor import held_out_of_training, monitor

PAIRS = {
    "sort, from hidden symbols of its inputs": ("sort", ["task.objective=masked"], "sort", []),
    "sort, from reverse": ("reverse", [], "sort", []),
    "reverse, from copy": ("copy", ["task.layout=appended"], "reverse", ["task.layout=appended"]),
    "sort of 20 symbols, from sort of 10": ("sort", [], "sort", ["task.vocab_size=20"]),
}
COMMON = ["model.n_layers=1", "model.n_heads=2", "model.positions=rank", "train.learning_rate=1e-2"]


def train(
    config: RunConfig, machine: Machine, start: tuple[Encoder, Task] | None
) -> tuple[Encoder, Task, int | None]:
    """Train until solved, from other weights if there are any; with the steps, None if it isn't solved."""
    device = prepare(config.train)
    task, model = build_for_training(config)
    if start is not None:
        transfer(model, task, *start, "the other run")
    held_out = held_out_of_training(task, config.train.eval_samples, device)
    found = follow(config, monitor(Training(model, task, config), model, held_out), True, None, machine)
    return model, task, found.steps if found.solved else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="100:104")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    machine = measure_machine()
    print("| what | steps from there | steps anew | ratio |\n|---|---:|---:|---:|")
    for name, (source, its_settings, target, settings) in PAIRS.items():
        begun, anew = [], []
        for seed in parse_seeds(options.seeds):
            common = [*COMMON, f"train.steps={options.steps}", f"train.seed={seed}"]
            first = with_threads(check(find_entry(source), [*common, *its_settings, "train.warmup_steps=20"]))
            second = with_threads(check(find_entry(target), [*common, *settings, "train.warmup_steps=20"]))
            model, task, _ = train(first, machine, None)
            begun.append(train(second, machine, (model, task))[2] or options.steps)
            anew.append(train(second, machine, None)[2] or options.steps)
        both = median(begun), median(anew)
        print(f"| {name} | {both[0]:g} | {both[1]:g} | {both[0] / both[1]:.2f} |", flush=True)
    print(f"medians over {len(begun)} seeds; {options.steps:,} where a training wasn't solved")


if __name__ == "__main__":
    main()

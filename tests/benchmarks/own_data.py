"""A file of one's own beside a generated task of the same sequences: steps to solved, and tokens a second.

    python tests/benchmarks/own_data.py [--seeds 100:104] [--lines 20000] [--steps 300]

Writes reversed strings of 1 to 20 digits into a file, and trains the settings of the example `reverse` on it
and on the task in turn. Prints the steps of each seed, the medians, and the median of the ratios of tokens a
second over so many steps without an evaluation.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from tfcli.bench import follow, measure_machine
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, find_entry
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare, with_threads
from tfcli.records.bench import Machine
from tfcli.training.monitor import held_out_of_training, monitor

SETTINGS = ["model.n_layers=1", "train.learning_rate=1e-2", "train.warmup_steps=20", "train.steps=300"]


def write_strings(path: Path, lines: int) -> None:
    """Write reversed strings, as the task draws them."""
    draw = random.Random(0)
    with path.open("w") as file:
        for _ in range(lines):
            digits = draw.choices("0123456789", k=draw.randint(1, 20))
            file.write(f"{' '.join(digits)}\t{' '.join(reversed(digits))}\n")


def steps_to_solved(config: RunConfig, machine: Machine) -> int | None:
    """Train until every held-out sequence is answered; None if that never happens."""
    device = prepare(config.train)
    task, model = build_for_training(config)
    held_out = held_out_of_training(task, config.train.eval_samples, device)
    found = follow(config, monitor(Training(model, task, config), model, held_out), True, None, machine)
    return found.steps if found.solved else None


def tokens_a_second(config: RunConfig, steps: int) -> float:
    """Train for some steps, and measure nothing else."""
    prepare(config.train)
    task, model = build_for_training(config)
    trainer = Training(model, task, config).trainer
    records = iter(trainer)
    next(records)  # the first one warms up
    before, started = trainer.tokens_trained, time.perf_counter()
    for _ in range(steps):
        next(records)
    return (trainer.tokens_trained - before) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="100:104")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    machine = measure_machine()
    steps: tuple[list[int | None], list[int | None]] = ([], [])
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reversed.tsv"
        write_strings(path, options.lines)
        for seed in parse_seeds(options.seeds):
            settings = [*SETTINGS, f"train.seed={seed}"]
            configs = [with_threads(check(find_entry(name), settings)) for name in ("reverse", str(path))]
            for found, config in zip(steps, configs, strict=True):
                found.append(steps_to_solved(config, machine))
            longer = [
                config.model_copy(update={"train": config.train.model_copy(update={"steps": 10**6})})
                for config in configs
            ]
            generated, own = (tokens_a_second(config, options.steps) for config in longer)
            ratios.append(own / generated)
            print(f"seed {seed}: {steps[0][-1]} steps generated, {steps[1][-1]} from the file", flush=True)
    known = [[n for n in found if n is not None] for found in steps]
    if all(known):
        print(f"median {median(known[0]):g} steps generated, {median(known[1]):g} from the file")
    print(f"tokens a second: {median(ratios):.2f} x those of the generated task")


if __name__ == "__main__":
    main()

"""Starting from another run, beside starting from scratch with the same model: steps to solved.

    python tests/benchmarks/transfer.py [--seeds 100:104] [--steps N] [--pairs recall original]

For each pair of a task to start from and one to learn, and each seed: trains the first, then the second from
its weights, and the second from scratch with the same model. Where the second trains at a lower rate from
there, it is trained from scratch at that rate, too, and the ratio is to the faster of the two. Prints the
medians of the steps; > where a training wasn't solved, whose steps are all that it has. With --steps,
trainings are cut short, to try the script; --pairs takes those whose names begin so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

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
from tfcli.records.bench import Machine, SolveRecord
from tfcli.training.monitor import held_out_of_training, monitor


class Pair(NamedTuple):
    """An example to start from and one to learn, which has the model of the first."""

    source: str
    its_settings: list[str]
    target: str
    settings: list[str]
    rate: str | None = None  # learning rate from there, where it is lower than from scratch


RANK = ["model.n_heads=2", "model.positions=rank"]
HEADS = [*RANK, "model.n_layers=1", "train.learning_rate=1e-2", "train.steps=300"]
APPENDED = [*HEADS, "task.layout=appended"]
INDUCTION = ["task.name=induction", "task.vocab_size=40", "task.min_length=20", "task.max_length=40"]
PAIRS = {
    "recall, from induction": Pair("recall", INDUCTION, "recall", [], "1e-3"),
    "recall up to length 41, from 21": Pair("recall", ["task.max_length=21"], "recall", [], "1e-3"),
    "original on 20 symbols, from 10": Pair("original", [], "original", ["task.vocab_size=20"], "1e-3"),
    "sort, from hidden symbols of its inputs": Pair("sort", [*HEADS, "task.objective=masked"], "sort", HEADS),
    "sort, from reverse": Pair("reverse", HEADS, "sort", HEADS),
    "sort of 20 symbols, from 10": Pair("sort", HEADS, "sort", [*HEADS, "task.vocab_size=20"]),
    "reverse, from copy": Pair("copy", APPENDED, "reverse", APPENDED),
}


def train(
    config: RunConfig, machine: Machine, start: tuple[Encoder, Task] | None
) -> tuple[Encoder, Task, SolveRecord]:
    """Train until solved, from other weights if there are any."""
    device = prepare(config.train)
    task, model = build_for_training(config)
    if start is not None:
        transfer(model, task, *start, "the other run")
    held_out = held_out_of_training(task, config.train.eval_samples, device)
    found = follow(config, monitor(Training(model, task, config), model, held_out), True, None, machine)
    return model, task, found


def measure(pair: Pair, seed: int, common: list[str], machine: Machine) -> list[SolveRecord]:
    """Return what came of the second task from the first, from scratch, and that at the lower rate."""
    common = [*common, f"train.seed={seed}", "train.eval_every=10"]
    first = with_threads(check(find_entry(pair.source), [*pair.its_settings, *common]))
    entry = find_entry(pair.target)
    entry = entry._replace(values={**entry.values, "model": first.model.model_dump(mode="json")})
    own = [setting for setting in pair.settings if not setting.startswith("model.")]
    lower = [] if pair.rate is None else [f"train.learning_rate={pair.rate}"]
    model, task, _ = train(first, machine, None)
    configs = [with_threads(check(entry, [*own, *rate, *common])) for rate in (lower, [], lower)]
    found = [train(configs[0], machine, (model, task))[2], train(configs[1], machine, None)[2]]
    return found if pair.rate is None else [*found, train(configs[2], machine, None)[2]]


def shown(records: Sequence[SolveRecord]) -> str:
    """Return the median of the steps; behind > if some training wasn't solved."""
    return f"{'' if all(r.solved for r in records) else '>'}{median(r.steps for r in records):g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="100:104")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--pairs", nargs="+", default=[""])
    options = parser.parse_args()
    machine, seeds = measure_machine(), parse_seeds(options.seeds)
    common = [] if options.steps is None else [f"train.steps={options.steps}"]
    print("| what | rate from there | steps from there | from scratch | at that rate | ratio |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, pair in PAIRS.items():
        if not name.startswith(tuple(options.pairs)):
            continue
        columns = [*zip(*(measure(pair, seed, common, machine) for seed in seeds), strict=True)]
        begun, *scratch = (median(record.steps for record in column) for column in columns)
        cells = [pair.rate or "same", *map(shown, columns), *["-"] * (3 - len(columns))]
        print(f"| {name} | {' | '.join(cells)} | {begun / min(scratch):.2f} |", flush=True)
    print(f"medians over {len(seeds)} seeds")


if __name__ == "__main__":
    main()

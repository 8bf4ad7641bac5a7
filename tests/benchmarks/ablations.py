"""What the built-in structure is worth: `reverse-long` and `sort-long` with a part of it left out.

    python tests/benchmarks/ablations.py [--examples NAME ...] [--seeds 100:104] [--lengths 41,500]

Prints a Markdown table of exact match and token accuracy, the median and the worst over the seeds. With
--steps, trainings are cut short, to try the script.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from tfcli.bench import measure, measure_machine
from tfcli.cli.ranges import parse_lengths, parse_seeds
from tfcli.config.files import check, find_entry
from tfcli.model.coordinates import Coordinates
from tfcli.model.positions.ends import EndsPositions
from tfcli.model.positions.rank import RankPositions


class StartPositions(EndsPositions):
    """`ends` without the end: no offset from the mirror image."""

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        with torch.no_grad():
            self.from_end.zero_()
        return super().bias(x, at)


class OneSidedPositions(RankPositions):
    """`rank` by a comparison in which j against k says nothing about k against j."""

    def compare_pairs(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b.transpose(-2, -1)


# Gate and slope as sharp from the start as at the end.
CASES: list[tuple[str, str, list[str]]] = [
    ("reverse-long", "as it is", []),
    ("reverse-long", "without the end coordinate", [f"model.positions={__file__}:StartPositions"]),
    ("reverse-long", "without the logarithmic scale", ["model.attention_scale=standard"]),
    ("reverse-long", "sinusoidal positions instead", ["model.positions=sinusoidal"]),
    ("sort-long", "as it is", []),
    ("sort-long", "without the antisymmetry", [f"model.positions={__file__}:OneSidedPositions"]),
    ("sort-long", "without the schedule of the gate", ["model.positions.gate=[10, 10]"]),
    ("sort-long", "without the schedule of the slope", ["model.positions.slope=[3, 3]"]),
    ("sort-long", "`ends` positions instead", ["model.positions=ends", "model.n_heads=4"]),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--examples", nargs="+", default=sorted({example for example, _, _ in CASES}))
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("100:104"))
    parser.add_argument("--lengths", type=parse_lengths, default=parse_lengths("41,500"))
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    machine = measure_machine()
    heads = [f"{what} at {n}" for n in options.lengths for what in ("exact (worst)", "tokens (worst)")]
    print(f"| example | | {' | '.join(heads)} |", f"|---|---|{'---:|' * len(heads)}", sep="\n")
    for example, name, settings in (case for case in CASES if case[0] in options.examples):
        if options.steps:
            settings = [*settings, f"train.steps={options.steps}"]
        configs = [check(find_entry(example), [*settings, f"train.seed={seed}"]) for seed in options.seeds]
        found = measure(example, configs, options.lengths, False, machine)
        cells = [
            f"{middle:.3f} ({worst:.3f})"
            for s in found.lengths
            for middle, worst in (
                (s.exact_match_median, s.exact_match_worst),
                (s.token_accuracy_median, s.token_accuracy_worst),
            )
        ]
        print(f"| {example} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

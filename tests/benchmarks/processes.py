"""One process against several: tokens a second at some sizes of a model, and weights after 100 steps.

    python tests/benchmarks/processes.py [--processes 2] [--sizes small,middle,large,huge] [--times 3]

Both train with all cores of the machine: one process with as many threads as torch takes, several with their
share of these. They take turns; medians of tokens a second are printed, with the least and the most. Weights
are compared by the norm of their difference, as a share of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import load_file

TRAIN = [
    sys.executable,
    "-m",
    "tfcli",
    "train",
    "reverse",
    "train.stop_when_solved=false",
    "--quiet",
    "--json",
]
SIZES = {
    "small": ["model.d_model=64", "model.n_layers=1", "train.batch_size=64"],
    "middle": ["model.d_model=128", "model.n_layers=2", "train.batch_size=64"],
    "large": ["model.d_model=256", "model.n_layers=4", "train.batch_size=128", "task.max_length=40"],
    "huge": ["model.d_model=512", "model.n_layers=6", "train.batch_size=128", "task.max_length=40"],
}


def train(folder: Path, name: str, words: list[str], processes: int) -> dict[str, Any]:
    """Train a run, and return its report."""
    threads = [] if "small" in name else [f"train.threads={os.cpu_count()}"]
    command = [*TRAIN, *words, *threads, "--out", name, "--processes", str(processes)]
    result = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def weights(run: Path) -> torch.Tensor:
    """Return the weights of a run as a vector."""
    found = load_file(run / "model.safetensors")
    return torch.cat([tensor.flatten().double() for tensor in found.values()])


def compare_weights(folder: Path, processes: int) -> float:
    """Return how far the weights after 100 steps are apart."""
    words = [*SIZES["small"], "train.steps=100"]
    for name, count in (("small-one", 1), ("small-several", processes)):
        train(folder, name, words, count)
    one, several = weights(folder / "small-one"), weights(folder / "small-several")
    return float((one - several).norm() / one.norm())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--sizes", default="small,middle,large")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    counts = (1, options.processes)
    print(f"| model | parameters | 1 process, tokens/s | {options.processes} processes, tokens/s | ratio |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for size in options.sizes.split(","):
            words = [*SIZES[size], f"train.steps={options.steps}", f"train.eval_every={options.steps}"]
            rates: dict[int, list[float]] = {count: [] for count in counts}
            for time in range(options.times):
                for count in counts:
                    report = train(folder, f"{size}-{count}-{time}", [*words, "train.eval_samples=10"], count)
                    rates[count].append(report["tokens_per_second"])
            cells = [
                f"{median(taken):,.0f} ({min(taken):,.0f} to {max(taken):,.0f})" for taken in rates.values()
            ]
            ratio = median(rates[options.processes]) / median(rates[1])
            print(f"| {size} | {report['parameters']:,} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)
        print(f"\nweights after 100 steps of small: {compare_weights(folder, options.processes):.1e} apart")


if __name__ == "__main__":
    main()

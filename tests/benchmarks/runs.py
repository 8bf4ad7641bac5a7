"""How long it takes to list many runs, beside `python -c "import torch"`, in turn in one run.

    python tests/benchmarks/runs.py [--runs 1000] [--times 5]

One model is trained for a step and saved as so many runs, each with a seed, a learning rate, positions and a
size of its own in its settings. Prints the median of the user and system seconds of each command, the least
and the most, and its ratio to that of the import. The first time fills the caches and isn't counted, but with
--times 0, to try the script.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.startup import IMPORT_TORCH, TFCLI, cpu_seconds
from tfcli.checkpoints.loading import load_run
from tfcli.checkpoints.saving import save_run
from tfcli.config.files import override
from tfcli.config.writing import to_yaml
from tfcli.runs import folders
from tfcli.runs.headers import read_header

POSITIONS = ("ends", "rank", "rotary", "sinusoidal", "none")
COMMANDS = {
    "ls": ["ls"],
    "ls --json": ["ls", "--json"],
    "ls --where --sort": ["ls", "--where", "model.positions=ends", "--sort", "train.learning_rate"],
    "compare 10 runs": ["compare", *(f"runs/{number}" for number in range(0, 50, 5))],
}


def make_runs(folder: Path, count: int) -> None:
    """Make so many runs of one."""
    words = ["train", "reverse", "train.steps=1", "--quiet", "--out", "first"]
    subprocess.run([*TFCLI, *words], cwd=folder, check=True, capture_output=True)
    first = folder / "first"
    model, header = load_run(first).model, read_header(first)
    for number in range(count):
        path = folder / folders.RUNS / str(number)
        path.mkdir(parents=True)
        settings = {
            "train.seed": number // len(POSITIONS),
            "train.learning_rate": 1e-3 * (1 + number % 7),
            "model.positions": POSITIONS[number % len(POSITIONS)],
            "model.d_ff": 64 * (1 + number % 3),
        }
        config = override(header.config, [f"{key}={value}" for key, value in settings.items()], "here")
        (path / folders.CONFIG).write_text(to_yaml(config))
        (path / folders.METRICS).write_bytes((first / folders.METRICS).read_bytes())
        save_run(path / folders.WEIGHTS, config, model, header.summary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    times: dict[str, list[float]] = {label: [] for label in ("import torch", *COMMANDS)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_runs(folder, max(options.runs, 50))
        for _ in range(options.times + 1):
            for label, taken in times.items():
                command = [*TFCLI, *COMMANDS[label]] if label in COMMANDS else IMPORT_TORCH
                taken.append(cpu_seconds(command, folder))
    times = {label: taken[1:] or taken for label, taken in times.items()}
    reference = median(times["import torch"])
    for label, taken in times.items():
        print(
            f"{label:<18} {median(taken):.2f} s  ({min(taken):.2f} to {max(taken):.2f})"
            f"  {median(taken) / reference:.2f} x import torch"
        )


if __name__ == "__main__":
    main()

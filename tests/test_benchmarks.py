"""The benchmark scripts run; what they measure is for a person on a quiet machine to judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pretrained import tiny

BENCHMARKS = Path(__file__).parent / "benchmarks"
BERT = "BERT"  # stands for the folder of a tiny one
RUNS = {
    "startup.py": (["--runs", "0"], "x import torch"),
    "runs.py": (["--runs", "50", "--times", "0"], "x import torch"),
    "processes.py": (
        ["--sizes", "small", "--times", "1", "--steps", "5"],
        "weights after 100 steps of small",
    ),
    "ablations.py": (["--seeds", "0", "--steps", "2", "--lengths", "41"], "without the antisymmetry"),
    "published.py": (["--tasks", "parity", "--seeds", "0", "--steps", "2", "--lengths", "41"], "| parity |"),
    "tutorial.py": (["--seeds", "0", "--length", "4"], "| the tutorial's recipe | 1 of 1 |"),
    "content.py": (["--seeds", "0", "--set", "train.steps=2"], "| `brackets` | 0 of 1 |"),
    "examples.py": (["--examples", "copy", "--seeds", "0"], "| copy | 1 of 1 |"),
    "versions.py": (["..", "--runs", "1", "--examples", "copy", "--seeds", "0:1"], "50 50 steps"),
    "survival.py": (["--times", "1"], "1 of 1 equal to the bit"),
    "sweep.py": (["--runs", "2", "--workers", "1", "--many", "10"], "x the throughput"),
    "sentiment.py": (
        ["--seeds", "0", "--steps", "2", "--samples", "20", "--sentences", "500"],
        "| logistic regression, words |",
    ),
    "spelling.py": (["--seeds", "0", "--steps", "2", "--words", "300"], "| logistic regression |"),
    "digits.py": (["--seeds", "0", "--steps", "2"], "| SVC, and distorted ones |"),
    "own_data.py": (["--seeds", "0", "--lines", "2000", "--steps", "5"], "x those of the generated task"),
    "generation.py": (["--tokens", "20", "--runs", "1", "--sizes", "small", "large"], "x, the same symbols"),
    "transfer.py": (["--seeds", "0", "--steps", "3"], "| sort, from reverse |"),
    "importing.py": ([BERT, "--runs", "0"], "x import torch"),
    "neighbour.py": (["--runs", "1", "--only", "attn"], " x"),
    "seeds.py": (
        ["--seeds", "4", "--rounds", "1", "--settings", "task.max_length=4 model.d_model=16 train.steps=25"],
        "| `task.max_length=4 model.d_model=16 train.steps=25` |",
    ),
    "step.py": (["--steps", "1", "--sizes", "small"], "x as fast"),
}


def test_every_benchmark_is_run_here() -> None:
    assert {path.name for path in BENCHMARKS.glob("*.py")} == set(RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_benchmark_runs(name: str, tmp_path: Path) -> None:
    words, expected = RUNS[name]
    words = [str(tiny.write(tmp_path / "bert")) if word == BERT else word for word in words]
    command = [sys.executable, str(BENCHMARKS / name), *words]
    result = subprocess.run(command, cwd=BENCHMARKS.parent, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert expected in result.stdout

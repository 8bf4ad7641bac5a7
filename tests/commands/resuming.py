"""A short training with all that a state holds, stopped and looked at, for the tests of `--resume`."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tfcli.commands.train import Audience
from tfcli.config.schema import RunConfig
from tfcli.records.progress import Progress
from tfcli.runs import folders, headers

STEPS = 14
TIMES = ("train_seconds", "tokens_per_second")


def config(task: str = "sort", /, **sections: dict[str, Any]) -> RunConfig:
    """Return a short training with all that a state holds: dropout, annealing, a second attempt."""
    training = {"steps": STEPS, "attempts": 2, "batch_size": 4, "eval_every": 3, "eval_samples": 8}
    training |= {"snapshot_every": 5, "threads": 1, **sections.get("train", {})}
    model = {"d_model": 8, "n_heads": 2, "n_layers": 1, "dropout": 0.1, "positions": "rank"}
    return RunConfig.model_validate(
        {
            "task": {"name": task, "vocab_size": 4, "max_length": 4},
            "model": model | sections.get("model", {}),
            "train": training,
        }
    )


def stop_at(step: int) -> Audience:
    """Somebody who presses Ctrl-C after a step."""

    def show(progress: Progress) -> None:
        if progress.step == step:
            signal.raise_signal(signal.SIGINT)

    return Audience(show)


def left_behind(run: Path) -> dict[str, Any]:
    """Return all that a run holds but for times: the bytes of tensors, the lines, the configuration."""
    found: dict[str, Any] = {"config": (run / folders.CONFIG).read_text()}
    for path in [run / folders.WEIGHTS, run / folders.STATE, *folders.snapshots(run).values()]:
        data = path.read_bytes()
        found[path.name] = data[8 + int.from_bytes(data[:8], "little") :]
    lines = [json.loads(line) for line in (run / folders.METRICS).read_text().splitlines()]
    found["metrics"] = [{k: v for k, v in line.items() if k not in TIMES} for line in lines]
    summary = headers.read_header(run).summary
    found["summary"] = [summary.solved, summary.interrupted, summary.steps, summary.attempts]
    found["score"] = [summary.exact_match, summary.token_accuracy]
    return found

"""What a run tells without its model: a line for a list, its details, the history of its training."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from itertools import islice
from math import inf, prod
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from tfcli.config.comparison import flat_settings
from tfcli.config.reading import check_file
from tfcli.errors import TfcliError
from tfcli.records.progress import STREAK
from tfcli.records.results import RunDetails, RunSummary, TrainSummary
from tfcli.runs.folders import METRICS, name_of, snapshots
from tfcli.runs.headers import Header, read_header
from tfcli.runs.locks import find_trainer

MOST_LINES = 1_000_000  # of metrics are read
MOST_OF_A_LINE = 10_000  # characters
METRIC_KEYS = {"loss", "held_out_loss", "solved_step"}  # of runs, which stand in their metrics alone


@cache
def metrics_line() -> TypeAdapter[dict[str, float]]:
    """Return how a line of the metrics is read, made when the first one is: that takes milliseconds."""
    return TypeAdapter(dict[str, Annotated[float, Field(allow_inf_nan=False)]])


def summarize(run: Path, keys: Sequence[str] = ()) -> RunSummary:
    """Return a line about a run, with its values of some keys; a run that can't be read says why."""
    name = name_of(run)
    try:
        header = read_header(run)
    except TfcliError as error:
        return RunSummary(name, None, None, None, None, problem=str(error))
    summary = header.summary
    return RunSummary(
        name,
        header.config.task.name,
        summary.solved,
        summary.steps,
        summary.exact_match,
        trained_by=find_trainer(run),
        ended_early=summary.interrupted,
        diverged=summary.diverged,
        values=values_of(run, header, keys) if keys else {},
    )


def values_of(run: Path, header: Header, keys: Sequence[str]) -> dict[str, Any]:
    """Return what a run has under some keys: of settings, its summary, its metrics, and `run` and `task`."""
    known = {"run": name_of(run), "task": header.config.task.name, **vars(header.summary)}
    known |= flat_settings(header.config)
    if METRIC_KEYS & set(keys):
        known |= values_of_metrics(run, header.summary)
    return {key: known[key] for key in keys if key in known}


def values_of_metrics(run: Path, summary: TrainSummary) -> dict[str, Any]:
    """Return what the last evaluation of a run found, and the step at which it was solved, if it is."""
    history = read_metrics(run)
    last = history[-1] if history else {}
    solved = find_solved(history) if summary.solved else None
    return {
        "loss": last.get("loss"),
        "held_out_loss": last.get("held_out_loss"),
        "solved_step": None if solved is None or "step" not in solved else int(solved["step"]),
    }


def details(run: Path) -> RunDetails:
    """All that a run tells without running its model."""
    config, summary, tensors, *_ = read_header(run)
    by_part: dict[str, int] = {}
    for name, tensor in tensors.items():
        if tensor.shape:  # a number that stands alone is kept with the weights, but not learned
            by_part[part_of(name)] = by_part.get(part_of(name), 0) + prod(tensor.shape)
    return RunDetails(
        run=str(run),
        config=config.model_dump(mode="json"),
        parameters=sum(by_part.values()),
        parameters_by_part=by_part,
        history=read_metrics(run),
        snapshots=list(snapshots(run)),
        **asdict(summary),
    )


def name_gap(run: RunDetails) -> str | None:
    """Return where the metrics of a run break off; None if they go on to its end, or there are none."""
    if not run.history:
        return None
    last = int(run.history[-1].get("step", run.steps))
    missing = run.steps - last - (run.config["train"]["eval_every"] if run.interrupted else 0)
    return f"{run.run}/{METRICS} ends at step {last:,} of {run.steps:,}" if missing > 0 else None


def part_of(tensor: str) -> str:
    """Return the part a tensor belongs to: `blocks.0.attention.qkv.weight` -> `blocks.0.attention`."""
    words = tensor.split(".")
    if words[0] != "blocks":
        return words[0]
    return ".".join(words[:4] if words[3] == "positions" else words[:3])


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the lines of `metrics.jsonl`, up to the first that a crash or a person left unreadable."""
    return [json.loads(line) for line in lines_of_metrics(run / METRICS)]


def find_solved(history: list[dict[str, float]]) -> dict[str, float] | None:
    """Return the first evaluation at which a run was solved, if one is."""
    streak, attempt = 0, 0.0
    for line in history:
        number, is_right = line.get("attempt", attempt), line.get("exact_match") == 1
        streak = (streak if number == attempt else 0) + 1 if is_right else 0
        attempt = number
        if streak == STREAK:
            return line
    return None


def lines_of_metrics(path: Path, last_step: float = inf) -> list[str]:
    """Return the lines of a file of metrics up to a step, and up to the first that can't be read."""
    lines: list[str] = []
    with contextlib.suppress(OSError, ValueError, RecursionError):
        check_file(path)
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in islice(iter(lambda: file.readline(MOST_OF_A_LINE), ""), MOST_LINES):
                if metrics_line().validate_json(line).get("step", inf) > last_step:
                    break
                lines.append(line.rstrip("\n") + "\n")
    return lines

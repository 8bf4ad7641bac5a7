"""Traces of small random models for the page of the forward pass, and what it is to show of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, inf
from typing import Any

from tests.models import VOCAB, make, tokens
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig
from tfcli.inspection.tracing import trace_sequence
from tfcli.records.inspection import StageRecord, TraceRecord

TASK = build_task(TaskConfig(name="reverse", vocab_size=VOCAB, max_length=12))
# A choice of every kind: each encoding that acts in another place, masks, norms, loops, kinds of attention.
EXAMPLES: dict[str, dict[str, Any]] = {
    "ends": {"positions": "ends", "n_layers": 2},
    "rotary": {"positions": "rotary", "norm": "rms"},
    "rank": {"positions": "rank"},
    "causal": {"positions": "relative", "mask": "causal", "attention_scale": "log_length"},
    "post-norm": {"positions": "sinusoidal", "norm_placement": "post", "embedding_norm": True},
    "parallel": {"positions": "learned", "norm_placement": "parallel", "feed_forward": "gated"},
    "loops": {"positions": "ends", "loops": 2, "n_layers": 2, "norm_placement": "sandwich"},
    "entmax": {"attention_weights": "entmax15", "feed_forward": "none"},
    "shared": {"attention": "shared", "output_head": "dense"},
    "mixed": {"positions": {"ends": 1, "rotary": 1}, "tie_embeddings": True, "bias": False},
}


def trace(length: int = 5, layers: Sequence[int] = (), **options: Any) -> TraceRecord:
    """Return the trace of all heads of a model with random weights."""
    inputs = tokens(1, length)[0]
    return trace_sequence(make(**options), TASK, inputs, run="runs/reverse", heads=(), layers=layers)


def stages_shown(record: TraceRecord) -> list[list[StageRecord]]:
    """Return the stages that a page walks through, each in all its heads."""
    numbers = list(dict.fromkeys(s.number for s in record.stages if s.axes[0] != "channel"))
    return [[stage for stage in record.stages if stage.number == number] for number in numbers]


def printed(value: float | None) -> str:
    """Return a number as the page prints it."""
    if value is None or value == -inf:
        return "−∞"
    return text_of(floor(value * 1000 + 0.5))


def text_of(units: int) -> str:
    return f"{units / 1000:.3f}".replace("-", "−") if units else "0.000"


def some_cells(stage: StageRecord) -> Iterator[tuple[int, int]]:
    """Yield the row and column of a few numbers, at the ends and within."""
    rows, columns = len(stage.rows), stage.shape[1]
    yield from {(0, 0), (rows - 1, columns - 1), (rows // 2, columns // 3), (0, columns - 1)}


def values_of(stage: StageRecord) -> list[list[float]]:
    """Return the numbers of a stage; what is masked is minus infinity."""
    return [[-inf if value is None else value for value in row] for row in stage.values]

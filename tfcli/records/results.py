"""Records of all that a user sees. `dataclasses.asdict` of each is its `--json` form.

What is inside a model has its records in `internals.py`, a training on its way in `progress.py`.
Units: loss in nats per token, accuracies as fractions 0-1, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Interval = tuple[float, float]  # a 95 % confidence interval


@dataclass(frozen=True)
class Score:
    """How well a model answers a set of sequences."""

    samples: int
    exact_match: float
    token_accuracy: float


@dataclass(frozen=True)
class TrainReport:
    """The outcome of a training run."""

    run: str
    task: str
    solved: bool
    steps: int
    exact_match: float | None
    token_accuracy: float | None
    train_seconds: float
    tokens_per_second: float
    parameters: int
    interrupted: bool = False


@dataclass(frozen=True)
class Answer:
    """One sequence, what the model answered, and what is right."""

    input: list[str]
    prediction: list[str]
    target: list[str]
    correct: bool


@dataclass(frozen=True)
class LengthScore:
    """How well a model answers at one length, beside what can be had without reading the input."""

    length: int
    in_range: bool  # within the lengths it was trained on
    samples: int
    held_out_of: int | None  # how many sequences there are, where all the held-out ones were scored
    exact_match: float
    exact_match_interval: Interval
    token_accuracy: float
    token_accuracy_interval: Interval
    floor: float  # token accuracy of the best answer that ignores the input
    exact_match_floor: float


@dataclass(frozen=True)
class EvalReport:
    """A trained model's scores by length, with a few of its wrong answers."""

    run: str
    task: str
    trained_lengths: tuple[int, int]
    lengths: list[LengthScore]
    wrong: list[Answer] = field(default_factory=list)


@dataclass(frozen=True)
class RunSummary:
    """A run in a list."""

    run: str
    task: str | None
    solved: bool | None
    steps: int | None
    exact_match: float | None
    problem: str | None = None  # why nothing more can be said


@dataclass(frozen=True)
class TrainSummary:
    """What is saved of a training with its weights."""

    __pydantic_config__ = {"allow_inf_nan": False, "extra": "forbid"}  # noqa: RUF012  # how it is read back

    solved: bool
    interrupted: bool
    steps: int
    exact_match: float | None
    token_accuracy: float | None
    train_seconds: float
    tokens_per_second: float
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class RunDetails(TrainSummary):
    """All that a run tells without running its model."""

    run: str
    config: dict[str, Any]
    parameters: int
    parameters_by_part: dict[str, int]
    history: list[dict[str, Any]]  # the lines of metrics.jsonl
    snapshots: list[int]  # their steps


@dataclass(frozen=True)
class Catalog:
    """All that there is to train, and what has been trained. Names with a line about each."""

    tasks: dict[str, str]
    examples: dict[str, str]
    runs: list[RunSummary]


@dataclass(frozen=True)
class Example:
    """A configuration with all its values, and what its author says about it."""

    name: str
    comment: list[str]
    config: dict[str, Any]
    text: str  # a configuration file of its own


@dataclass(frozen=True)
class Validation:
    """What was checked in a file, and every problem in it."""

    file: str
    valid: bool
    configs: list[str]
    errors: list[str]

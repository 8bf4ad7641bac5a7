"""Records of all that a user sees. `dataclasses.asdict` of each is its `--json` form.

What is inside a model has its records in `inspection.py`, a training on its way in `progress.py`.
Units: loss in nats per token, accuracies as fractions 0-1, times in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Fate = Literal["taken", "new", "left"]
Interval = tuple[float, float]  # a 95 % confidence interval


@dataclass(frozen=True)
class Score:
    """How well a model answers a set of sequences."""

    samples: int  # sequences
    exact_match: float  # share of the sequences in which every token is right
    token_accuracy: float  # share of the tokens that are right
    loss: float = 0.0  # nats per token


@dataclass(frozen=True)
class TrainReport:
    """The outcome of a training run."""

    run: str  # its folder
    task: str  # its name
    solved: bool  # exact match 1.0 at two evaluations in a row, on held-out sequences
    steps: int  # trained
    exact_match: float | None  # share of the held-out sequences in which every token is right
    token_accuracy: float | None  # share of their tokens that are right
    train_seconds: float  # evaluations included
    tokens_per_second: float  # trained on
    parameters: int  # numbers that the model learns
    interrupted: bool = False  # by Ctrl-C or SIGTERM
    attempts: int = 1  # trainings, each from new weights on; the last is what is saved
    diverged: bool = False  # whether its loss came to be no number, or ended far above that of a guess
    together: int = 1  # seeds that were trained as one program, which share the time; 0 if it went on alone


@dataclass(frozen=True)
class SeedRecord:
    """What came of one of several trainings that differ in their seed."""

    seed: int  # of weights and training sequences
    outcome: TrainReport | None  # of the training; null where it failed or wasn't begun
    problem: str | None = None  # why it failed


@dataclass(frozen=True)
class SeedsReport:
    """The outcome of trainings that differ in their seed."""

    seeds: list[SeedRecord]  # a training each
    seconds: float  # that all took together


def judge(prediction: Sequence[str], target: Sequence[str]) -> bool | None:
    """Whether an answer is right, None where nobody knows; the target of a token that doesn't count is ""."""
    if not any(target):
        return None
    return len(prediction) == len(target) and all(
        right in ("", said) for said, right in zip(prediction, target, strict=True)
    )


@dataclass(frozen=True)
class ImportReport:
    """A pretrained model that has become a run."""

    run: str  # its folder
    architecture: str  # bert, roberta, distilbert or gpt2
    head: str  # masked, causal, classifier or none
    layers: int  # blocks
    heads: int  # attention heads of a layer
    vocab_size: int  # pieces that it knows
    longest: int  # pieces of a text that it can read
    labels: list[str]  # classes of a classifier
    parameters: int  # numbers that it has learned
    notes: list[str]  # what else there is to know


@dataclass(frozen=True)
class ExportReport:
    """A run that has become a file or a folder for another library."""

    run: str  # its folder
    format: str  # onnx, hf or transformer-lens
    out: str  # file or folder
    model: str  # what it is called there
    size: int  # bytes, of all that was written
    # How far its logits are from the run's at most, by the largest of them; null if that wasn't tried.
    difference: float | None
    notes: list[str]  # what else there is to know


@dataclass(frozen=True)
class Answer:
    """One sequence, what the model answered, and what is right."""

    input: list[str]  # symbols
    prediction: list[str]  # the answer of the model
    target: list[str]  # the right answer; empty where nobody knows it
    correct: bool | None  # whether they are equal
    picture: list[list[float]] | None = None  # rows of pixels, from 0 to 1, where the input is a picture

    @property
    def text(self) -> str:
        """The input in a line."""
        return name_input(self.input, self.picture)


def name_input(symbols: list[str], picture: list[list[float]] | None) -> str:
    """Return an input in a line: its symbols, or what kind of picture it is."""
    return " ".join(symbols) if picture is None else f"a picture of {len(picture)} x {len(picture)}"


@dataclass(frozen=True)
class TransferRow:
    """What became of a part when a training started from another run."""

    part: str  # its name
    fate: Fate  # from the run; drawn afresh; of the run, and not used
    parameters: int  # numbers
    detail: str  # why, or of which symbols


@dataclass(frozen=True)
class Generated:
    """How a model went on with a sequence."""

    run: str  # its folder
    prompt: list[str]  # symbols
    symbols: list[str]  # that follow
    text: str  # all of them, as one reads it


@dataclass(frozen=True)
class LengthScore:
    """How well a model answers at one length, beside what can be had without reading the input."""

    length: int  # of the input, in symbols
    in_range: bool  # within the lengths it was trained on
    samples: int  # held-out sequences
    held_out_of: int | None  # how many sequences there are, where all the held-out ones were scored
    exact_match: float  # share of the sequences in which every token is right
    exact_match_interval: Interval  # 95 %, Wilson's
    token_accuracy: float  # share of the tokens that are right
    token_accuracy_interval: Interval  # 95 %, Wilson's, by sequences
    floor: float  # token accuracy of the best answer that ignores the input
    exact_match_floor: float  # exact match of that answer
    bits: float | None = None  # per symbol of a text: minus the binary logarithm of its probability
    unigram_bits: float | None = None  # of how often each symbol comes
    trigram_bits: float | None = None  # of how often each comes after the two before it


@dataclass(frozen=True)
class AnswerScore:
    """How well a model answers where one answer is right."""

    answer: list[str]  # symbols
    samples: int  # held-out sequences of all lengths
    exact_match: float  # share of the sequences in which every token is right
    exact_match_interval: Interval  # 95 %, Wilson's
    mistaken_for: list[str]  # the most frequent wrong answer; empty if there is none


@dataclass(frozen=True)
class EvalReport:
    """A trained model's scores by length, with a few of its wrong answers."""

    run: str  # its folder
    task: str  # its name
    trained_lengths: tuple[int, int]  # the shortest and the longest
    lengths: list[LengthScore]  # by length
    wrong: list[Answer] = field(default_factory=list)  # some of the wrong answers
    is_text: bool = False  # whether scores are bits per symbol first
    answers: list[AnswerScore] = field(default_factory=list)  # by the right answer, if asked for


@dataclass(frozen=True)
class RunSummary:
    """A run in a list."""

    run: str  # its folder, below `runs/`
    task: str | None  # its name
    solved: bool | None  # exact match 1.0 at two evaluations in a row
    steps: int | None  # trained
    exact_match: float | None  # on held-out sequences
    problem: str | None = None  # why nothing more can be said
    trained_by: int | None = None  # the number of the process that trains it now
    ended_early: bool = False  # whether its training was ended, or is not over
    diverged: bool = False  # whether its loss came to be no number, or ended far above that of a guess
    values: dict[str, Any] = field(default_factory=dict)  # of the keys that --sort and --where name


@dataclass(frozen=True)
class TrainSummary:
    """What is saved of a training with its weights."""

    __pydantic_config__ = {"allow_inf_nan": False, "extra": "forbid", "strict": True}  # noqa: RUF012  # as read back

    solved: bool  # exact match 1.0 at two evaluations in a row, on held-out sequences
    interrupted: bool  # before its end
    steps: int  # trained
    exact_match: float | None  # on held-out sequences
    token_accuracy: float | None  # on held-out sequences
    train_seconds: float  # evaluations included
    tokens_per_second: float  # trained on
    versions: dict[str, str]  # of tfcli, torch and Python
    attempts: int = 1  # trainings, each from new weights on; the last is what is saved
    device: str | None = None  # that it was trained on
    code: dict[str, str] = field(default_factory=dict)  # digests of the files that settings name
    architecture: str | None = None  # of the pretrained model that was imported
    diverged: bool = False  # whether its loss came to be no number, or ended far above that of a guess
    together: int = 1  # seeds that were trained as one program, which share the time; 0 if it went on alone


@dataclass(frozen=True, kw_only=True)
class RunDetails(TrainSummary):
    """All that a run tells without running its model."""

    run: str  # its folder
    config: dict[str, Any]  # all settings
    parameters: int  # numbers that the model learns
    parameters_by_part: dict[str, int]  # by the name of the part
    history: list[dict[str, Any]]  # the lines of metrics.jsonl
    snapshots: list[int]  # their steps


@dataclass(frozen=True)
class Catalog:
    """All that there is to train, and what has been trained. Names with a line about each."""

    tasks: dict[str, str]  # name: a line about it
    examples: dict[str, str]  # name: a line about it
    runs: list[RunSummary]  # the newest last


@dataclass(frozen=True)
class Example:
    """A configuration with all its values, and what its author says about it."""

    name: str  # of the example or file
    comment: list[str]  # lines
    config: dict[str, Any]  # all settings
    text: str  # a configuration file of its own


@dataclass(frozen=True)
class Validation:
    """What was checked in a file, and every problem in it."""

    file: str  # as it was named
    valid: bool  # whether there is no problem
    configs: list[str]  # names of the configurations in it
    errors: list[str]  # a line each

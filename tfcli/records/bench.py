"""Records of benchmarks, which only `bench` needs. Times in seconds, accuracies as fractions 0-1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tfcli.config.schema import RunConfig


class Measured(NamedTuple):
    """What is trained once a seed: an example with one start and one number of sequences to train on."""

    example: str  # its name
    label: str  # that tells it from the others
    configs: Sequence[RunConfig]  # a seed each


@dataclass(frozen=True)
class Machine:
    """What figures were measured on."""

    cores: int  # of its CPU
    load: float  # processes that ran or waited in the last minute, when the measuring began
    torch: str  # version
    matmul_gflops: float  # of a large float32 matrix product, in 10^9 operations a second


@dataclass(frozen=True)
class SolveRecord:
    """What came of one training."""

    seed: int  # of weights and training sequences
    solved: bool  # exact match 1.0 at two evaluations in a row
    steps: int  # until solved, or all
    seconds: float  # until solved, or all
    whole_seconds: float  # of the whole training, which may go on after that
    tokens_per_second: float  # trained on, evaluations included
    share_of_machine: float | None  # matrix operations over what the machine could do in that time
    attempts: int = 1  # trainings, each from new weights on; their steps and seconds are counted
    exact_match: float | None = None  # held-out, when solved or at the end; null if it was never scored


@dataclass(frozen=True)
class LengthSpread:
    """Scores at one length over several seeds."""

    length: int  # of the input, in symbols
    exact_match_median: float  # over the seeds
    exact_match_worst: float  # of the seeds
    token_accuracy_median: float  # over the seeds
    token_accuracy_worst: float  # of the seeds
    floor: float  # token accuracy of the best answer that ignores the input


@dataclass(frozen=True)
class BenchEntry:
    """An example over several seeds, beside the plain recipe."""

    example: str  # its name
    task: str  # its name
    ours: list[SolveRecord]  # a seed each
    plain: list[SolveRecord]  # of the plain recipe, likewise
    # plain seconds over ours, medians; at least that where the plain recipe isn't through
    ratio: float | None
    lengths: list[LengthSpread]  # those of --lengths
    start: str | None = None  # the run whose weights it starts from
    train_samples: int | None = None  # sequences to train on; null: all there are, or without end
    together: bool = False  # whether ours were trained as one program: then seconds are shares of its time


@dataclass(frozen=True)
class LearningSpread:
    """What came of trainings on the same number of sequences, over the seeds."""

    solved: int  # trainings
    trainings: int  # a seed each
    exact_match_median: float  # held-out, when solved or at the end
    exact_match_worst: float  # of the seeds
    steps_median: float  # until solved, or all
    seconds_median: float  # until solved, or all


@dataclass(frozen=True)
class LearningPoint:
    """Training on so many sequences, from new weights and from those of a run."""

    train_samples: int | None  # null: all there are, or without end
    from_scratch: LearningSpread | None  # from new weights
    from_run: LearningSpread | None  # from those of the run
    # steps from the run over those from scratch, medians; at most that where scratch isn't solved on each
    # seed, and null where the run isn't
    ratio: float | None


@dataclass(frozen=True)
class Needed:
    """The fewest sequences, of the numbers that were tried, with which the median seed gets so far."""

    exact_match: float  # how far: 1.0, or the most that training from scratch comes to
    from_scratch: int | None  # null: more than were tried
    from_run: int | None  # likewise


@dataclass(frozen=True)
class LearningCurve:
    """How well an example is learned from few sequences, and what a run to start from buys."""

    example: str  # its name
    start: str | None  # the run to start from
    points: list[LearningPoint]  # the fewest sequences first
    needed: list[Needed]  # where several numbers were tried


@dataclass(frozen=True)
class BenchReport:
    """All that was measured in one run."""

    machine: Machine  # what was measured on
    entries: list[BenchEntry]  # an example each; with each number of sequences and start if there are several
    curves: list[LearningCurve] = field(default_factory=list)  # of the examples with several entries

"""Records of benchmarks, which only `bench` needs. Times in seconds, accuracies as fractions 0-1."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class BenchReport:
    """All that was measured in one run."""

    machine: Machine  # what was measured on
    entries: list[BenchEntry]  # an example each

"""Records of sweeps: their runs, what these came to, and what that says about the settings.

Units: accuracies as fractions 0-1, times in seconds, loss in nats per token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tfcli.records.comparison import Difference

FIRST = "first"  # of the settings of a sweep: what the others are held against, unless told otherwise
State = Literal["solved", "not solved", "diverged", "dropped", "interrupted", "failed"]


@dataclass(frozen=True)
class RunOutcome:
    """What a run of a sweep has come to."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  # how it is read back

    id: str  # a hash of its settings, and of the code and data that these name
    run: str  # its folder
    settings: dict[str, str]  # those that the sweep varies, as they are written
    # solved or not solved at its end; diverged; dropped by a search; interrupted; failed with an error
    state: State
    seed: int  # of its weights and training sequences
    steps: int = 0  # trained
    most_steps: int = 0  # that it was to be trained for at most
    seconds: float = 0.0  # of training, evaluations included
    solved_step: int | None = None  # at which the exact match was 1.0 for the second time in a row
    solved_seconds: float | None = None  # of training until then
    exact_match: float | None = None  # share of the held-out sequences in which every token is right
    token_accuracy: float | None = None  # share of their tokens that are right
    held_out_loss: float | None = None  # nats per token
    parameters: int | None = None  # numbers that the model learns
    together: int = 1  # seeds that were trained as one program, whose seconds it shares; 0: went on alone
    # exact match by length; null where the model can't read so long an input
    lengths: dict[str, float | None] = field(default_factory=dict)
    samples: int = 0  # held-out sequences of each of these lengths
    until: int | None = None  # the step at which a search looked at it; null for its end
    error: str | None = None  # why it failed
    traceback: str | None = None  # of an error in somebody's code

    @property
    def has_ended(self) -> bool:
        """Whether it has come to the end of its training, and not to an error of another kind."""
        return self.state in ("solved", "not solved", "diverged")

    def exact_match_at(self, length: int | None) -> float | None:
        """Return its exact match at a length, or on the held-out sequences that training is stopped by.

        A loss that is no number leaves a model that answers nothing, wherever one could answer.
        """
        found = self.exact_match if length is None else self.lengths.get(str(length))
        return 0.0 if found is None and self.came_to_nothing else found

    @property
    def came_to_nothing(self) -> bool:
        """Whether its loss is no number, so that there is no model; one that is high leaves a bad one."""
        return self.state == "diverged" and self.error is not None

    @property
    def has_failed(self) -> bool:
        """Whether it counts as a failure: an error, or a loss that is no number any more."""
        return self.error is not None


@dataclass(frozen=True)
class LengthSummary:
    """How well a setting does at a length, over its seeds."""

    length: int  # of the input, in symbols
    exact_match_median: float | None  # null where the models can't read so long an input
    exact_match_worst: float | None  # of a seed


@dataclass(frozen=True)
class Group:
    """A setting of a sweep, over its seeds."""

    label: str  # what it varies, in short
    settings: dict[str, str]  # those that the sweep varies, but for the seed
    runs: int  # that it has
    done: int  # that have come to their end
    solved: int  # exact match 1.0 at two evaluations in a row
    failed: int  # that ended with an error
    dropped: int  # that a search left where they were
    parameters: int | None  # numbers that a model learns
    exact_match_median: float | None  # on held-out sequences
    exact_match_worst: float | None  # of a seed
    steps_median: float | None  # to solved, of the runs that are
    seconds_median: float | None  # to solved, of the runs that are
    lengths: list[LengthSummary]  # by length


@dataclass(frozen=True)
class Contrast:
    """By how much a setting exceeds another one."""

    label: str  # of the setting
    baseline: str  # the other setting
    measure: str  # exact match, exact match at a length, or steps to solved
    difference: Difference  # of the means over seeds


@dataclass(frozen=True)
class SweepReport:
    """What a sweep has come to."""

    sweep: str  # its folder
    source: str  # the example or entry that it varies
    planned: int  # runs
    done: int  # of these
    skipped: int  # of these, which had been done before
    scored: int  # of those, which were scored now, at lengths that they weren't scored at
    seconds: float  # it took now
    workers: int  # processes that trained at once
    groups: list[Group]  # settings, in the order of the sweep, or the best first in a search
    baseline: str  # what settings are held against: the first of them, or what --against names
    contrasts: list[Contrast]  # of the settings with that
    outcomes: list[RunOutcome]  # of the runs
    notes: list[str]  # what else there is to know


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep would do."""

    sweep: str  # its folder
    source: str  # the example or entry that it varies
    axes: dict[str, str]  # each setting that is varied, and its values in short
    runs: int  # in all
    settings: int  # of these, but for the seed
    done: int  # runs that are done
    unscored: int  # of these, which are still to be scored at these lengths
    started: int  # runs that were begun, and would go on
    parameters: tuple[int, int]  # of the smallest and the largest model, of the settings that were tried
    tried: int  # settings of which a model was built
    steps: int  # of all runs that are left, at most
    seconds: float  # that these take on so many workers
    workers: int  # processes that train at once
    measured: str  # where the seconds are from
    notes: list[str]  # what else there is to know


@dataclass(frozen=True)
class RunningRun:
    """A run that is being trained."""

    label: str  # what sets it apart
    step: int  # trained
    steps: int  # at most
    exact_match: float | None  # on held-out sequences, when it was last evaluated


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is."""

    total: int  # runs
    done: int
    solved: int
    failed: int
    given_out: int  # to workers
    running: list[RunningRun]  # of these, which have told a step
    eta: float | None  # seconds; None before the first run is through

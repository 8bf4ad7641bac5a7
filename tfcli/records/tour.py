"""Records of the tour through self-attention. `dataclasses.asdict` of each is its `--json` form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfcli.records.inspection import StageRecord, TraceRecord


@dataclass(frozen=True)
class Simplified:
    """The simplified attention of many tutorials, trained with its projections or without them."""

    applied: bool  # whether queries, keys and values are projected, or are the words' vectors as they are
    steps: int  # of the training
    exact_match: float  # on held-out sequences
    scores: Sequence[Sequence[float | None]]  # of the sentence, in the head of the tour


@dataclass(frozen=True)
class Finite:
    """What came of training on few sequences."""

    sequences: int  # different ones to train on
    dropout: float  # share of the numbers that are set to 0
    weight_decay: float  # how much of a parameter is lost, times the learning rate, at each step
    loss: float  # of the training, in nats per token
    held_out_loss: float  # in nats per token
    exact_match: float  # on held-out sequences


@dataclass(frozen=True)
class TourRecord:
    """A small model, and what it does with one sentence."""

    language: str  # of the sentence: "en" or "zh"
    steps: int  # until it was solved
    seconds: float  # that took
    exact_match: float  # on held-out sequences
    query: int  # the position of the word that is followed through the model
    key: int  # the position of the word that it looks for
    heads: list[int]  # the one that finds it, then the others
    traces: list[TraceRecord]  # the forward pass, with the numbers of each head
    moved: TraceRecord  # that of the same words in another order, with the numbers of the first of `heads`
    masked: TraceRecord  # likewise, of the words in their order, if none sees those that come later
    simplified: list[Simplified]  # with projections, and without
    finite: list[Finite]  # trained on few sequences, without and with dropout and weight decay

    @property
    def words(self) -> list[str]:
        """The words of the sentence."""
        return self.traces[0].tokens

    @property
    def word(self) -> str:
        """The word that is followed."""
        return self.words[self.query]

    @property
    def found(self) -> str:
        """The word that it looks for."""
        return self.words[self.key]

    def stage(self, name: str, which: int = 0) -> StageRecord:
        """Return the first stage of that name, with the numbers of one of `heads`."""
        return find_stage(self.traces[self.heads[which]], name)

    def row(self, name: str, which: int = 0, at: int | None = None) -> list[float]:
        """Return the numbers of that stage for a word, the one that is followed if left out."""
        return numbers_of(self.stage(name, which), self.query if at is None else at)


def find_stage(trace: TraceRecord, name: str) -> StageRecord:
    """Return the first stage of that name."""
    return next(stage for stage in trace.stages if stage.name == name)


def numbers_of(stage: StageRecord, at: int) -> list[float]:
    """Return the numbers that a stage without masks has for the word at a position."""
    return [0.0 if value is None else value for value in stage.values[at]]

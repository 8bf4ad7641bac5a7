"""Records of what goes on inside a model. `dataclasses.asdict` of each is its `--json` form.

Loops, layers and heads count from 0; a row of weights is a query, a column a key, and each row sums to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tfcli.records.results import Answer, Score, name_input


def name_layer(loop: int | None, layer: int) -> str:
    """`layer 0`, or `loop 1 layer 0` of a model that has loops."""
    return f"layer {layer}" if loop is None else f"loop {loop} layer {layer}"


def number_layer(loop: int | None, layer: int) -> str:
    """`0`, or `1.0` for layer 0 of loop 1."""
    return f"{layer}" if loop is None else f"{loop}.{layer}"


@dataclass(frozen=True)
class Choice:
    """Which maps to show: of which loops, layers and heads (all by default), each head's or one a layer."""

    layers: Sequence[int] = ()
    heads: Sequence[int] = ()
    combine: Literal["each", "mean", "rollout"] = "each"
    loops: Sequence[int] = ()
    scores: bool = False  # whether each head's map comes with what its scores are the sum of


@dataclass(frozen=True)
class Places:
    """Where a head finds its keys, as its positional encoding computes it."""

    kind: str  # "ranks", "levels" or "numbers"
    values: list[float]  # of each key, as the last query sees it


@dataclass(frozen=True)
class ScoreShares:
    """How much of what a head's scores vary by over keys comes from content, and how much from position."""

    content: float | None  # of q k, what tokens hold; 0-1, both together 1
    position: float | None  # of the position bias, where they stand; 0-1
    untold: str | None  # why there are no shares, where there are none


@dataclass(frozen=True)
class ScoreParts:
    """What a head's scores are the sum of, before they become weights: `part[query][key]`, None if masked."""

    content: Sequence[Sequence[float | None]] | None  # q k, scaled; null: the head has no queries and keys
    position: Sequence[Sequence[float | None]] | None  # the position bias; null: nothing is added to q k
    mixed: str | None  # how position is in q k as well, if it is


@dataclass(frozen=True)
class HeadRecord:
    """One head's attention: `weights[query][key]`."""

    head: int | str  # a number, or "mean", "mean of heads 0, 1" or "rollout"
    weights: Sequence[Sequence[float]]  # weights[query][key]; each row sums to 1
    places: Places | None = None  # of heads whose encoding computes them
    shares: ScoreShares | None = None  # of a single head
    scores: ScoreParts | None = None  # of a single head, in pages and from Python; else null


@dataclass(frozen=True)
class LayerRecord:
    """The heads of one layer."""

    layer: int  # from 0
    heads: list[HeadRecord]  # by number
    loop: int | None = None  # of a model that has loops


@dataclass(frozen=True)
class AttentionRecord:
    """What each head attended to while the model answered `input`."""

    run: str  # its folder
    input: list[str]  # symbols
    # what the model read: the input, blanks for the answers if they are appended, a begin token
    tokens: list[str]
    first_answer: int  # where among the tokens the first answer is read; the others follow it
    prediction: list[str]  # the answer of the model
    target: list[str]  # the right answer; "" where a token doesn't count, and empty where nobody knows it
    layers: list[LayerRecord]  # by loop and number
    picture: list[list[float]] | None = None  # rows of pixels, from 0 to 1, where the input is a picture
    task: str = ""  # its name

    @property
    def text(self) -> str:
        """The input in a line."""
        return name_input(self.input, self.picture)


@dataclass(frozen=True)
class View:
    """One of the records that a page switches between; `label` tells it apart, as "step 25" does."""

    label: str
    record: AttentionRecord
    step: int | None = None  # of the training, where the views are its course


@dataclass(frozen=True)
class PatternScore:
    """How much of a head's weight lies on a pattern, and how much of a uniform head's would; 0-1."""

    weight: float  # share of the head's weight, 0-1
    chance: float  # of a uniform head's


@dataclass(frozen=True, kw_only=True)
class HeadRoles:
    """What a head looks at, over many sequences."""

    loop: int | None  # of a model that has loops
    layer: int  # from 0
    head: int  # from 0
    roles: list[str]  # the patterns that it clearly has, the clearest first
    patterns: dict[str, PatternScore]  # by name
    entropy: float  # of its rows, in nats; the mean
    entropy_uniform: float  # of a uniform head's
    shares: ScoreShares  # of the variance of its scores, over all queries


@dataclass(frozen=True, kw_only=True)
class HeadReport(HeadRoles):
    """The same, and what becomes of the answers without it."""

    zeroed: Score  # with nothing in its place
    mean_ablated: Score  # with its mean output in its place


@dataclass(frozen=True)
class RoleReport:
    """What becomes of the answers without all the heads that play a role: any one of them may be spare."""

    roles: list[str]  # names that the same heads bear
    heads: list[tuple[int | None, int, int]]  # loop, layer, head
    zeroed: Score  # with nothing in their place
    # whether exact match or token accuracy falls by more than 0.05 and more than chance explains
    matters: bool


@dataclass(frozen=True)
class SublayerReport:
    """What becomes of the answers without a layer's attention or feed-forward."""

    loop: int | None  # of a model that has loops
    layer: int  # from 0
    part: str  # "attention" or "feed-forward"
    removed: Score  # without it


@dataclass(frozen=True)
class OrderReport:
    """How a head of `rank` positions ranks what it reads."""

    loop: int | None  # of a model that has loops
    layer: int  # from 0
    head: int  # from 0
    symbols: list[str]  # the lowest rank first; none if it ranks by position alone
    ties: str  # "in their order" or "in reverse": how equal symbols are ranked


@dataclass(frozen=True)
class HeadsReport:
    """The heads of a run over many sequences."""

    run: str  # its folder
    task: str  # its name
    lengths: tuple[int, int]  # the shortest and the longest
    score: Score  # of the whole model
    heads: list[HeadReport]  # by layer and number
    roles: list[RoleReport]  # of all heads that share one
    sublayers: list[SublayerReport]  # by layer
    orders: list[OrderReport]  # of `rank` positions; empty for others
    held_out: bool = True  # else they come from a file, and what the whole model answers counts as right


@dataclass(frozen=True)
class StageRecord:
    """One step of the forward pass, with its numbers."""

    number: int  # in the whole pass, from 1; that of each head has the same
    name: str  # such as "attention weights"
    loop: int | None  # of a model that has loops
    layer: int | None  # of a stage within one
    head: int | None  # of a stage that each head has
    explanation: str  # in whole sentences
    formula: str  # in ASCII
    axes: tuple[str, str]  # what rows and columns are
    shape: tuple[int, int]  # of the whole stage
    rows: list[int]  # the positions that `values` has; of a learned matrix, the channels that are read
    values: Sequence[Sequence[float | None]]  # None where a score is masked
    facts: list[str]  # what holds of the values, as measured
    answer: list[str] | None  # what the model would say if it were read off here
    deviation: float  # of the stage, computed again from the stages before, from what the model computed
    agrees: bool  # whether that is no more than rounding explains
    shares: ScoreShares | None = None  # of the stage "scores": over all queries
    scale: float | None = None  # of the stage "scores": what products of queries and keys are multiplied by


@dataclass(frozen=True)
class TraceRecord:
    """The forward pass for one sequence, stage by stage."""

    run: str  # its folder
    input: list[str]  # symbols
    # what the model read: the input, blanks for the answers if they are appended, a begin token
    tokens: list[str]
    first_answer: int  # where among the tokens the first answer is read; the others follow it
    symbols: list[str]  # what the columns of the logits stand for
    prediction: list[str]  # the answer of the model
    target: list[str]  # the right answer; "" where a token doesn't count, and empty where nobody knows it
    deviation: float  # the largest of all stages
    agrees: bool  # whether each stage is as near as rounding explains, also those that aren't here
    stages: list[StageRecord]  # from the embedding to the answer
    picture: list[list[float]] | None = None  # rows of pixels, from 0 to 1, where the input is a picture
    task: str = ""  # its name

    @property
    def text(self) -> str:
        """The input in a line."""
        return name_input(self.input, self.picture)


@dataclass(frozen=True)
class Patched:
    """One activation of the corrupt run replaced by its clean value, and what came of it."""

    part: str  # "head", "attention", "feed-forward", "embedding" or "everything"
    loop: int | None  # of a model that has loops
    layer: int | None  # of a part within one
    head: int | None  # where the part is one
    restored: float  # of the clean answer: 0 as in the corrupt run, 1 as in the clean one
    prediction: list[str]  # the answer with the replaced activation


@dataclass(frozen=True)
class PatchRecord:
    """How much of a clean answer each part brings back when the rest of the model reads corrupt input."""

    run: str  # its folder
    clean: Answer  # to the clean sequence
    corrupt: Answer  # to the corrupt one
    positions: list[int]  # of the answer, where the two differ; what is restored is measured there
    # logit of the clean less that of the corrupt answer: in the corrupt run, in the clean run
    difference: tuple[float, float]
    patches: list[Patched]  # a part each


@dataclass(frozen=True)
class Moment:
    """A run as it was at one step of its training."""

    step: int  # of the training
    score: Score  # over held-out sequences
    heads: list[HeadRoles]  # over the same ones
    attention: AttentionRecord  # of one sequence


@dataclass(frozen=True)
class OverTimeRecord:
    """How the heads of a run came to be."""

    run: str  # its folder
    task: str  # its name
    snapshots: int  # how many there are; `moments` are spread over them and the end
    moments: list[Moment]  # by step
    left_out: list[str] = field(default_factory=list)  # why a snapshot can't be used

"""What a person can set. A knob is one field here; its YAML key, override and help are read off it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tfcli import registry
from tfcli.config.fields import Count
from tfcli.config.parts import Part, PartOf
from tfcli.model import COMPUTED_POSITIONS, POSITIONS_FROM_THE_END


class Section(BaseModel):
    """Strict and frozen: a value of the wrong type or an unknown key is an error, never a guess."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


def symbol_text(value: Any) -> Any:
    """Return a whole number in a list of symbols stands for its digits; anything else must be text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Symbol = Annotated[str, BeforeValidator(symbol_text)]


class TaskConfig(Section):
    """Which sequences the model learns from."""

    name: str = Field(description="a task of `tfcli ls`, or path/to/file.py:ClassName")
    symbols: Annotated[tuple[Symbol, ...], Field(strict=False)] | None = Field(
        None, description="names for the vocabulary, in order; any text without spaces"
    )
    vocab_size: Annotated[int, Field(ge=2, le=65_536)] | None = Field(
        None, description="number of symbols; 10, as many as `symbols` names, or the task's own, if left out"
    )
    data: str | None = Field(
        None, description="a file of your own: pairs in .tsv, .csv or .jsonl, a text in .txt; - is stdin"
    )
    test: str | None = Field(None, description="another such file, held out; a tenth of `data` if left out")
    tokens: Literal["words", "characters"] | None = Field(
        None, description="symbols of `data`; words where there are spaces, if left out"
    )
    answer_tokens: Literal["words", "characters"] | None = Field(
        None, description="symbols of the answers in `data`, if they are others"
    )
    answers: Annotated[tuple[Symbol, ...], Field(strict=False)] | None = Field(
        None, description="symbols of the answers; read from `data`"
    )
    end_symbol: str | None = Field(None, description="that ends each answer; follows from `data`")
    answer_lengths: Annotated[tuple[tuple[Count, Count], ...], Field(strict=False)] | None = Field(
        None, description="length of an input, and symbols of its answer from there on; read from `data`"
    )
    digest: str | None = Field(None, description="SHA-256 of `data` when it was read")
    min_length: Count = Field(1, description="shortest training sequence")
    max_length: int = Field(
        20, ge=1, le=100_000, description="longest training sequence", validate_default=True
    )

    layout: Literal["aligned", "appended", "next", "first"] = Field(
        "aligned",
        description="where answers are read: at the input's own tokens, at blank ones appended to it, at each"
        " token about the next, which it can't see, or at the first token, one to the whole input",
    )
    objective: Literal["answer", "next", "masked"] = Field(
        "answer",
        description="what is learned: the task's answers, or of its inputs alone what comes next, or what"
        " is hidden",
        validate_default=True,
    )
    hidden_share: float = Field(
        0.15, gt=0, lt=1.0, description="share of the symbols that objective masked hides"
    )

    @model_validator(mode="before")
    @classmethod
    def _next_is_both_a_layout_and_an_objective(cls, values: Any) -> Any:
        for key, other in (("layout", "objective"), ("objective", "layout")):
            if isinstance(values, dict) and values.get(key) == "next" and other not in values:
                values = {**values, other: "next"}
        return values

    @field_validator("objective")
    @classmethod
    def _objective_suits_the_layout(cls, objective: str, info: ValidationInfo) -> str:
        layout = info.data.get("layout", objective)
        if (objective == "next") != (layout == "next") and (objective == "next" or layout == "next"):
            raise ValueError(f"objective {objective} doesn't go with layout {layout}; leave one of them out")
        if objective == "masked" and layout != "aligned":
            raise ValueError("what is hidden is answered in its place; leave the layout aligned")
        return objective

    @field_validator("test", "tokens", "answer_tokens", "answers", "end_symbol", "answer_lengths", "digest")
    @classmethod
    def _is_about_data(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("data") is None:
            raise ValueError("is about task.data, a file of your own, and there is none")
        return value

    @field_validator("answer_lengths", mode="before")
    @classmethod
    def _lists_are_pairs(cls, value: Any) -> Any:
        return [tuple(pair) if isinstance(pair, list) else pair for pair in value] if value else value

    tokenizer: Annotated[str, Field(pattern=r"^\w[\w.-]*$", max_length=100)] | None = Field(
        None, description="the file in a run's folder that texts are read with; `tfcli import` sets it"
    )
    labels: Annotated[tuple[Symbol, ...], Field(strict=False)] | None = Field(
        None, description="the classes that a text may be of; `tfcli import` sets them"
    )

    @field_validator("symbols")
    @classmethod
    def _symbols_can_be_typed(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if symbols is not None and (problem := registry.find_problem_of_symbols(symbols)):
            raise ValueError(problem)
        return symbols

    @field_validator("vocab_size")
    @classmethod
    def _vocab_size_counts_symbols(cls, vocab_size: int | None, info: ValidationInfo) -> int | None:
        symbols = info.data.get("symbols")
        if symbols is not None and vocab_size not in (None, len(symbols)):
            raise ValueError(f"there are {len(symbols)} symbols; leave vocab_size out, they are counted")
        return vocab_size

    @field_validator("max_length")
    @classmethod
    def _lengths_are_ordered(cls, max_length: int, info: ValidationInfo) -> int:
        if max_length < info.data.get("min_length", 1):
            raise ValueError(f"max_length must be at least min_length, {info.data['min_length']}")
        return max_length


class ModelConfig(Section):
    """The Transformer encoder."""

    d_model: int = Field(64, ge=1, le=65_536, description="width of the residual stream")
    n_heads: Count = Field(
        4, description="attention heads a layer; must divide d_model", validate_default=True
    )
    n_layers: int = Field(2, ge=1, le=1000, description="blocks of attention and feed-forward")
    loops: int = Field(1, ge=1, le=1000, description="how many times over the same blocks are applied")
    d_ff: int = Field(
        ge=1,
        le=1_048_576,
        default_factory=lambda data: 4 * data.get("d_model", 1),
        description="width inside the feed-forward; 4 x d_model if left out",
    )
    input: Literal["symbols", "patches"] = Field(
        "symbols",
        description="what becomes a vector: symbols, by a table, or patches of a picture, by a projection",
    )
    positions: Annotated[Part, PartOf(registry.POSITIONS, has_shares=True)] = Field(
        "ends", description="positional encoding", validate_default=True
    )
    indices: Literal["consecutive", "randomized"] = Field(
        "consecutive", description="how positions are numbered: 0, 1, ..., or by a sorted draw from 2048"
    )
    mask: Annotated[Part, PartOf(registry.MASKS)] = Field(
        "none", description="which keys a query may attend to", validate_default=True
    )
    counters: int = Field(
        0, ge=0, le=65_536, description="running counts of symbols, modulo small numbers, in the embeddings"
    )
    token_types: Annotated[Part, PartOf(registry.TOKEN_TYPES)] = Field(
        "none", description="which segment a token belongs to, in the embeddings", validate_default=True
    )
    embedding_norm: bool = Field(False, description="norm the embeddings, with all that is added to them")
    attention: Annotated[Part, PartOf(registry.ATTENTIONS)] = Field(
        "full",
        description="projections for each head, or one small set shared by all heads",
        validate_default=True,
    )
    attention_scale: Annotated[Part, PartOf(registry.ATTENTION_SCALES)] = Field(
        "standard",
        description="whether scores grow with the length, to stay sharp among many keys",
        validate_default=True,
    )
    attention_weights: Annotated[Part, PartOf(registry.ATTENTION_WEIGHTS)] = Field(
        "softmax",
        description="how scores become weights; entmax15 gives low scores none at all",
        validate_default=True,
    )
    begin_token: bool = Field(
        False, description="put a token before the input, for heads to look at that find nothing"
    )
    feed_forward: Annotated[Part, PartOf(registry.FEED_FORWARDS)] = Field(
        "mlp", description="network that works on each position by itself", validate_default=True
    )
    norm: Annotated[Part, PartOf(registry.NORMS)] = Field(
        "layer", description="normalisation of each position's vector", validate_default=True
    )
    norm_placement: Literal["pre", "post", "sandwich", "parallel"] = Field(
        "pre", description="where norms stand: before a sub-layer, after it, on both sides, or once for both"
    )
    bias: bool = Field(True, description="whether linear layers and norms have biases")
    scale_embeddings: bool = Field(
        False, description="multiply embeddings by the root of d_model, as the original paper does"
    )
    output_head: Annotated[Part, PartOf(registry.OUTPUT_HEADS)] = Field(
        "linear", description="what comes between the last norm and the logits", validate_default=True
    )
    tie_embeddings: bool = Field(False, description="read the answers off with the embeddings themselves")
    logit_bias: bool = Field(False, description="add a learned number for each symbol to tied logits")
    dropout: float = Field(0.0, ge=0.0, lt=1.0, description="share of activations dropped in training")

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads

    @field_validator("n_heads")
    @classmethod
    def _heads_divide_the_width(cls, n_heads: int, info: ValidationInfo) -> int:
        d_model = info.data.get("d_model")
        if d_model is not None and d_model % n_heads:
            divisors = [str(n) for n in range(1, min(d_model, 64) + 1) if d_model % n == 0]
            raise ValueError(f"must divide d_model = {d_model}, so one of {', '.join(divisors)}")
        return n_heads

    @field_validator("logit_bias")
    @classmethod
    def _logit_bias_is_of_tied_logits(cls, logit_bias: bool, info: ValidationInfo) -> bool:
        if logit_bias and not info.data.get("tie_embeddings", True):
            raise ValueError("is about tie_embeddings: true; others have the bias of model.bias")
        return logit_bias

    @field_validator("indices")
    @classmethod
    def _computed_places_are_whole(cls, indices: str, info: ValidationInfo) -> str:
        positions: Part | None = info.data.get("positions")
        for part in positions.named() if positions and indices == "randomized" else ():
            if part.name in COMPUTED_POSITIONS:
                raise ValueError(f"{part.name} positions are computed; leave indices consecutive")
        return indices

    @field_validator("positions")
    @classmethod
    def _positions_suit_the_heads(cls, positions: Part, info: ValidationInfo) -> Part:
        d_model, n_heads = info.data.get("d_model"), info.data.get("n_heads")
        if not d_model or not n_heads:
            return positions
        if any(part.name == "rotary" for part in positions.named()) and d_model // n_heads % 2:
            raise ValueError(f"rotary needs an even d_model / n_heads, not {d_model // n_heads}")
        heads = [part.heads or 0 for part in positions.shares]
        if heads and sum(heads) != n_heads:
            raise ValueError(f"the heads add up to {sum(heads)}, and n_heads is {n_heads}")
        return positions


def check_device(device: str) -> str:
    """`device`, if it has the form of one. Raises ValueError otherwise; whether it is there is seen later."""
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,2})?|mps", device):
        raise ValueError("must be auto, cpu, cuda, cuda:N or mps")
    return device


SEEDS_APART = 2**32  # those of two attempts of a run; seeds that people choose are closer to each other


class TrainConfig(Section):
    """How the model is trained."""

    steps: int = Field(2000, ge=1, le=10**9, description="optimizer steps at most")
    attempts: int = Field(
        1,
        ge=1,
        le=1000,
        description="trainings at most, from new weights each, in equal shares of steps, until one solves",
    )
    batch_size: int = Field(
        64, ge=1, le=1_048_576, description="sequences a step, all of one length where they are generated"
    )
    train_samples: Count | None = Field(
        None,
        description="sequences to train on, over and over; endless, or all of `data`, if left out",
    )
    learning_rate: float = Field(5e-3, gt=0, le=1e30, description="peak of the schedule")
    warmup_steps: int = Field(
        50, ge=0, le=10**9, description="steps of linear rise to the peak; the schedule comes after"
    )
    schedule: Annotated[Part, PartOf(registry.SCHEDULES)] = Field(
        "cosine", description="how the learning rate falls after its peak", validate_default=True
    )
    optimizer: Annotated[Part, PartOf(registry.OPTIMIZERS)] = Field(
        "adamw", description="how gradients move the weights", validate_default=True
    )
    weight_decay: float = Field(
        0.01, ge=0, le=1e10, description="weight decay, of the matrices of linear layers only"
    )
    start: str | None = Field(
        None, description="a run whose weights are taken as far as they fit; new ones if left out"
    )
    freeze: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        (), description="parts that aren't trained, such as [embedding, blocks.0]; * stands for anything"
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="learning rate of a layer, as a multiple of that of the next"
    )
    clip_norm: float = Field(1.0, gt=0, le=1e30, description="largest norm of the gradient")
    seed: int = Field(0, ge=0, lt=2**63, description="of the weights and of the training sequences")
    eval_every: Count = Field(25, description="evaluate on the held-out set every so many steps")
    eval_samples: int = Field(
        1000, ge=1, le=1_000_000, description="held-out sequences of each evaluation, spread over the lengths"
    )
    stop_when_solved: bool = Field(
        True, description="stop when the held-out exact match is 1.0 twice in a row"
    )
    snapshot_every: Count | None = Field(
        None,
        description="steps between two snapshots of the weights, for `attn --over-time`; none if left out",
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="CPU threads; if left out, one for a small model, else torch's own choice"
    )
    precision: Literal["float32", "bfloat16"] = Field("float32", description="of the matrix products")

    def shares(self) -> list[int]:
        """Return how many steps each attempt has at most: equal shares, one at least."""
        count = min(self.attempts, self.steps)
        bounds = [self.steps * number // count for number in range(count + 1)]
        return [end - start for start, end in pairwise(bounds)]

    def split(self, shares: list[int] | None = None) -> list[TrainConfig]:
        """Return how each attempt is trained: it has its share of the steps, and its own seed."""
        return [
            self.model_copy(
                update={
                    "steps": steps,
                    "attempts": 1,
                    "seed": (self.seed + number * SEEDS_APART) % 2**63,
                }
            )
            for number, steps in enumerate(shares or self.shares())
        ]

    @field_validator("train_samples", mode="before")
    @classmethod
    def _several_counts_are_a_benchmark(cls, value: Any) -> Any:
        if isinstance(value, list) or (isinstance(value, str) and "," in value):
            raise ValueError(
                "must be one whole number; `tfcli bench` trains with each of several: 100,300,1000"
            )
        return value

    @field_validator("device")
    @classmethod
    def _device_has_a_known_form(cls, device: str) -> str:
        return check_device(device)


class RunConfig(Section):
    """One training run: task, model and training."""

    task: TaskConfig
    model: ModelConfig = Field(ModelConfig(), validate_default=True)
    train: TrainConfig = TrainConfig()

    @field_validator("model")
    @classmethod
    def _nobody_sees_what_comes_next(cls, model: ModelConfig, info: ValidationInfo) -> ModelConfig:
        task = info.data.get("task")
        if task is None or task.layout != "next":
            return model
        if model.mask.name in ("none", "window"):
            raise ValueError(
                "task.layout next needs model.mask causal: else each token sees what it is to predict"
            )
        if model.indices == "randomized":
            raise ValueError("task.layout next needs consecutive indices: a draw depends on the whole length")
        for part in model.positions.named():
            if part.name in POSITIONS_FROM_THE_END:
                raise ValueError(
                    f"model.positions {part.name} count from the end, and task.layout next knows none;"
                    " choose rotary, relative, alibi or another that counts from the start"
                )
        return model

    @field_validator("train")
    @classmethod
    def _entmax_needs_float32(cls, train: TrainConfig, info: ValidationInfo) -> TrainConfig:
        model = info.data.get("model")
        entmax = model is not None and model.attention_weights.name == "entmax15"
        if entmax and train.precision == "bfloat16":
            raise ValueError(
                "model.attention_weights entmax15 needs precision float32; bfloat16 is too coarse for it"
            )
        return train


SECTIONS: dict[str, type[Section]] = {"task": TaskConfig, "model": ModelConfig, "train": TrainConfig}

# Settings of earlier versions, and what they are called now.
RENAMED = {
    "model.normalizer": "model.attention_weights",
    "model.activation": "model.feed_forward.activation",
    "train.gate": "model.positions.gate",
    "train.slope": "model.positions.slope",
}


def part_of(section: str, key: str) -> PartOf | None:
    """How the part that a setting chooses is read; None if the setting chooses none."""
    field = SECTIONS[section].model_fields.get(key) if section in SECTIONS else None
    return next((m for m in field.metadata if isinstance(m, PartOf)), None) if field else None

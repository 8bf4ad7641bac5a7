"""Which sequences a model learns from. A knob is one field; its key, override and help are read off it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from tfcli import registry
from tfcli.config.fields import Count
from tfcli.config.section import Section


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
        if not isinstance(value, list):
            return value
        return [tuple(pair) if isinstance(pair, list) else pair for pair in value]

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

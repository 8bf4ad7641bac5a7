"""The Transformer encoder. A knob is one field here; its YAML key, override and help are read off it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from tfcli import registry
from tfcli.config.fields import Count
from tfcli.config.parts import Part, PartOf
from tfcli.config.section import Section
from tfcli.model import COMPUTED_POSITIONS


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

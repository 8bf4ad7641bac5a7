"""What the config.json of a model says, held against what can be imported. Nothing in it is guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tfcli.config.messages import explain
from tfcli.errors import UsageError
from tfcli.pretrained.folder import CONFIG, read_json

ACTIVATIONS = {  # theirs -> ours
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu2",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}
# What a setting must be, where it is there: with anything else the model computes something else.
ONLY: dict[str, tuple[Any, ...]] = {
    "is_decoder": (False,),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "position_embedding_type": ("absolute", None),
    "pruned_heads": ({}, None),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "quantization_config": (None,),
}


class Settings(BaseModel):
    """What all architectures have, by our names; each gives the keys that its config.json has for them."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

    architectures: list[str] | None = None
    tie_word_embeddings: bool = True
    id2label: dict[str, str] | None = None
    vocab_size: int = Field(ge=2, le=65_536)
    d_model: int
    n_heads: int
    n_layers: int
    d_ff: int
    longest: int = Field(alias="max_position_embeddings", ge=1, le=100_000)
    activation: str
    epsilon: float
    n_types: int = Field(1, ge=1, le=65_536)
    offset: int = 0  # rows of the position table that come before the first position

    def our_activation(self, path: Path) -> str:
        """Return what we call the activation.

        Raises:
            UsageError: there is none of that name here.
        """
        if self.activation not in ACTIVATIONS:
            raise UsageError(
                f"{path}: the activation {self.activation[:60]!r} can't be imported; known are "
                f"{', '.join(ACTIVATIONS)}"
            )
        return ACTIVATIONS[self.activation]


class BertSettings(Settings):
    """BERT (Devlin et al. 2018, 1810.04805)."""

    d_model: int = Field(alias="hidden_size")
    n_heads: int = Field(alias="num_attention_heads")
    n_layers: int = Field(alias="num_hidden_layers")
    d_ff: int = Field(alias="intermediate_size")
    activation: str = Field(alias="hidden_act")
    epsilon: float = Field(1e-12, alias="layer_norm_eps")
    n_types: int = Field(2, alias="type_vocab_size", ge=1, le=65_536)


class RobertaSettings(BertSettings):
    """RoBERTa (Liu et al. 2019, 1907.11692): positions are counted from the padding's id on."""

    epsilon: float = Field(1e-5, alias="layer_norm_eps")
    n_types: int = Field(1, alias="type_vocab_size", ge=1, le=1)
    pad_token_id: int = Field(ge=0, le=65_535)


class DistilBertSettings(Settings):
    """DistilBERT (Sanh et al. 2019, 1910.01108)."""

    d_model: int = Field(alias="dim")
    n_heads: int = Field()
    n_layers: int = Field()
    d_ff: int = Field(alias="hidden_dim")
    epsilon: float = 1e-12


class Gpt2Settings(Settings):
    """GPT-2 (Radford et al. 2019)."""

    d_model: int = Field(alias="n_embd")
    n_heads: int = Field(alias="n_head")
    n_layers: int = Field(alias="n_layer")
    d_ff: int = Field(
        alias="n_inner", default_factory=lambda data: 4 * data.get("d_model", 1), validate_default=True
    )
    longest: int = Field(alias="n_positions", ge=1, le=100_000)
    activation: str = Field("gelu_new", alias="activation_function")
    epsilon: float = Field(1e-5, alias="layer_norm_epsilon")


SETTINGS: dict[str, type[Settings]] = {
    "bert": BertSettings,
    "roberta": RobertaSettings,
    "distilbert": DistilBertSettings,
    "gpt2": Gpt2Settings,
}


def read_settings(folder: Path) -> tuple[str, Settings]:
    """Return the architecture of a model, and its settings.

    Raises:
        UsageError: config.json can't be read, or is of a model that can't be imported.
    """
    path = folder / CONFIG
    values = read_json(path)
    kind = values.get("model_type")
    if not isinstance(kind, str) or kind not in SETTINGS:
        found = f"model_type {kind[:60]!r}" if isinstance(kind, str) else "no model_type"
        raise UsageError(f"{path}: {found} can't be imported; known are {', '.join(SETTINGS)}")
    for key, allowed in ONLY.items():
        if key in values and values[key] not in allowed:
            wanted = "left out" if allowed[0] is None else f"{allowed[0]!r}"
            raise UsageError(
                f"{path}: {key} is {str(values[key])[:60]}, and models are imported with {wanted} alone"
            )
    if kind == "gpt2" and values.get("n_inner") is None:
        values.pop("n_inner", None)
    try:
        return kind, SETTINGS[kind].model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{path}: {explain(error.errors()[0])}") from error

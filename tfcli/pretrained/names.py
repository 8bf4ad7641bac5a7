"""What the architectures call their tensors, each a row of a table."""

from __future__ import annotations

from typing import Literal, NamedTuple

Head = Literal["none", "masked", "causal", "classifier"]


class HeadNames(NamedTuple):
    """The tensors of a head, with the layer before its logits."""

    logits: str  # the last layer
    dense: str | None = None
    norm: str | None = None
    bias: str | None = None  # of tied logits
    activation: str | None = None  # after `dense`, as we call it; None: the model's own
    dense_is_shared: bool = False  # whether `dense` is of the model without a head, too


class Names(NamedTuple):
    """The tensors of an architecture, without its prefix. `{}` is the number of a layer."""

    classes: str  # how the names of its classes begin
    prefix: str  # before the names of a model that has a head
    tokens: str
    positions: str
    types: str | None
    embedding_norm: str | None
    query_key_value: tuple[str, ...]  # stacked in this order
    attention_out: str
    attention_norm: str
    expand: str
    contract: str
    feed_forward_norm: str
    last_norm: str | None
    heads: dict[Head, HeadNames]
    unused: str  # pattern of names that the logits don't depend on
    is_transposed: bool = False  # whether matrices are [in, out]

    def full(self, name: str, head: HeadNames | None) -> str:
        """Return what a tensor is called in a model with a head, or in one without."""
        if head is None:
            return name
        stem = name.rpartition(".")[0]
        is_of_head = name == head.bias or stem in (head.logits, head.norm)
        is_of_head = is_of_head or (stem == head.dense and not head.dense_is_shared)
        return name if is_of_head else self.prefix + name


BERT = Names(
    classes="Bert",
    prefix="bert.",
    tokens="embeddings.word_embeddings",
    positions="embeddings.position_embeddings",
    types="embeddings.token_type_embeddings",
    embedding_norm="embeddings.LayerNorm",
    query_key_value=tuple(f"encoder.layer.{{}}.attention.self.{name}" for name in ("query", "key", "value")),
    attention_out="encoder.layer.{}.attention.output.dense",
    attention_norm="encoder.layer.{}.attention.output.LayerNorm",
    expand="encoder.layer.{}.intermediate.dense",
    contract="encoder.layer.{}.output.dense",
    feed_forward_norm="encoder.layer.{}.output.LayerNorm",
    last_norm=None,
    heads={
        "masked": HeadNames(
            logits="cls.predictions.decoder",
            dense="cls.predictions.transform.dense",
            norm="cls.predictions.transform.LayerNorm",
            bias="cls.predictions.bias",
        ),
        "classifier": HeadNames("classifier", dense="pooler.dense", activation="tanh", dense_is_shared=True),
    },
    unused=r"embeddings\.position_ids|pooler\.dense\.(weight|bias)|cls\.(seq_relationship\.\w+|predictions\.bias)",
)
ROBERTA = BERT._replace(
    classes="Roberta",
    prefix="roberta.",
    heads={
        "masked": HeadNames(
            logits="lm_head.decoder",
            dense="lm_head.dense",
            norm="lm_head.layer_norm",
            bias="lm_head.bias",
            activation="gelu",
        ),
        "classifier": HeadNames("classifier.out_proj", dense="classifier.dense", activation="tanh"),
    },
    unused=r"embeddings\.position_ids|pooler\.dense\.(weight|bias)|lm_head\.bias",
)
DISTILBERT = Names(
    classes="DistilBert",
    prefix="distilbert.",
    tokens="embeddings.word_embeddings",
    positions="embeddings.position_embeddings",
    types=None,
    embedding_norm="embeddings.LayerNorm",
    query_key_value=tuple(f"transformer.layer.{{}}.attention.{name}_lin" for name in "qkv"),
    attention_out="transformer.layer.{}.attention.out_lin",
    attention_norm="transformer.layer.{}.sa_layer_norm",
    expand="transformer.layer.{}.ffn.lin1",
    contract="transformer.layer.{}.ffn.lin2",
    feed_forward_norm="transformer.layer.{}.output_layer_norm",
    last_norm=None,
    heads={
        "masked": HeadNames(
            logits="vocab_projector",
            dense="vocab_transform",
            norm="vocab_layer_norm",
            bias="vocab_projector.bias",
        ),
        "classifier": HeadNames("classifier", dense="pre_classifier", activation="relu"),
    },
    unused=r"embeddings\.position_ids",
)
GPT2 = Names(
    classes="GPT2",
    prefix="transformer.",
    tokens="wte",
    positions="wpe",
    types=None,
    embedding_norm=None,
    query_key_value=("h.{}.attn.c_attn",),
    attention_out="h.{}.attn.c_proj",
    attention_norm="h.{}.ln_1",
    expand="h.{}.mlp.c_fc",
    contract="h.{}.mlp.c_proj",
    feed_forward_norm="h.{}.ln_2",
    last_norm="ln_f",
    heads={"causal": HeadNames("lm_head")},
    unused=r"h\.\d+\.attn\.(masked_)?bias",
    is_transposed=True,
)
NAMES = {"bert": BERT, "roberta": ROBERTA, "distilbert": DISTILBERT, "gpt2": GPT2}
CLASSES: dict[str, Head] = {  # how the names of classes end
    "Model": "none",
    "ForMaskedLM": "masked",
    "ForPreTraining": "masked",
    "ForSequenceClassification": "classifier",
    "LMHeadModel": "causal",
}

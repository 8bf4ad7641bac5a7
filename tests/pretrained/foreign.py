"""Tiny random models of transformers, saved as it saves them: the oracle of these tests."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports in turn
    transformers: Any = pytest.importorskip("transformers")
    transformers.logging.disable_progress_bar()

VOCAB, LONGEST, SEPARATOR, PAD = 61, 24, 5, 1
SIZES = {"vocab_size": VOCAB, "attn_implementation": "eager"}
BERT_SIZES = {
    **SIZES,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": LONGEST,
    "pad_token_id": PAD,
}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", BERT_SIZES),
    "roberta": (
        "Roberta",
        {**BERT_SIZES, "max_position_embeddings": LONGEST + 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    ),
    "distilbert": (
        "DistilBert",
        {
            **SIZES,
            "dim": 24,
            "n_layers": 3,
            "n_heads": 4,
            "hidden_dim": 40,
            "max_position_embeddings": LONGEST,
            "pad_token_id": PAD,
        },
    ),
    "gpt2": ("GPT2", {**SIZES, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": LONGEST}),
}
HEADS = {
    "bert": ("Model", "ForMaskedLM", "ForPreTraining", "ForSequenceClassification"),
    "roberta": ("Model", "ForMaskedLM", "ForSequenceClassification"),
    "distilbert": ("Model", "ForMaskedLM", "ForSequenceClassification"),
    "gpt2": ("Model", "LMHeadModel"),
}


class Sequences(NamedTuple):
    """Inputs [B, T] with what is no padding, and their types."""

    ids: Tensor
    may_attend: Tensor
    types: Tensor


def make(architecture: str, head: str, seed: int = 0, **options: Any) -> Any:
    """Return a model of transformers whose every parameter is random, so that none can hide."""
    name, settings = CONFIGS[architecture]
    config = getattr(transformers, f"{name}Config")(**{"num_labels": 3, **settings, **options})
    model = getattr(transformers, f"{name}{head}")(config).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return model


def save(folder: Path, architecture: str, head: str, **options: Any) -> Any:
    """Save such a model, and return it."""
    model = make(architecture, head, **options)
    model.save_pretrained(folder)
    return model


def sequences(seed: int, n_segments: int = 2) -> Sequences:
    """Three sequences, padded at the right, of one segment or of two."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([11, 7, 4])
    ids = torch.randint(6, VOCAB, (3, 11), generator=generator)
    may_attend = torch.arange(11) < lengths[:, None]
    types = torch.zeros_like(ids)
    for row, length in enumerate(lengths.tolist()):
        ids[row, length - 1] = SEPARATOR
        if n_segments == 2:
            ids[row, length // 2] = SEPARATOR
            types[row, length // 2 + 1 :] = 1
    return Sequences(ids.masked_fill(~may_attend, PAD), may_attend, types)

"""A tiny BERT with random weights, in files as Hugging Face saves one: for tests without its library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tfcli.pretrained.names import BERT
from tfcli.pretrained.settings import BertSettings
from tfcli.pretrained.sources import Target, list_sources

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the a cat cats dog sat on mat and it was tired ##s ##at ."
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertForMaskedLM"],
    "vocab_size": len(WORDS.split()),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "hidden_act": "gelu",
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
}


def write(folder: Path) -> Path:
    """Write the model into a new folder, and return that."""
    folder.mkdir(parents=True)
    settings = BertSettings.model_validate(CONFIG)
    target = Target(BERT, settings, BERT.heads["masked"], is_tied=True, n_classes=0, has_types=True)
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for _, source in list_sources(target):
        for name, shape in source.parts.items():
            values = torch.randn(shape, generator=generator)
            if len(shape) == 1:  # small biases and even norms, so that the text makes a difference
                values = 0.1 * values + ("LayerNorm.weight" in name)
            tensors[name if name.startswith("cls.") else f"bert.{name}"] = values
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(WORDS.split()) + "\n", encoding="utf-8")
    return folder

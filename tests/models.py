"""Small models with random weights, and sequences for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.model import (
    ATTENTIONS,
    COMPUTED_POSITIONS,
    FEED_FORWARDS,
    MASKS,
    NORMS,
    POSITIONS,
)
from tfcli.model.blocks import PLACEMENTS
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.sizes import Sizes
from tfcli.registry import TASKS

VOCAB, LONGEST = 7, 12
NUMBERED = [name for name in POSITIONS if name not in COMPUTED_POSITIONS]
SHARES = {"ends": 1, "rank": 1}

# Every encoding with every other choice of each kind, one at a time.
ALL: list[dict[str, Any]] = [{"positions": p, "attention": a} for p in POSITIONS for a in ATTENTIONS]
ALL += [{"positions": p, "norm_placement": placement} for p in POSITIONS for placement in PLACEMENTS]
ALL += [{"positions": p, "attention_scale": "log_length"} for p in POSITIONS]
ALL += [{"positions": p, "attention_weights": "entmax15"} for p in POSITIONS]
ALL += [{"positions": p, "mask": mask} for p in POSITIONS for mask in ("causal", "window:2")]
ALL += [{"positions": p, "loops": 2} for p in ("learned", "ends", "rank")]
ALL += [{"norm": norm, "norm_placement": place} for norm in NORMS for place in PLACEMENTS]
ALL += [{"feed_forward": name, "norm_placement": place} for name in FEED_FORWARDS for place in PLACEMENTS]
ALL += [{"positions": p, "counters": 3} for p in ("none", "ends")]
ALL += [{"positions": SHARES}, {"positions": SHARES, "mask": "causal"}, {"bias": False, "norm": "rms"}]
ALL += [{"tie_embeddings": True}, {"scale_embeddings": True}]
SEPARATED = {"name": "separated", "separator": 3, "count": 3}
ALL += [{"positions": "learned", "token_types": SEPARATED, "embedding_norm": norm} for norm in (False, True)]
ALL += [{"tie_embeddings": True, "logit_bias": True, "output_head": "dense", "norm_placement": "post"}]
ALL += [{"output_head": {"name": "dense", "activation": "tanh", "norm_after": False}}]
ALL += [{"norm": {"name": norm, "epsilon": 0.5}, "embedding_norm": True} for norm in ("layer", "rms")]
ALL += [{"feed_forward": {"name": "mlp", "activation": name}} for name in ("gelu_tanh", "tanh")]
RANDOMIZED = [{"positions": p, "indices": "randomized"} for p in NUMBERED]
assert set(MASKS) == {"none", "causal", "window"}  # each is among ALL


def make(seed: int = 0, **options: Any) -> Encoder:
    """Return a small model whose every parameter is random, so that none can hide."""
    torch.manual_seed(seed)
    config = ModelConfig.model_validate({"d_model": 16, "n_heads": 2, "d_ff": 24, **options})
    model = build_encoder(config, Layout(VOCAB), LONGEST)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def sizes(d_model: int = 16, n_heads: int = 2, longest: int = 20, **others: Any) -> Sizes:
    """Sizes that fit together."""
    return Sizes(d_model, n_heads, d_model // n_heads, 4 * d_model, longest, longest, **others)


def tokens(rows: int = 3, length: int = 9, seed: int = 1) -> Tensor:
    """Random symbols [rows, length]."""
    return torch.randint(VOCAB, (rows, length), generator=torch.Generator().manual_seed(seed))


def padding(lengths: list[int]) -> Tensor:
    """Return a mask of sequences of these lengths, padded at the right."""
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def close(a: Tensor, b: Tensor) -> None:
    """Assert that two results differ by rounding alone."""
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


PICTURES = ("digits", "find-digit")  # tasks whose tokens are patches, made of numbers


def layout_of(task: str) -> str:
    """Return a layout in which a task can be answered, whatever the length of its answers."""
    return "next" if TASKS.load(task).predicts_next else "appended"

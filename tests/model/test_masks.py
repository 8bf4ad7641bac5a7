"""Masks: what a query may not attend to doesn't matter, and costs no matrix of all pairs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.models import LONGEST, VOCAB, close, make, padding, tokens
from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.model import ATTENTION_WEIGHTS, POSITIONS
from tfcli.model.layout import Layout
from tfcli.model.masks import Mask
from tfcli.model.trace import ForwardTrace


@pytest.mark.parametrize("positions", POSITIONS)
def test_nothing_that_comes_later_matters_under_a_causal_mask(positions: str) -> None:
    model, batch = make(positions=positions, mask="causal"), tokens()
    changed = batch.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % VOCAB
    before, after = model(batch), model(changed)
    close(before[:, :6], after[:, :6])
    assert (before[:, 6:] - after[:, 6:]).abs().max() > 1e-3


def test_a_window_reaches_as_far_as_it_says() -> None:
    trace = ForwardTrace()
    make(mask="window:2", n_layers=1)(tokens(), trace=trace)
    seen = trace.layers[0].attn_weights[0, 0] > 0
    places = torch.arange(9)
    assert torch.equal(seen, (places[:, None] - places).abs() <= 2)


class NeighbourMask(Mask):
    """A query may attend to what stands beside it, but not to itself."""

    def allows(self, query: Tensor, key: Tensor) -> Tensor:
        return (query - key).abs() == 1


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("attention_weights", ATTENTION_WEIGHTS)
def test_a_token_that_may_attend_to_padding_alone_is_refused(attention_weights: str, traced: bool) -> None:
    model = make(attention_weights=attention_weights)
    model.mask = NeighbourMask()
    model(tokens(), padding([9, 5, 2]), trace=ForwardTrace() if traced else None)
    with pytest.raises(ValueError, match="the mask lets a token attend to padding alone"):
        model(tokens(), padding([9, 5, 1]), trace=ForwardTrace() if traced else None)


@pytest.mark.parametrize("mask", ["none", "causal", "window:2"])
def test_blanks_attend_to_what_the_mask_lets_them(mask: str) -> None:
    """They come after the input: under a causal mask each sees all of it, and the blanks before itself."""
    config = ModelConfig.model_validate({"d_model": 16, "n_heads": 2, "n_layers": 1, "mask": mask})
    model, trace = build_encoder(config, Layout(VOCAB, appended=True), LONGEST).eval(), ForwardTrace()
    model(tokens(1, 3), trace=trace)
    seen = (trace.layers[0].attn_weights[0, 0] > 0).int().tolist()
    rows = {
        "none": [[1] * 6] * 6,
        "causal": [[1] * n + [0] * (6 - n) for n in range(1, 7)],
        "window:2": [[int(abs(q - k) <= 2) for k in range(6)] for q in range(6)],
    }
    assert seen == rows[mask]


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Notes the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        outputs = made if isinstance(made, tuple | list) else [made]
        self.numbers = max(self.numbers, *(x.numel() for x in outputs if isinstance(x, Tensor)), 0)
        return made


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "rotary"])
@pytest.mark.parametrize("mask", ["none", "causal"])
def test_nothing_of_the_size_of_all_pairs_is_made_at_a_length_of_4096(positions: str, mask: str) -> None:
    """The other encodings put a bias on each pair, which the kernel wants to have as a whole."""
    model, length = make(positions=positions, n_layers=1, mask=mask), 4096
    with torch.inference_mode(), Largest() as largest:
        model(tokens(1, length))
    assert length * 16 <= largest.numbers < length * length
    with torch.inference_mode(), Largest() as explicit:
        model(tokens(1, 256), trace=ForwardTrace())
    assert explicit.numbers >= 256 * 256

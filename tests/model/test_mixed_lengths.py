"""Sequences of mixed lengths in one batch: each is answered as if it stood alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.model import POSITIONS
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.trace import ForwardTrace

LENGTHS = [7, 3, 1, 5]
LAYOUTS = {
    "aligned": Layout(5),
    "aligned, begin": Layout(5, begin=True),
    "appended": Layout(5, appended=True),
    "class": Layout(5, 3, lambda length: 1, appended=True),
    "longer, begin": Layout(5, 4, lambda length: 2 * length + 1, appended=True, begin=True),
}


def model_of(layout: Layout, **settings: object) -> Encoder:
    torch.manual_seed(0)
    config = ModelConfig.model_validate({"d_model": 16, "n_heads": 2, "d_ff": 16, **settings})
    model = build_encoder(config, layout, 9)
    for parameter in model.parameters():  # tables of positions begin at 0, and would tell nothing
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def mixed() -> tuple[Tensor, Tensor]:
    inputs = torch.randint(5, (len(LENGTHS), max(LENGTHS)), generator=torch.Generator().manual_seed(1))
    return inputs, torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("mask", ["none", "causal"])
def test_each_sequence_is_answered_as_if_it_stood_alone(name: str, positions: str, mask: str) -> None:
    layout = LAYOUTS[name]
    model = model_of(layout, positions=positions, mask=mask, attention_scale="log_length", counters=4)
    inputs, may_attend = mixed()
    with torch.inference_mode():
        together, trace = model(inputs, may_attend), ForwardTrace()
        torch.testing.assert_close(model(inputs, may_attend, trace=trace), together)
        for row, length in enumerate(LENGTHS):
            alone = model(inputs[row : row + 1, :length])[0]
            torch.testing.assert_close(together[row, : len(alone)], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("indices", ["consecutive", "randomized"])
@pytest.mark.parametrize("positions", ["sinusoidal", "ends", "learned"])
def test_numbered_positions_don_t_count_padding(indices: str, positions: str) -> None:
    model = model_of(LAYOUTS["longer, begin"], positions=positions, indices=indices)
    inputs, may_attend = mixed()
    with torch.inference_mode():
        together = model(inputs, may_attend)
        for row, length in enumerate(LENGTHS):
            alone = model(inputs[row : row + 1, :length])[0]
            torch.testing.assert_close(together[row, : len(alone)], alone, rtol=1e-4, atol=1e-4)


def test_blanks_beyond_a_sequence_s_own_are_padding() -> None:
    layout = LAYOUTS["longer, begin"]
    inputs, may_attend = mixed()
    at = layout.coordinates(inputs, may_attend)
    assert at.n_keys[:, 0].tolist() == [layout.sequence_length(length) for length in LENGTHS]
    assert at.may_attend is not None
    for row, length in enumerate(LENGTHS):
        alone = layout.coordinates(inputs[row : row + 1, :length])
        real = at.may_attend[row]
        assert at.start[row, real].tolist() == alone.start[0].tolist()
        assert at.end[row, real].tolist() == alone.end[0].tolist()
        assert at.segment is not None
        assert alone.segment is not None
        assert at.segment[real].tolist() == alone.segment.tolist()

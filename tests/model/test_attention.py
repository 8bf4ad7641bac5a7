"""Attention: what it computes, by whichever kernel, and what of it has an effect."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models import ALL, RANDOMIZED, VOCAB, close, make, padding, tokens
from tfcli.model import (
    ATTENTION_SCALES,
    ATTENTIONS,
    POSITIONS,
    attention,
)
from tfcli.model.attention_scale import LogLengthScale
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.softmax import AT_ONCE
from tfcli.model.trace import ForwardTrace, LayerContext
from tfcli.training.optimizers import find_idle


@pytest.mark.parametrize("options", ALL + RANDOMIZED)
@pytest.mark.parametrize("padded", [False, True])
def test_the_fused_kernel_gives_what_the_trace_shows(
    options: dict[str, Any], padded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "is_slow_when_fused", lambda v, bias: False)
    model = make(**options)
    may_attend = padding([9, 5, 1]) if padded else None
    close(model(tokens(), may_attend), model(tokens(), may_attend, trace=ForwardTrace()))


@pytest.mark.parametrize("options", ALL)
def test_each_row_of_weights_sums_to_one_and_makes_the_heads_output(options: dict[str, Any]) -> None:
    model = make(**options)
    trace = ForwardTrace()
    model(tokens(), trace=trace)
    depth = 2 * model.loops
    assert len(trace.layers) == depth
    assert len(trace.residual) == depth + 1
    for layer in trace.layers:
        attention = model.layers[layer.layer].attention
        assert layer.attn_weights.shape == (3, 2, 9, 9)
        close(layer.attn_weights.sum(-1), torch.ones(3, 2, 9))
        close(layer.attn_weights, attention.weigh(layer.scores))
        close(layer.z, layer.attn_weights @ layer.v)
        close(layer.attention.output, attention.out(layer.z.transpose(1, 2).flatten(-2)))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_queries_and_keys_are_left_out_only_where_they_change_nothing(
    positions: str, attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(positions=positions, attention=attention)
    encoding = model.layers[0].attention.positions
    q, at = torch.randn(2, 2, 9, 8), model.indices(model.layout.coordinates(tokens(2), None))
    assert encoding.uses_content == bool(encoding.rotate(q, at).any())
    logits = model(tokens())
    monkeypatch.setattr(type(encoding), "uses_content", True)
    torch.testing.assert_close(model(tokens()), logits)


def without_key_bias(model: Encoder) -> Encoder:
    """Return a copy whose keys have no bias."""
    changed = deepcopy(model)
    for block in changed.layers:
        qkv = block.attention.qkv
        with torch.no_grad():
            if qkv.bias is not None:
                qkv.bias.chunk(3)[1].zero_()
    return changed


@pytest.mark.parametrize("options", ALL, ids=str)
def test_biases_of_keys_are_idle_only_where_they_change_nothing(options: dict[str, Any]) -> None:
    model = make(**options)
    is_idle = [block.attention.has_idle_biases for block in model.layers]
    if any(is_idle):
        close(without_key_bias(model)(tokens()), model(tokens()))
    assert len(find_idle(model)) == sum(is_idle)
    for block, part in zip(model.layers, find_idle(model), strict=False):
        own = nn.utils.parameters_to_vector(model.parameters())[part]
        assert torch.equal(own, block.attention.qkv.bias.chunk(3)[1])


@pytest.mark.parametrize("positions", ["rotary", {"rotary": 1, "ends": 1}])
def test_biases_of_keys_that_are_turned_count(positions: object) -> None:
    model = make(positions=positions)
    assert find_idle(model) == []
    assert not torch.allclose(without_key_bias(model)(tokens()), model(tokens()), rtol=1e-3, atol=1e-3)


def test_shared_attention_is_one_small_projection_for_all_heads() -> None:
    model = make(positions="none", attention="shared", n_layers=1)
    attention = model.layers[0].attention
    x = torch.randn(2, 5, 16)
    w_q, w_k, w_v = attention.qkv.weight.chunk(3)  # [K, K] each
    heads = x.view(2, 5, 2, 8)
    q, k, v = (torch.einsum("bthk,jk->bthj", heads, w) for w in (w_q, w_k, w_v))
    weights = torch.einsum("bqhj,bkhj->bhqk", q, k).div(16**0.5).softmax(-1)
    z = torch.einsum("bhqk,bkhj->bqhj", weights, v).reshape(2, 5, 16)
    at = Layout(VOCAB).coordinates(torch.zeros(2, 5), None)
    expected = z @ attention.out.weight.T + attention.out.bias
    close(attention(x, LayerContext(at)), expected)
    assert attention.qkv.bias is None


def test_log_length_multiplies_the_scores_and_their_bias() -> None:
    model, standard = make(n_layers=1, attention_scale="log_length"), make(n_layers=1)
    standard.load_state_dict({k: v for k, v in model.state_dict().items() if "rescale" not in k})
    rescale = model.layers[0].attention.rescale
    assert isinstance(rescale, LogLengthScale)
    scaled, plain = ForwardTrace(), ForwardTrace()
    model(tokens(), trace=scaled)
    standard(tokens(), trace=plain)
    factor = rescale.b + rescale.s * math.log(9)
    close(scaled.layers[0].scores, plain.layers[0].scores * factor)


@pytest.mark.parametrize(
    ("positions", "length", "grad", "is_fused"),
    [
        ("sinusoidal", AT_ONCE - 1, False, False),
        ("sinusoidal", AT_ONCE, False, True),
        ("sinusoidal", AT_ONCE, True, True),
        ("ends", AT_ONCE, False, True),
        ("ends", 64, True, False),
        ("ends", 65, True, True),
    ],
)
def test_few_tokens_leave_the_fused_kernel(
    positions: str, length: int, grad: bool, is_fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, inputs = make(positions=positions), tokens(2, length)
    expected = model(inputs)
    calls: list[int] = []

    def count(q: Tensor, *others: Any, **settings: Any) -> Tensor:
        calls.append(q.shape[2])
        return fused(q, *others, **settings)

    fused = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", count)
    with torch.set_grad_enabled(grad):
        close(model(inputs), expected)
    assert bool(calls) == is_fused


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("scale", ATTENTION_SCALES)
def test_training_in_bfloat16_on_a_cpu_never_takes_the_slow_kernel(
    positions: str, scale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(positions=positions, attention_scale=scale).train()
    monkeypatch.setattr(attention, "AT_ONCE", 0)  # as if these were not few tokens
    monkeypatch.delattr(torch.nn.functional, "scaled_dot_product_attention")
    with torch.autocast("cpu", torch.bfloat16):
        assert model(tokens()).isfinite().all()

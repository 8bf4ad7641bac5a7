"""Output heads, tied logits with a bias, and answers that are read at the first token."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from tests.models import VOCAB, close, make, padding, tokens
from tfcli.building.models import build_for_training
from tfcli.config.model_section import ModelConfig
from tfcli.config.schema import RunConfig
from tfcli.errors import UsageError
from tfcli.model.layout import Layout
from tfcli.model.norms import LayerNorm
from tfcli.model.output_heads import DenseHead
from tfcli.model.trace import ForwardTrace


@pytest.mark.parametrize(
    ("settings", "activation"),
    [({"activation": "gelu"}, F.gelu), ({"activation": "tanh", "norm_after": False}, torch.tanh)],
)
@pytest.mark.parametrize("tied", [False, True])
def test_a_dense_head_is_its_formula(settings: dict[str, Any], activation: Any, tied: bool) -> None:
    model = make(output_head={"name": "dense", **settings}, tie_embeddings=tied, logit_bias=tied)
    trace, head = ForwardTrace(), model.output_head
    logits = model(tokens(), trace=trace)
    assert isinstance(head, DenseHead)
    expected = activation(F.linear(trace.normed, head.dense.weight, head.dense.bias))
    if settings.get("norm_after", True):
        norm = head.norm
        assert isinstance(norm, LayerNorm)
        expected = F.layer_norm(expected, (16,), norm.weight, norm.bias, 1e-5)
    close(trace.features, expected)
    if tied:
        assert model.logit_bias is not None
        close(logits, expected @ model.embedding.weight.T + model.logit_bias)
    else:
        assert model.unembedding is not None
        close(logits, model.unembedding(expected))


def test_a_bias_of_logits_needs_tied_embeddings() -> None:
    with pytest.raises(ValidationError, match="is about tie_embeddings: true"):
        ModelConfig(logit_bias=True)


def of_first(task: str) -> RunConfig:
    return RunConfig.model_validate(
        {"task": {"name": task, "layout": "first", "min_length": 2}, "model": {"d_model": 16, "n_layers": 1}}
    )


def test_an_answer_can_be_read_at_the_first_token() -> None:
    task, model = build_for_training(of_first("parity"))
    inputs = torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0]])
    trace = ForwardTrace()
    logits = model.eval()(inputs, trace=trace)
    assert logits.shape == (2, 1, 2)
    assert model.layout.first_answer(4) == 0
    close(logits[:, 0], model.read(model.norm(trace.residual[-1][:, :1]))[:, 0])
    assert task.target(inputs).shape == (2, 1)
    close(model(inputs, padding([4, 2]))[1], model(inputs[1:, :2])[0])


def test_the_first_token_is_no_padding() -> None:
    layout = Layout(VOCAB, 2, lambda length: 1, reads_first=True)
    with pytest.raises(ValueError, match="the answer is read at the first token, which may not be padding"):
        layout.coordinates(tokens(), padding([9, 5, 1]).flip(1))


def test_one_answer_is_all_that_is_read_at_the_first_token() -> None:
    with pytest.raises(UsageError, match="first is for answers of one symbol, and copy has 20 for inputs"):
        build_for_training(of_first("copy"))

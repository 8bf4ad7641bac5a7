"""What attention records say: the maps of the pass, orders and places, rollout."""

from __future__ import annotations

from io import StringIO

import pytest
import torch
from rich.console import Console
from torch import Tensor

from tests.handmade import attention_of
from tests.models import make, tokens
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig
from tfcli.inspection.attention import find_symbol_orders, record_attention, rollout, run_with_trace
from tfcli.model.encoder import Encoder
from tfcli.model.positions.level import LevelPositions
from tfcli.model.positions.rank import RankPositions
from tfcli.model.trace import ForwardTrace
from tfcli.records.inspection import Choice
from tfcli.render.attention import print_attention

TASK = build_task(TaskConfig(name="reverse", vocab_size=7, max_length=12))
ROW = tokens(1)[0]


def shown(model: Encoder, choice: Choice) -> Tensor:
    """Return the maps of a record, [layers, heads, T, T]."""
    record = record_attention(model, TASK, ROW, "r", choice)
    return torch.tensor([[head.weights for head in layer.heads] for layer in record.layers])


def test_maps_are_those_of_the_forward_pass_that_answered() -> None:
    model, trace = make(), ForwardTrace()
    logits = model(ROW[None], trace=trace)
    expected = torch.stack([layer.attn_weights[0] for layer in trace.layers])
    torch.testing.assert_close(shown(model, Choice()), expected)
    torch.testing.assert_close(shown(model, Choice([1], [0])), expected[1:, :1])
    torch.testing.assert_close(shown(model, Choice(combine="mean")), expected.mean(1, keepdim=True))
    record = record_attention(model, TASK, ROW, "r", Choice())
    assert record.prediction == TASK.decode(logits[0].argmax(-1).tolist())


def test_a_rank_head_tells_in_which_order_it_ranks_symbols() -> None:
    model = make(positions="rank", n_layers=1)
    positions = attention_of(model).positions
    assert isinstance(positions, RankPositions)
    positions.gate.fill_(100.0)
    positions.tau.data = torch.tensor([0.1, -0.1])
    compare = positions.compare.weight.data.zero_().view(2, 2, RankPositions.FEATURES, 16)
    norm = model.layers[0].norm_attention.before
    # Head 0 prefers what has much in the first channel; head 1 compares nothing.
    value = torch.tensor([3.0, -2.0, 0.5, 7.0, 1.0, -5.0, 2.0])
    model.embedding.weight.data.zero_()
    model.embedding.weight.data[:, 0], model.embedding.weight.data[:, 1] = value, 10.0
    compare[0, 0, 0, 0] = compare[1, 0, 0, 1] = 10.0
    normed = norm(model.embedding.weight)
    goodness = (normed[:, 0] / normed[:, 1]).tolist()  # a_j b_k > a_k b_j
    by_value, by_place = find_symbol_orders(model, TASK)
    assert by_value.symbols == TASK.decode(sorted(range(7), key=goodness.__getitem__))
    assert by_value.ties == "in their order"
    assert (by_place.symbols, by_place.ties) == ([], "in reverse")
    assert find_symbol_orders(make(positions="ends"), TASK) == []


def test_a_rank_head_tells_where_it_ranks_its_keys() -> None:
    model = make(positions="rank", n_layers=1)
    attention_of(model).positions.anneal(1.0)
    [layer] = record_attention(model, TASK, ROW, "r", Choice()).layers
    for head in layer.heads:
        assert head.places is not None
        assert head.places.kind == "ranks"
        ranks = head.places.values
        assert sum(ranks) == pytest.approx(9 * 8 / 2)  # each of the 36 comparisons has one winner
        for query, row in enumerate(head.weights):  # the weight falls with the distance from the query's rank
            nearest = min(range(9), key=lambda key: abs(ranks[key] - query))
            assert row[nearest] == pytest.approx(max(row), abs=1e-5)
    [layer] = record_attention(make(n_layers=1), TASK, ROW, "r", Choice()).layers
    assert [head.places for head in layer.heads] == [None, None]


def test_a_level_head_tells_on_which_level_it_finds_its_keys() -> None:
    model = make(positions="level", n_layers=1)
    trace, _ = run_with_trace(model, ROW)
    positions = attention_of(model).positions
    assert isinstance(positions, LevelPositions)
    expected = positions.places(trace.layers[0].attention.read.clone(), trace.at)[:, :, 0]
    [layer] = record_attention(model, TASK, ROW, "r", Choice()).layers
    found = [head.places.values for head in layer.heads if head.places]
    torch.testing.assert_close(torch.tensor(found), expected[0].detach())
    stream = StringIO()
    console = Console(file=stream, width=80)
    print_attention(console, record_attention(model, TASK, ROW, "r", Choice(heads=[1])))
    assert f"head 1 finds its keys at levels: {ROW[0]}:{expected[0, 1, 0]:.1f}" in stream.getvalue()


def test_rollout_of_one_layer_is_its_mean_with_the_residual() -> None:
    model = make(n_layers=1)
    expected = (shown(model, Choice(combine="mean")) + torch.eye(9)) / 2
    torch.testing.assert_close(shown(model, Choice(combine="rollout")), expected)


def test_rollout_multiplies_the_layers() -> None:
    weights = [torch.rand(2, 4, 4).softmax(-1) for _ in range(3)]
    halves = [(layer.mean(0) + torch.eye(4)) / 2 for layer in weights]
    for found, expected in zip(
        rollout(weights), (halves[0], halves[1] @ halves[0], halves[2] @ halves[1] @ halves[0]), strict=True
    ):
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(found.sum(-1), torch.ones(4))

"""How much of a head's scores comes from content and from position: by hand, and in every kind of model."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from tasks.base import Batch
from tests.handmade import attention_of, blank, point
from tests.models import ALL, VOCAB, close, make, padding, tokens
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig
from tfcli.inspection.attention import record_attention, run_with_trace
from tfcli.inspection.roles import find_roles
from tfcli.inspection.shares import ScoreVariances, measure_variances, share_scores
from tfcli.inspection.tracing import trace_sequence
from tfcli.model import POSITIONS
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.masks import CausalMask, Mask
from tfcli.model.positions.ends import EndsPositions
from tfcli.model.trace import ForwardTrace, LayerTrace
from tfcli.records.inspection import Choice, ScoreShares
from tfcli.render.attention import print_attention
from tfcli.render.shares import name_shares
from tfcli.render.trace import print_trace

TASK = build_task(TaskConfig(name="reverse", vocab_size=VOCAB, max_length=12))
MIXED = {"learned": "the embedding", "sinusoidal": "the embedding", "fractional": "the embedding"}
MIXED |= {"rotary": "queries and keys"}


def traced(content: list[list[float]], bias: list[list[float]], mask: Mask | None = None) -> ScoreVariances:
    """Return the variances of one head whose scores have these parts."""
    layer, n = LayerTrace(0, 0), len(content)
    at = Layout(VOCAB).coordinates(torch.zeros((1, n), dtype=torch.int64), mask=mask)
    layer.bias = torch.tensor(bias, dtype=torch.float32)[None, None]
    closed = at.close(layer.bias, torch.float32)
    assert closed is not None
    layer.scores = torch.tensor(content)[None, None] + closed
    return measure_variances(layer, at)


def share(found: ScoreVariances) -> float:
    [content] = [share_scores(blank(VOCAB, 1), 0, 0, found).content]
    assert content is not None
    return content


def shares_of(model: Encoder, inputs: Tensor, may_attend: Tensor | None = None) -> list[list[ScoreShares]]:
    trace = ForwardTrace()
    model(inputs, may_attend, trace=trace)
    return [
        [share_scores(model, layer.layer, head, found) for head in range(model.n_heads)]
        for layer in trace.layers
        for found in [measure_variances(layer, trace.at)]
    ]


# --- scores made by hand ---


def test_the_share_is_that_of_the_two_variances() -> None:
    found = traced([[0, 2], [2, 0]], [[0, 4], [0, 4]])  # variances 1 and 4 over the keys
    close(torch.stack([found.content, found.position]), torch.tensor([[2.0], [8.0]]).double())
    assert share(found) == pytest.approx(0.2)


def test_what_all_keys_of_a_query_have_in_common_says_nothing() -> None:
    assert share(traced([[0, 2], [9, 7]], [[5, 9], [-5, -1]])) == pytest.approx(0.2)


def test_queries_count_by_how_much_their_scores_vary() -> None:
    assert share(traced([[0, 2], [0, 0]], [[0, 0], [0, 4]])) == pytest.approx(0.2)


@pytest.mark.parametrize(("times", "expected"), [(1, 0.5), (-1, 0.5), (-0.5, 0.2), (2, 0.8)])
def test_parts_that_go_together_or_against_each_other_have_the_shares_of_their_own(
    times: float, expected: float
) -> None:
    bias = torch.tensor([[0.0, 4, 1], [3, 0, 7], [0, 1, 2]])
    assert share(traced((times * bias).tolist(), bias.tolist())) == pytest.approx(expected)


def test_masked_keys_do_not_count() -> None:
    assert share(traced([[0, 99], [0, 2]], [[0, 0], [0, 4]], CausalMask())) == pytest.approx(0.2)


def test_scores_that_are_all_alike_have_no_shares() -> None:
    found = share_scores(blank(VOCAB, 1), 0, 0, traced([[3, 3], [4, 4]], [[1, 1], [2, 2]]))
    assert found == ScoreShares(None, None, "its scores are all alike")


# --- models ---


@pytest.mark.parametrize("options", ALL, ids=str)
def test_content_is_the_product_of_queries_and_keys_and_position_the_rest(options: dict[str, Any]) -> None:
    model, trace = make(**options), ForwardTrace()
    model(tokens(2), trace=trace)
    for layer in trace.layers:
        attention = attention_of(model, layer.layer)
        products = layer.q @ layer.k.transpose(-2, -1) * attention.scale
        bias = torch.zeros(()) if layer.bias is None else layer.bias
        seen = layer.scores.isfinite()
        close(torch.where(seen, products + bias, 0), torch.where(seen, layer.scores, 0))
        for head in range(model.n_heads):
            found = share_scores(model, layer.layer, head, measure_variances(layer, trace.at))
            encoding, _ = attention.positions.of_head(head)
            if not encoding.uses_content:
                assert (found.content, found.position) == (0, 1)
            elif found.untold is None:
                assert found.content is not None
                assert found.position is not None
                assert found.content + found.position == pytest.approx(1)
                assert (found.position > 0) == (layer.bias is not None)
                n = seen.sum(-1)
                varied = (products.where(seen, 0) - (products.where(seen, 0).sum(-1) / n)[..., None]) * seen
                sums = (varied[:, head].square().sum(-1) / n[:, head]).sum()
                close(measure_variances(layer, trace.at).content[head].float(), sums)


@pytest.mark.parametrize(("positions", "place"), MIXED.items())
def test_positions_in_the_vectors_are_not_told_from_content(positions: str, place: str) -> None:
    found = shares_of(make(positions=positions), tokens())
    assert {head for layer in found for head in layer} == {ScoreShares(None, None, f"position is in {place}")}


def test_heads_that_share_out_encodings_are_told_by_their_own() -> None:
    [[turned, biased], _] = shares_of(make(positions={"rotary": 1, "ends": 1}), tokens())
    assert turned.untold == "position is in queries and keys"
    assert biased.content is not None
    [[_, biased], _] = shares_of(make(positions={"learned": 1, "ends": 1}), tokens())
    assert biased.untold == "position is in the embedding"  # of which all heads are given


def test_without_a_bias_all_is_content_and_without_queries_all_is_position() -> None:
    model = make(positions="ends")
    for layer in model.layers:
        positions = layer.attention.positions
        assert isinstance(positions, EndsPositions)
        positions.from_start.data.zero_()
        positions.from_end.data.zero_()
    told = {head for layer in shares_of(model, tokens()) for head in layer}
    assert (
        told
        == {ScoreShares(1.0, 0.0, None)}
        == {h for r in shares_of(make(positions="none"), tokens()) for h in r}
    )
    model = blank(VOCAB, 1)
    point(model, 0, mirror=True)
    assert shares_of(model, tokens()) == [[ScoreShares(0.0, 1.0, None)]]


@pytest.mark.parametrize("options", [{}, {"mask": "causal"}, {"positions": "alibi"}], ids=str)
def test_padding_changes_no_share(options: dict[str, Any]) -> None:
    model = make(**{"positions": "ends", **options})
    inputs, lengths = tokens(2), [9, 5]
    together = shares_of(model, inputs, padding(lengths))
    traces = [ForwardTrace(), ForwardTrace()]
    for i, trace in enumerate(traces):
        model(inputs[i : i + 1, : lengths[i]], trace=trace)
    for number, layer in enumerate(together):
        parts = [measure_variances(trace.layers[number], trace.at) for trace in traces]
        for head, found in enumerate(layer):
            content, both = (
                sum(p.content[head].item() for p in parts),
                sum((p.content + p.position)[head].item() for p in parts),
            )
            assert found.content == pytest.approx(content / both, rel=1e-4)


def test_the_attention_scale_is_of_both_parts() -> None:
    plain, scaled = (
        make(positions="ends", n_layers=1),
        make(positions="ends", n_layers=1, attention_scale="log_length"),
    )
    scaled.load_state_dict(plain.state_dict(), strict=False)
    [before], [after] = shares_of(plain, tokens()), shares_of(scaled, tokens())
    assert [head.content for head in after] == [pytest.approx(head.content, rel=1e-4) for head in before]


# --- the parts themselves ---


@pytest.mark.parametrize("name", sorted(POSITIONS))
def test_the_parts_of_scores_sum_up_to_what_the_weights_are_made_of(name: str) -> None:
    model, row = make(positions=name), tokens(1)[0]
    trace = run_with_trace(model, row)[0]
    record = record_attention(model, TASK, row, "r", Choice(scores=True))
    for layer, traced_layer in zip(record.layers, trace.layers, strict=True):
        for head in layer.heads:
            assert head.scores is not None
            parts = [part for part in (head.scores.content, head.scores.position) if part is not None]
            total = sum(torch.tensor(list(part)) for part in parts)
            torch.testing.assert_close(total, traced_layer.scores[0, int(head.head)], atol=1e-5, rtol=1e-5)
            assert (head.scores.mixed is None) == (name not in MIXED)
            assert (head.scores.content is None) == (not model.layers[0].attention.positions.uses_content)


def test_masked_scores_have_no_parts() -> None:
    model, row = make(positions="ends", mask="causal"), tokens(1)[0]
    record = record_attention(model, TASK, row, "r", Choice(scores=True))
    scores = record.layers[0].heads[0].scores
    assert scores is not None
    assert scores.content is not None
    assert scores.position is not None
    for part in (scores.content, scores.position):
        masked = [[number is None for number in row] for row in part]
        assert masked == [[key > query for key in range(len(row))] for query in range(len(row))]


def test_parts_come_with_single_heads_that_are_asked_for_them() -> None:
    model, row = make(positions="ends"), tokens(1)[0]
    for choice in (Choice(), Choice(combine="mean", scores=True), Choice(combine="rollout", scores=True)):
        record = record_attention(model, TASK, row, "r", choice)
        assert all(head.scores is None for layer in record.layers for head in layer.heads)


# --- where they are shown ---


@pytest.mark.parametrize(
    "options", [{}, {"loops": 2}, {"mask": "causal", "attention_weights": "entmax15"}], ids=str
)
def test_maps_stages_and_heads_have_the_same_shares(options: dict[str, Any]) -> None:
    model, row = make(positions="ends", **options), tokens(1)[0]
    record = record_attention(model, TASK, row, "r", Choice())
    shown = [head.shares for layer in record.layers for head in layer.heads]
    roles = find_roles(model, TASK, [Batch(row[None], TASK.target(row[None]))])
    assert [head.shares for head in roles] == shown
    for head in range(model.n_heads):
        stages = trace_sequence(model, TASK, row, run="r", heads=[head]).stages
        assert [stage.shares for stage in stages if stage.name == "scores"] == shown[head :: model.n_heads]
        assert all((stage.shares is None) == (stage.name != "scores") for stage in stages)


def test_many_sequences_count_as_one() -> None:
    model, inputs = make(positions="ends"), tokens(4)
    found = find_roles(model, TASK, [Batch(part, TASK.target(part)) for part in (inputs[:1], inputs[1:])])
    expected = [head for layer in shares_of(model, inputs) for head in layer]
    assert [head.shares.content for head in found] == [pytest.approx(head.content) for head in expected]
    single = Batch(inputs[:, :1], inputs[:, :1])
    assert find_roles(model, TASK, [single])[0].shares.untold == "its scores are all alike"


def printed(model: Encoder, **choice: Any) -> str:
    out = StringIO()
    print_attention(
        Console(file=out, width=80), record_attention(model, TASK, tokens(1)[0], "r", Choice(**choice))
    )
    return " ".join(out.getvalue().split())


def test_maps_say_what_the_scores_come_from() -> None:
    model = make(positions="ends")
    [[first, second], _] = shares_of(model, tokens(1))
    text = printed(model)
    assert f"scores of layer 0: head 0 {name_shares(first)}; head 1 {name_shares(second)}" in text
    assert "scores of layer 1: each head content 0.00 / position 1.00" in text
    said = "scores of layer 1: each head content / position untold: position is in the embedding"
    assert said in printed(make(positions="learned"))
    assert "scores of" not in printed(model, combine="mean") + printed(model, combine="rollout")


def test_shares_add_up_as_they_are_printed() -> None:
    assert name_shares(ScoreShares(0.125, 0.875, None)) == "content 0.12 / position 0.88"
    assert name_shares(ScoreShares(1.0, 0.0, None)) == "content 1.00 / position 0.00"


def test_the_stage_of_the_scores_says_it_too() -> None:
    out = StringIO()
    record = trace_sequence(make(positions="ends"), TASK, tokens(1)[0], run="r", layers=[0])
    print_trace(Console(file=out, width=80), record, full=False)
    [line] = [line for line in out.getvalue().splitlines() if "/ position" in line]
    [told] = [stage.shares for stage in record.stages if stage.shares is not None]
    assert line.strip() == name_shares(told)

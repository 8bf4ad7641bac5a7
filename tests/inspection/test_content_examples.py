"""The examples in which tokens find each other by what they are: queries and keys decide, not position."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tasks.base import Batch
from tests.making import train_once
from tfcli.checkpoints.loading import LoadedRun, load_run
from tfcli.evaluation import held_out_set, score
from tfcli.inspection.ablation import report_heads
from tfcli.model.trace import ForwardTrace
from tfcli.records.inspection import HeadReport

EXAMPLES = ("chinese", "histogram", "lookup", "brackets", "collocation")


@pytest.fixture(params=EXAMPLES)
def run(request: pytest.FixtureRequest, shared: Path) -> LoadedRun:
    """Return a trained example, loaded afresh."""
    return load_run(train_once(shared, request.param) / "runs" / request.param)


def held_out(run: LoadedRun) -> list[Batch]:
    return held_out_set(run.task, 200, torch.device("cpu"), 1)


def that_matters(run: LoadedRun) -> HeadReport:
    """Return the head without which least is right; most examples have but one."""
    report = report_heads(run.model, run.task, held_out(run), run="", name="")
    return min(report.heads, key=lambda head: head.zeroed.exact_match)


def weights_of(run: LoadedRun, inputs: Tensor, head: int) -> Tensor:
    """Return the weights of a head on the tokens of the input, [B, M, T], where answers are read."""
    trace = ForwardTrace()
    with torch.inference_mode():
        run.model(inputs, trace=trace)
    begin, T = int(run.model.layout.begin), inputs.shape[1]
    return trace.layers[0].attn_weights[:, head, run.model.layout.first_answer(T) :, begin : begin + T]


@pytest.mark.xdist_group("content")
def test_the_scores_come_from_content(run: LoadedRun) -> None:
    content = that_matters(run).shares.content
    assert content is not None
    assert content >= 0.8


@pytest.mark.xdist_group("content")
def test_without_the_position_bias_the_answer_stays(run: LoadedRun) -> None:
    batches = held_out(run)
    assert score(run.model, batches).exact_match > 0.98
    [block] = run.model.layers
    positions = block.attention.positions
    assert positions.in_scores is not None
    for parameter in positions.parameters():
        parameter.data.zero_()
    assert score(run.model, batches).token_accuracy > 0.95
    for parameter in block.attention.qkv.parameters():  # without queries and keys, it doesn't
        parameter.data[: 2 * run.config.model.d_model] = 0
    assert score(run.model, batches).exact_match < 0.6


@pytest.mark.xdist_group("content")
def test_tokens_that_change_places_take_their_weights_along(run: LoadedRun) -> None:
    inputs = max(held_out(run), key=lambda batch: batch.inputs.shape[1]).inputs
    order = torch.randperm(inputs.shape[1], generator=torch.Generator().manual_seed(0))
    head = that_matters(run).head
    moved, stayed = weights_of(run, inputs[:, order], head), weights_of(run, inputs, head)
    queries = order if stayed.shape[1] == len(order) else [0]  # an answer each, or one
    by_content = (moved - stayed[:, queries][:, :, order]).abs().sum(-1).mean() / 2
    by_place = (moved - stayed).abs().sum(-1).mean() / 2
    assert by_content < 0.1 < 0.2 < by_place

"""Layouts: what a model reads, where it stands, and where it answers."""

from __future__ import annotations

import pytest
import torch

from tasks.base import Task
from tfcli.building.models import build_encoder, build_model, build_task
from tfcli.config.model_section import ModelConfig
from tfcli.config.schema import RunConfig
from tfcli.inspection.attention import record_attention
from tfcli.inspection.roles import find_roles
from tfcli.inspection.tracing import trace_sequence
from tfcli.model import POSITIONS
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.positions.ends import EndsPositions
from tfcli.model.trace import ForwardTrace
from tfcli.records.inspection import Choice

INPUTS = torch.tensor([[2, 0, 1]])


def test_aligned_reads_the_input_and_nothing_else() -> None:
    layout = Layout(3)
    assert layout.tokens(INPUTS).tolist() == [[2, 0, 1]]
    assert (layout.sequence_length(3), layout.first_answer(3), layout.n_tokens) == (3, 0, 3)
    at = layout.coordinates(INPUTS, None)
    assert (at.start.tolist(), at.end.tolist(), at.segment) == ([[0, 1, 2]], [[2, 1, 0]], None)


def test_appended_reads_a_blank_for_each_answer_and_counts_it_anew() -> None:
    layout = Layout(3, 4, lambda length: length + 1, appended=True)
    assert layout.tokens(INPUTS).tolist() == [[2, 0, 1, 3, 3, 3, 3]]
    assert layout.labels(["c", "a", "b"]) == ["c", "a", "b", "_", "_", "_", "_"]
    at = layout.coordinates(INPUTS, None)
    assert at.start.tolist() == [[0, 1, 2, 0, 1, 2, 3]]
    assert at.end.tolist() == [[2, 1, 0, 3, 2, 1, 0]]
    assert at.segment is not None
    assert at.segment.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert (at.n_keys.item(), at.longest, layout.first_answer(3)) == (7, 4, 3)


@pytest.mark.parametrize("appended", [False, True])
def test_a_begin_token_is_a_segment_of_its_own(appended: bool) -> None:
    layout = Layout(3, appended=appended, begin=True)
    blanks = [3] * 3 if appended else []
    assert layout.tokens(INPUTS).tolist() == [[layout.n_tokens - 1, 2, 0, 1, *blanks]]
    at = layout.coordinates(INPUTS, None)
    assert at.start[0, :4].tolist() == [0, 0, 1, 2]
    assert at.segment is not None
    assert at.segment.tolist() == [1 + appended, 0, 0, 0, *([1] * len(blanks))]
    assert layout.first_answer(3) == 1 + 3 * appended


def model_for(name: str, begin: bool = False, **options: object) -> tuple[Encoder, Task]:
    model = {"d_model": 16, "n_heads": 2, "n_layers": 2, "begin_token": begin, **options}
    config = RunConfig.model_validate({"task": {"name": name, "layout": "appended"}, "model": model})
    task = build_task(config.task)
    torch.manual_seed(0)
    made = build_model(config, task)
    for block in made.layers:
        for parameter in block.attention.positions.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return made.eval(), task


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize("name", ["reverse", "parity", "duplicate", "square-root", "binary-addition"])
def test_every_encoding_answers_every_length_of_answer(positions: str, begin: bool, name: str) -> None:
    model, task = model_for(name, begin, positions=positions)
    batch = task.sample_held_out(4, 9, torch.Generator().manual_seed(0))
    logits = model(batch.inputs)
    assert logits.shape == (*batch.targets.shape, len(task.answer_symbols))
    trace = ForwardTrace()
    torch.testing.assert_close(model(batch.inputs, trace=trace), logits)
    L = model.layout.sequence_length(9)
    assert trace.layers[0].attn_weights.shape == (4, 2, L, L)


@pytest.mark.parametrize("positions", ["ends", "rank", "rotary"])
@pytest.mark.parametrize("name", ["reverse", "parity", "duplicate", "stack-manipulation"])
def test_inspection_knows_the_tokens_and_where_the_answers_are(positions: str, name: str) -> None:
    model, task = model_for(name, begin=True, positions=positions)
    inputs = task.sample_held_out(1, 6, torch.Generator().manual_seed(0)).inputs[0]
    record = record_attention(model, task, inputs, "r", Choice())
    M = task.answer_length(6)
    assert record.tokens == ["^", *record.input, *["_"] * M]
    assert record.first_answer == 7
    assert len(record.layers[0].heads[0].weights) == len(record.tokens)
    found = trace_sequence(model, task, inputs, run="r")
    assert (found.tokens, found.first_answer) == (record.tokens, 7)
    assert found.stages[-1].rows == list(range(7, 7 + M))
    assert found.stages[-1].answer is not None
    assert found.stages[-1].answer[: len(record.prediction)] == record.prediction
    assert found.stages[0].rows == list(range(7 + M))
    only_input = trace_sequence(model, task, inputs, run="r", position=2)
    assert "logits" not in [stage.name for stage in only_input.stages], "no answer is read there"


def test_a_head_that_copies_into_the_blanks_has_the_role() -> None:
    model, task = model_for("copy")
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    for block in model.layers:
        positions = block.attention.positions
        assert isinstance(positions, EndsPositions)
        to_input = 2 * (2 * positions.reach + 1)  # queries of segment 1, keys of segment 0
        positions.from_start.data[to_input + positions.reach] = 5.0
    batch = task.sample_held_out(30, 6, torch.Generator().manual_seed(0))
    for head in find_roles(model, task, [batch]):
        assert {"source", "same position"} <= set(head.roles)
        assert head.patterns["same position"].weight == pytest.approx(1, abs=1e-3)
        assert head.patterns["same position"].chance == pytest.approx(1 / 12)


def test_learned_positions_know_answers_that_are_longer_than_the_input() -> None:
    model, _task = model_for("duplicate", positions="learned")
    assert model.takes(20)
    assert not model.takes(21)
    assert model(torch.zeros(1, 20, dtype=torch.int64)).shape == (1, 40, 10)
    with pytest.raises(ValueError, match="know lengths up to 20, not 21"):
        model(torch.zeros(1, 21, dtype=torch.int64))


def test_aligned_is_as_it_was_without_layouts() -> None:
    """A model of one segment has no parameters for others."""
    for positions in POSITIONS:
        config = ModelConfig.model_validate({"positions": positions})
        names = {name for name, _ in build_encoder(config, Layout(10), 20).named_parameters()}
        assert not [name for name in names if "between" in name or "end_from" in name]

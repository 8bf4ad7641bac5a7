"""The stages of the forward pass, each computed again from those before it."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from tests.handmade import attention_of, reverser
from tests.models import ALL, make, tokens
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig
from tfcli.inspection.attention import run_with_trace
from tfcli.inspection.tracing import measure_deviation, tolerance, trace_sequence
from tfcli.model.attention import Attention
from tfcli.model.blocks import PLACEMENTS
from tfcli.model.encoder import Encoder
from tfcli.model.positions.ends import EndsPositions
from tfcli.model.trace import ForwardTrace, SublayerTrace
from tfcli.records.inspection import TraceRecord
from tfcli.render.trace import print_trace

TASK = build_task(TaskConfig(name="reverse", vocab_size=7, max_length=12))
ROW = tokens(1)[0]


def staged(model: Encoder, row: Tensor = ROW, **options: Any) -> TraceRecord:
    chosen = {"layers": [], "position": None, **options}
    return trace_sequence(model, TASK, row, run="r", **chosen)


@pytest.mark.parametrize("options", ALL)
@pytest.mark.parametrize("length", [1, 9])
def test_every_stage_comes_out_the_same_when_computed_again(options: dict[str, Any], length: int) -> None:
    model = make(**options)
    record = staged(model, ROW[:length], heads=[1])
    assert 0 < record.deviation < 1e-3
    assert record.deviation == max(stage.deviation for stage in record.stages)
    for stage in record.stages:
        assert stage.axes[0] == "channel" or stage.shape[0] == length
        assert [len(row) for row in stage.values] == [stage.shape[1]] * stage.shape[0]
        if stage.name == "scores" and "mask" in options:
            continue
        assert all(value is not None for row in stage.values for value in row)


def tamper(value: Tensor) -> Tensor:
    changed = value.clone()
    changed[..., 0, 0] += 0.1
    return changed


def disagrees(model: Encoder, trace: ForwardTrace) -> bool:
    """Whether some stage comes out otherwise when it is computed again."""
    with torch.inference_mode():
        return any(measure_deviation(stage) > tolerance(stage) for _, stage in model.stages(ROW, trace))


@pytest.mark.parametrize("name", ["q", "k", "v", "scores", "attn_weights", "z"])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_stage_that_is_not_what_the_model_computed_is_found_out(name: str, layer: int) -> None:
    model = make()
    trace, _ = run_with_trace(model, ROW)
    assert not disagrees(model, trace)
    setattr(trace.layers[layer], name, tamper(getattr(trace.layers[layer], name)))
    assert disagrees(model, trace)


@pytest.mark.parametrize("name", SublayerTrace._fields)
@pytest.mark.parametrize("sublayer", ["attention", "feed_forward"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_so_is_what_goes_into_a_sublayer_and_comes_of_it(name: str, sublayer: str, placement: str) -> None:
    model = make(norm_placement=placement)
    trace, _ = run_with_trace(model, ROW)
    made = getattr(trace.layers[1], sublayer)
    setattr(trace.layers[1], sublayer, made._replace(**{name: tamper(getattr(made, name))}))
    assert disagrees(model, trace)


@pytest.mark.parametrize("name", ["embedding", "normed", "logits"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_so_is_what_stands_before_and_after_the_layers(name: str, placement: str) -> None:
    model = make(norm_placement=placement)
    trace, _ = run_with_trace(model, ROW)
    setattr(trace, name, tamper(getattr(trace, name)))
    assert disagrees(model, trace)


@pytest.mark.parametrize("name", ["summed", "embedding", "normed", "features", "logits"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_so_is_what_a_norm_of_embeddings_and_an_output_head_make(name: str, placement: str) -> None:
    model = make(norm_placement=placement, embedding_norm=True, output_head="dense")
    trace, _ = run_with_trace(model, ROW)
    setattr(trace, name, tamper(getattr(trace, name)))
    assert disagrees(model, trace)


def test_a_discrepancy_is_shown_with_its_stage_and_is_no_crash() -> None:
    model = make(n_layers=1)
    norm = model.layers[0].norm_attention.before
    norm.recompute = lambda x: x + 1  # type: ignore[method-assign]
    record = staged(model)
    assert [stage.name for stage in record.stages if not stage.agrees] == ["layer norm"]
    assert not record.agrees
    assert not staged(model, stages=["scores"]).agrees  # also where it isn't shown
    stream = StringIO()
    print_trace(Console(file=stream, width=80), record, full=False)
    assert "warning: computed again, it differs by" in stream.getvalue()


def test_very_large_scores_are_no_discrepancy() -> None:
    model = make(n_layers=1)
    positions = attention_of(model).positions
    assert isinstance(positions, EndsPositions)
    positions.from_start.data *= 1e4
    assert staged(model).deviation < 1


@pytest.mark.parametrize(
    ("options", "stage", "words"),
    [
        ({"positions": "none"}, "embedding", "The model never learns where it stands."),
        ({"positions": "learned"}, "embedding", "A learned vector for its position is added."),
        ({"positions": "rotary"}, "keys", "It is turned by angles that grow with the position."),
        (
            {"positions": "rank"},
            "queries",
            "It is multiplied by 0, for content is compared in the ranks alone.",
        ),
        ({"positions": "rank"}, "position bias", "How far the key's rank"),
        ({"attention_scale": "log_length"}, "queries", "times b + s log(number of keys)"),
        ({"attention_scale": "log_length"}, "position bias", "times b + s log(number of keys)"),
        (
            {"attention": "shared"},
            "values",
            "slice of its vector, through the W_v that all heads share.",
        ),
        ({"attention_weights": "entmax15"}, "attention weights", "1.5-entmax"),
    ],
)
def test_stages_say_what_this_model_does(options: dict[str, Any], stage: str, words: str) -> None:
    found = next(found for found in staged(make(n_layers=1, **options)).stages if found.name == stage)
    assert words in f"{found.explanation} {found.formula}"


def test_stages_go_from_the_embedding_to_the_answer() -> None:
    model = make(n_layers=1)
    record = staged(model)
    attending = ["W_q", "W_k", "W_v", "queries", "keys", "values", "position bias", "scores"]
    looking = ["attention weights", "weighted sum", "concatenated heads", "W_o", "projection"]
    rest = ["residual", "layer norm", "feed-forward", "residual", "layer norm", "logits"]
    names = [stage.name for stage in record.stages]
    assert names == ["embedding", "layer norm", *attending, *looking, *rest]
    logits = record.stages[-1]
    torch.testing.assert_close(torch.tensor(logits.values), model(ROW[None])[0])
    assert logits.answer == record.prediction
    last_residual = record.stages[-3]
    assert last_residual.answer == record.prediction  # nothing comes after it but the final norm
    weights = next(stage for stage in record.stages if stage.name == "attention weights")
    torch.testing.assert_close(torch.tensor(weights.values).sum(-1), torch.ones(9))


def test_a_post_norm_model_has_its_norms_after_the_residuals() -> None:
    model = make(n_layers=1, norm_placement="post", positions="none")
    names = [stage.name for stage in staged(model).stages]
    assert names[:2] == ["embedding", "W_q"]
    assert names[-6:] == ["residual", "layer norm", "feed-forward", "residual", "layer norm", "logits"]
    assert "position bias" not in names


def test_stages_can_be_chosen() -> None:
    model = make()
    record = staged(model, layers=[1], heads=[1], position=2)
    assert {stage.layer for stage in record.stages} == {None, 1}
    assert {stage.head for stage in record.stages} == {None, 1}
    whole = staged(model, heads=[1])
    for stage in record.stages:
        same = whole.stages[stage.number - 1]
        assert (stage.name, stage.layer, stage.number) == (same.name, same.layer, same.number)
        kept = range(9) if stage.name in ("keys", "values") else [2]  # a query needs those of all
        kept = range(stage.shape[0]) if stage.axes[0] == "channel" else kept
        assert stage.rows == list(kept)
        assert stage.values == [same.values[row] for row in kept]


@pytest.mark.parametrize("attention", ["full", "shared"])
def test_the_learned_matrices_are_those_that_make_queries_and_outputs(attention: str) -> None:
    model = make(n_layers=1, attention=attention, positions="none")
    model.requires_grad_(False)
    stages = staged(model, heads=[1]).stages  # of two norms the first comes before the attention
    shown = {stage.name: torch.tensor(stage.values) for stage in reversed(stages)}
    heads = model.layers[0].attention
    read = shown["layer norm"] if attention == "full" else shown["layer norm"].chunk(2, dim=-1)[1]
    for letter, name, i in (("q", "queries", 0), ("k", "keys", 1), ("v", "values", 2)):
        bias = torch.tensor(0.0) if heads.qkv.bias is None else heads.qkv.bias.chunk(3)[i].chunk(2)[1]
        torch.testing.assert_close(read @ shown[f"W_{letter}"] + bias, shown[name], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(shown["weighted sum"], shown["concatenated heads"].chunk(2, dim=-1)[1])
    output = shown["concatenated heads"] @ shown["W_o"] + heads.out.bias
    torch.testing.assert_close(output, shown["projection"], atol=1e-5, rtol=1e-4)


def test_a_class_that_projects_otherwise_shows_no_matrices_that_it_does_not_use() -> None:
    class Own(Attention):
        def recompute_projections(self, x: Tensor) -> list[Tensor]:
            return super().recompute_projections(x)

    model = make(n_layers=1)
    model.layers[0].attention.__class__ = Own
    names = [stage.name for stage in staged(model).stages]
    assert [name for name in names if name.startswith("W_")] == ["W_o"]


def test_a_model_that_compares_no_content_shows_no_matrices_for_it() -> None:
    names = [stage.name for stage in staged(make(n_layers=1, positions="rank")).stages]
    assert "W_v" in names
    assert not {"W_q", "W_k"} & set(names)


def test_reading_the_stream_early_shows_when_the_answer_is_there() -> None:
    model = reverser(vocab_size=7)
    record = staged(model, torch.tensor([3, 1, 2]))
    read = {(stage.name, stage.layer): stage.answer for stage in record.stages if stage.answer}
    assert read["residual", 0] == ["2", "1", "3"]
    assert read["embedding", None] != ["2", "1", "3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [2]}, "there is no layer 2; this model's layers are 0 to 1"),
        ({"heads": [2]}, "there is no head 2; this model's heads are 0 to 1"),
        ({"heads": [-1]}, "there is no head -1"),
        ({"position": 9}, "there is no position 9; this sequence's are 0 to 8"),
    ],
)
def test_what_is_not_there_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        staged(make(), **options)

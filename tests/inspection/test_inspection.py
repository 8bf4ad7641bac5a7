"""Looking inside: rollout, the stages of the forward pass, and activation patching."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from tests.handmade import attention_of, reverser
from tests.models import ALL, make, tokens
from tfcli.building.models import build_encoder, build_task
from tfcli.config.model_section import ModelConfig
from tfcli.config.task_section import TaskConfig
from tfcli.inspection.attention import find_symbol_orders, record_attention, rollout, run_with_trace
from tfcli.inspection.patching import patch_parts
from tfcli.inspection.tracing import measure_deviation, tolerance, trace_sequence
from tfcli.model.attention import Attention
from tfcli.model.blocks import PLACEMENTS
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.positions.ends import EndsPositions
from tfcli.model.positions.level import LevelPositions
from tfcli.model.positions.rank import RankPositions
from tfcli.model.trace import ForwardTrace, SublayerTrace
from tfcli.records.inspection import Choice, Patched, TraceRecord
from tfcli.render.attention import print_attention
from tfcli.render.trace import print_trace

TASK = build_task(TaskConfig(name="reverse", vocab_size=7, max_length=12))
ROW = tokens(1)[0]


def shown(model: Encoder, choice: Choice) -> Tensor:
    """Return the maps of a record, [layers, heads, T, T]."""
    record = record_attention(model, TASK, ROW, "r", choice)
    return torch.tensor([[head.weights for head in layer.heads] for layer in record.layers])


# --- attention and rollout ---


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


# --- stages ---


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


# --- patching ---


def patches(model: Encoder, clean: list[int], corrupt: list[int]) -> dict[tuple[str, Any, Any], Patched]:
    record = patch_parts(model, TASK, torch.tensor(clean), torch.tensor(corrupt), "r")
    return {(patch.part, patch.layer, patch.head): patch for patch in record.patches}


@pytest.mark.parametrize("options", ALL)
def test_patching_everything_restores_everything(options: dict[str, Any]) -> None:
    model = make(**options)
    torch.manual_seed(0)
    model.embedding.weight.data.normal_(std=20)  # so that answers depend on the input
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.data.zero_()
    clean, corrupt = ROW, (ROW + 1) % 7
    record = patch_parts(model, TASK, clean, corrupt, "r")
    everything = record.patches[-1]
    assert everything.part == "everything"
    assert everything.restored == pytest.approx(1, abs=1e-3)
    assert everything.prediction == record.clean.prediction
    embedding = record.patches[0]  # all else follows from it
    assert embedding.restored == pytest.approx(1, abs=1e-3)
    feeds = model.layers[0].feed_forward is not None
    assert len(record.patches) == 2 + 2 * model.loops * (2 + 1 + feeds)


def test_the_head_that_carries_the_answer_restores_it() -> None:
    found = patches(reverser(vocab_size=7), [1, 2, 3, 4], [1, 2, 5, 4])
    assert found["head", 0, 0].restored == pytest.approx(1, abs=1e-4)
    assert found["head", 0, 0].prediction == ["4", "3", "2", "1"]
    assert found["head", 0, 1].restored == pytest.approx(0, abs=1e-4)
    assert found["feed-forward", 0, None].restored == pytest.approx(0, abs=1e-4)
    assert found["attention", 0, None].restored == pytest.approx(1, abs=1e-4)


def test_what_comes_after_the_end_of_an_answer_is_neither_patched_nor_shown() -> None:
    task = build_task(TaskConfig(name="stack-manipulation", layout="appended"))
    clean, corrupt = (torch.tensor(task.encode(text)) for text in ("0 1 pop pop", "1 1 pop push0"))
    layout = Layout(5, 3, task.answer_length, appended=True)
    differing = []
    for seed in range(20):
        torch.manual_seed(seed)
        model = build_encoder(ModelConfig(d_model=16, n_heads=2, n_layers=1), layout, 12).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        record = trace_sequence(model, task, clean, run="r")
        shown = [stage.answer for stage in record.stages if stage.answer is not None]
        assert all("end" not in answer[:-1] for answer in shown)
        assert shown[-1] == record.prediction
        if run_with_trace(model, clean)[1][0] != run_with_trace(model, corrupt)[1][0]:
            differing.append(patch_parts(model, task, clean, corrupt, "r"))
    assert differing
    for patched in differing:
        assert patched.positions == [0]
        assert patched.clean.target == ["end"]
        assert patched.corrupt.target == ["0", "1", "end"]
        assert all("end" not in patch.prediction[:-1] for patch in patched.patches)


def test_patching_measures_where_the_answers_differ() -> None:
    record = patch_parts(reverser(7), TASK, torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 5, 4]), "r")
    assert record.positions == [1]
    low, high = record.difference
    assert low < 0 < high
    assert record.clean.correct
    assert record.corrupt.prediction == ["4", "5", "2", "1"]


@pytest.mark.parametrize(
    ("clean", "corrupt", "message"),
    [
        ([1, 2], [1, 2, 3], "the clean sequence has 2 tokens and the corrupt one 3"),
        ([1, 2], [1, 2], "both sequences get the same answer"),
    ],
)
def test_sequences_that_cannot_be_compared_are_refused(
    clean: list[int], corrupt: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        patches(reverser(7), clean, corrupt)

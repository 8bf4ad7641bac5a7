"""The model against oracles: torch's own encoder, an einsum, and itself with a trace."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from tests.models import ALL, LONGEST, RANDOMIZED, VOCAB, close, make, padding, tokens
from tfcli.building.models import build_encoder
from tfcli.config.fields import Activation
from tfcli.config.model_section import ModelConfig
from tfcli.model import (
    ATTENTION_WEIGHTS,
    ATTENTIONS,
    FEED_FORWARDS,
    MASKS,
    NORMS,
    POSITIONS,
)
from tfcli.model.blocks import PLACEMENTS
from tfcli.model.embedding import PatchEmbedding
from tfcli.model.feed_forward import ACTIVATIONS
from tfcli.model.layout import Layout
from tfcli.model.trace import ForwardTrace, Intervention, LayerContext


def torch_layer(block: nn.Module, norm: str, activation: str) -> nn.TransformerEncoderLayer:
    """torch's own layer with the weights of `block`."""
    layer = nn.TransformerEncoderLayer(
        16, 2, 24, dropout=0.0, activation=activation, batch_first=True, norm_first=norm == "pre"
    )
    ours = block.state_dict()
    place = "before" if norm == "pre" else "after"
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.out.",
        "linear1.": "feed_forward.expand.",
        "linear2.": "feed_forward.contract.",
        "norm1.": f"norm_attention.{place}.",
        "norm2.": f"norm_feed_forward.{place}.",
    }
    layer.load_state_dict({t + kind: ours[o + kind] for t, o in names.items() for kind in ("weight", "bias")})
    return layer.eval()


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("padded", [False, True])
def test_a_block_is_torchs_encoder_layer(norm: str, activation: str, padded: bool) -> None:
    feed_forward = {"name": "mlp", "activation": activation}
    model = make(positions="none", norm_placement=norm, feed_forward=feed_forward, n_layers=2)
    may_attend = padding([9, 5, 1]) if padded else None
    x = model.embedding(tokens())
    for block in model.layers:
        x = torch_layer(block, norm, activation)(
            x, src_key_padding_mask=None if may_attend is None else ~may_attend
        )
    expected = model.read(model.norm(x))
    kept = torch.ones(3, 9, dtype=torch.bool) if may_attend is None else may_attend
    close(model(tokens(), may_attend)[kept], expected[kept])


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("mask", ["none", "causal", "window:2"])
def test_any_parts_go_together(positions: str, mask: str) -> None:
    """Every encoding x mask x norm x feed-forward: fused as traced, and padding changes nothing."""
    for norm, feed_forward in product(NORMS, FEED_FORWARDS):
        model = make(positions=positions, mask=mask, norm=norm, feed_forward=feed_forward)
        logits = model(tokens(2, 7), padding([7, 4]))
        close(logits, model(tokens(2, 7), padding([7, 4]), trace=ForwardTrace()))
        close(logits[1, :4], model(tokens(2, 7)[1:, :4])[0])


@pytest.mark.parametrize("options", ALL)
def test_padding_changes_nothing(options: dict[str, Any]) -> None:
    model = make(**options)
    batch, lengths = tokens(), [9, 5, 1]
    left = padding(lengths).flip(1)
    before = model(batch.flip(1), left)
    for row, length in enumerate(lengths):
        close(before[row, -length:], model(batch.flip(1)[row : row + 1, -length:])[0])
    trace = ForwardTrace()
    logits = model(batch, padding(lengths), trace=trace)
    for row, length in enumerate(lengths):
        close(logits[row, :length], model(batch[row : row + 1, :length])[0])
    for layer in trace.layers:
        assert (layer.attn_weights[1, :, :5, 5:] == 0).all()


@pytest.mark.parametrize("norm_placement", PLACEMENTS)
@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_a_placement_is_its_formula(norm_placement: str, norm: str) -> None:
    model, trace = make(norm_placement=norm_placement, norm=norm, n_layers=1), ForwardTrace()
    logits = model(tokens(), trace=trace)
    block, x = model.layers[0], trace.embedding
    at = LayerContext(trace.at)
    a, f, n, m = block.attention, block.feed_forward, block.norm_attention, block.norm_feed_forward
    assert f is not None
    assert m is not None
    if norm_placement == "pre":
        y = x + a(n.before(x), at)
        y = y + f(m.before(y))
    elif norm_placement == "post":
        y = n.after(x + a(x, at))
        y = m.after(y + f(y))
    elif norm_placement == "sandwich":
        y = x + n.inside(a(n.before(x), at))
        y = y + m.inside(f(m.before(y)))
    else:
        y = x + a(n.before(x), at) + f(n.before(x))
    close(y, trace.residual[1])
    close(model.read(model.norm(y)), logits)


def test_loops_apply_the_same_blocks_again() -> None:
    looped, twice = make(loops=2, n_layers=1), make(n_layers=2)
    own = looped.state_dict()
    twice.load_state_dict({name: own[name.replace("blocks.1.", "blocks.0.")] for name in twice.state_dict()})
    trace = ForwardTrace()
    close(looped(tokens(), trace=trace), twice(tokens()))
    assert [(layer.loop, layer.layer) for layer in trace.layers] == [(0, 0), (1, 0)]
    without = Intervention(heads=frozenset({(1, 0, 1)}))
    close(
        looped(tokens(), intervention=without),
        twice(tokens(), intervention=Intervention(heads=frozenset({(0, 1, 1)}))),
    )


def test_tied_embeddings_read_the_answer_off_with_the_embedding() -> None:
    model, trace = make(tie_embeddings=True), ForwardTrace()
    close(model(tokens(), trace=trace), trace.normed @ model.embedding.weight.T)


def test_scaled_embeddings_are_multiplied_by_the_root_of_the_width() -> None:
    model, trace = make(scale_embeddings=True, positions="none"), ForwardTrace()
    model(tokens(), trace=trace)
    close(trace.embedding, model.embedding.weight[tokens()] * 4)


@pytest.mark.parametrize("options", ALL + RANDOMIZED)
def test_float64_is_exact_to_rounding_with_padding(options: dict[str, Any]) -> None:
    model = make(**options).double()
    batch, mask = tokens(), padding([9, 5, 1])
    torch.testing.assert_close(
        model(batch, mask)[mask], model(batch, mask, trace=ForwardTrace())[mask], rtol=1e-9, atol=1e-9
    )
    for row, length in enumerate([9, 5, 1]):
        alone = model(batch[row : row + 1, :length])[0]
        torch.testing.assert_close(model(batch, mask)[row, :length], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("attention_weights", ATTENTION_WEIGHTS)
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("mask", MASKS)
def test_a_sequence_of_nothing_but_padding_is_refused(
    mask: str, attention: str, attention_weights: str, traced: bool
) -> None:
    model = make(mask=mask, attention=attention, attention_weights=attention_weights)
    with pytest.raises(ValueError, match="a sequence of the batch is all padding"):
        model(tokens(), padding([9, 5, 0]), trace=ForwardTrace() if traced else None)


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        (torch.ones(3, 9), r"float32 \[3, 9\]"),
        (torch.ones(3, 9, dtype=torch.int64), r"int64 \[3, 9\]"),
        (torch.ones(3, 8, dtype=torch.bool), r"bool \[3, 8\]"),
        (torch.ones(9, dtype=torch.bool), r"bool \[9\]"),
    ],
)
def test_a_padding_mask_of_another_kind_is_refused(mask: Tensor, found: str) -> None:
    with pytest.raises(ValueError, match=rf"may_attend must be bool \[3, 9\], as the inputs, not {found}"):
        make()(tokens(), mask)


SMOOTH = [o for o in ALL if "counters" not in o and o.get("positions") != "level"]  # which round


@pytest.mark.parametrize("options", SMOOTH)
def test_gradients_are_those_of_finite_differences(options: dict[str, Any]) -> None:
    model = make(**{"d_model": 4, "n_heads": 2, "d_ff": 3, "n_layers": 1, **options}).double()
    names, values = zip(*model.named_parameters(), strict=True)

    def logits(*parameters: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(
            model, dict(zip(names, parameters, strict=True)), (tokens(1, 3),)
        )
        return found

    parameters = [value.detach().requires_grad_() for value in values]
    assert torch.autograd.gradcheck(logits, parameters, fast_mode=True)


def test_without_positions_permuting_the_input_permutes_the_logits() -> None:
    model, batch = make(positions="none"), tokens()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(3))
    close(model(batch[:, order]), model(batch)[:, order])


@pytest.mark.parametrize("positions", sorted(POSITIONS.keys() - {"none"}))
def test_with_positions_order_matters(positions: str) -> None:
    model, batch = make(positions=positions), tokens()
    assert (model(batch.roll(1, 1)) - model(batch).roll(1, 1)).abs().max() > 1e-3


def test_dropout_is_off_outside_training() -> None:
    model = make(dropout=0.5)
    assert torch.equal(model(tokens()), model(tokens()))
    model.train()
    assert not torch.equal(model(tokens()), model(tokens()))
    with pytest.raises(RuntimeError, match="eval"):
        model(tokens(), trace=ForwardTrace())


@pytest.mark.parametrize(
    ("d_model", "n_heads", "n_layers", "d_ff"), [(1, 1, 1, 1), (6, 3, 3, 5), (48, 16, 1, 7)]
)
def test_any_sizes_that_fit(d_model: int, n_heads: int, n_layers: int, d_ff: int) -> None:
    config = ModelConfig(d_model=d_model, n_heads=n_heads, n_layers=n_layers, d_ff=d_ff)
    assert build_encoder(config, Layout(VOCAB), LONGEST)(tokens()).shape == (3, 9, VOCAB)


def test_the_tables_and_the_choices_agree() -> None:
    assert set(get_args(get_args(Activation)[0])) == set(ACTIVATIONS)
    assert set(get_args(ModelConfig.model_fields["norm_placement"].annotation)) == set(PLACEMENTS)


@pytest.mark.parametrize(
    "options",
    [
        {"appended": True},
        {"appended": True, "begin": True},
        {"reads_first": True, "begin": True},
        {"reads_first": True},
    ],
)
@pytest.mark.parametrize("scaled", [False, True])
def test_numbers_are_projected_and_their_tokens_have_the_first_row(
    options: dict[str, bool], scaled: bool
) -> None:
    config = ModelConfig.model_validate(
        {"d_model": 16, "n_heads": 2, "positions": "learned", "input": "patches", "scale_embeddings": scaled}
    )
    layout = Layout(1, 10, lambda length: 1, n_features=3, **options)
    model, inputs = build_encoder(config, layout, 9).eval(), torch.rand(4, 9, 3)
    model.requires_grad_(False)
    trace = ForwardTrace()
    logits = model(inputs, trace=trace)
    assert logits.shape == (4, 1, 10)
    close(model(inputs), logits)
    assert isinstance(model.embedding, PatchEmbedding)
    rows, projected = model.embedding.weight, inputs @ model.embedding.projection.weight.T
    first = int(layout.begin)
    expected = rows[layout.tokens(inputs)]
    expected[:, first : first + 9] += projected
    learned = trace.embedding - expected * (4 if scaled else 1)
    close(learned, learned[:1].expand_as(learned))  # what is left are the positions, the same for all
    for _, stage in model.stages(inputs[0], trace):
        close(stage.kept.double(), stage.again.double())
    mask = torch.arange(9) < torch.tensor([9, 5, 3, 1])[:, None]
    for row, count in enumerate([9, 5, 3, 1]):
        close(model(inputs, mask)[row], model(inputs[row : row + 1, :count])[0])

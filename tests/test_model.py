"""The model against oracles: torch's own encoder, an einsum, and itself with a trace."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tfcli.config import ModelConfig
from tfcli.layouts import Layout
from tfcli.model import (
    ACTIVATIONS,
    ATTENTION_SCALES,
    ATTENTIONS,
    BLOCKS,
    Encoder,
    LayerContext,
    LogLengthScale,
    PreNormBlock,
)
from tfcli.normalizers import NORMALIZERS
from tfcli.positions import POSITIONS
from tfcli.traces import ForwardTrace, Intervention

VOCAB, LONGEST = 7, 12
ALL: list[dict[str, Any]] = [
    {"positions": positions, "attention": attention, "norm": norm}
    for positions in POSITIONS
    for attention in ATTENTIONS
    for norm in BLOCKS
]
ALL += [{"positions": p, "attention_scale": "log_length", "norm": "pre"} for p in POSITIONS]
ALL += [{"positions": p, "normalizer": "entmax15", "norm": "pre"} for p in POSITIONS]
ALL += [{"positions": p, "counters": 3, "norm": "pre"} for p in ("none", "ends")]
NUMBERED = [p for p in POSITIONS if p not in ("rank", "level", "landmark")]  # the others compute their places
RANDOMIZED = [{"positions": p, "indices": "randomized", "norm": "pre"} for p in NUMBERED]


def make(seed: int = 0, **options: Any) -> Encoder:
    """A small model whose every parameter is random, so that none can hide."""
    torch.manual_seed(seed)
    model = Encoder(ModelConfig(d_model=16, n_heads=2, d_ff=24, **options), Layout(VOCAB), LONGEST)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def blocks(model: Encoder) -> list[PreNormBlock]:
    return [block for block in model.blocks if isinstance(block, PreNormBlock)]


def tokens(rows: int = 3, length: int = 9, seed: int = 1) -> Tensor:
    return torch.randint(VOCAB, (rows, length), generator=torch.Generator().manual_seed(seed))


def padding(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def torch_layer(block: nn.Module, norm: str, activation: str) -> nn.TransformerEncoderLayer:
    """torch's own layer with the weights of `block`."""
    layer = nn.TransformerEncoderLayer(
        16, 2, 24, dropout=0.0, activation=activation, batch_first=True, norm_first=norm == "pre"
    )
    ours = block.state_dict()
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.out.",
        "linear1.": "feed_forward.expand.",
        "linear2.": "feed_forward.contract.",
        "norm1.": "norm_attention.",
        "norm2.": "norm_feed_forward.",
    }
    layer.load_state_dict({t + kind: ours[o + kind] for t, o in names.items() for kind in ("weight", "bias")})
    return layer.eval()


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("padded", [False, True])
def test_a_block_is_torchs_encoder_layer(norm: str, activation: str, padded: bool) -> None:
    model = make(positions="none", norm=norm, activation=activation, n_layers=2)
    may_attend = padding([9, 5, 1]) if padded else None
    x = model.embedding(tokens())
    for block in blocks(model):
        x = torch_layer(block, norm, activation)(
            x, src_key_padding_mask=None if may_attend is None else ~may_attend
        )
    expected = model.unembedding(model.norm(x))
    kept = torch.ones(3, 9, dtype=torch.bool) if may_attend is None else may_attend
    close(model(tokens(), may_attend)[kept], expected[kept])


@pytest.mark.parametrize("options", ALL + RANDOMIZED)
@pytest.mark.parametrize("padded", [False, True])
def test_the_fused_kernel_gives_what_the_trace_shows(options: dict[str, Any], padded: bool) -> None:
    model = make(**options)
    may_attend = padding([9, 5, 1]) if padded else None
    close(model(tokens(), may_attend), model(tokens(), may_attend, trace=ForwardTrace()))


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
        assert (layer.attn_weights[1, :, :, 5:] == 0).all()


@pytest.mark.parametrize("options", ALL)
def test_each_row_of_weights_sums_to_one_and_makes_the_heads_output(options: dict[str, Any]) -> None:
    model = make(**options)
    trace = ForwardTrace()
    model(tokens(), trace=trace)
    assert len(trace.layers) == 2
    assert len(trace.residual) == 3
    for layer in trace.layers:
        assert layer.attn_weights.shape == (3, 2, 9, 9)
        close(layer.attn_weights.sum(-1), torch.ones(3, 2, 9))
        close(layer.attn_weights, NORMALIZERS[options.get("normalizer", "softmax")](layer.scores))
        assert layer.z.shape == (3, 2, 9, 8)


@pytest.mark.parametrize("options", ALL)
def test_the_traced_weights_are_those_the_prediction_used(options: dict[str, Any]) -> None:
    """The answer can be computed again from the traced weights alone."""
    model = make(**options)
    trace = ForwardTrace()
    logits = model(tokens(), trace=trace)
    for layer, block in enumerate(blocks(model)):
        x = trace.residual[layer]
        context = LayerContext(layer, model.positions, Layout(VOCAB).coordinates(tokens(), None))
        normed = block.norm_attention(x) if options["norm"] == "pre" else x
        _, _, v = block.attention.project(normed)
        z = trace.layers[layer].attn_weights @ v
        x = x + block.attention.out(z.transpose(1, 2).flatten(-2))
        if options["norm"] == "pre":
            x = x + block.feed_forward(block.norm_feed_forward(x), context)
        else:
            x = block.norm_attention(x)
            x = block.norm_feed_forward(x + block.feed_forward(x, context))
        close(x, trace.residual[layer + 1])
    close(model.unembedding(model.norm(x)), logits)


def test_shared_attention_is_one_small_projection_for_all_heads() -> None:
    model = make(positions="none", attention="shared", n_layers=1)
    attention = blocks(model)[0].attention
    x = torch.randn(2, 5, 16)
    w_q, w_k, w_v = attention.qkv.weight.chunk(3)  # [K, K] each
    heads = x.view(2, 5, 2, 8)
    q, k, v = (torch.einsum("bthk,jk->bthj", heads, w) for w in (w_q, w_k, w_v))
    weights = torch.einsum("bqhj,bkhj->bhqk", q, k).div(16**0.5).softmax(-1)
    z = torch.einsum("bhqk,bkhj->bqhj", weights, v).reshape(2, 5, 16)
    at = Layout(VOCAB).coordinates(torch.zeros(2, 5), None)
    expected = z @ attention.out.weight.T + attention.out.bias
    close(attention(x, LayerContext(0, model.positions, at)), expected)
    assert attention.qkv.bias is None


def test_without_positions_permuting_the_input_permutes_the_logits() -> None:
    model, batch = make(positions="none"), tokens()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(3))
    close(model(batch[:, order]), model(batch)[:, order])


@pytest.mark.parametrize("positions", sorted(POSITIONS.keys() - {"none"}))
def test_with_positions_order_matters(positions: str) -> None:
    model, batch = make(positions=positions), tokens()
    assert (model(batch.roll(1, 1)) - model(batch).roll(1, 1)).abs().max() > 1e-3


@pytest.mark.parametrize("trace", [None, ForwardTrace()])
def test_a_removed_head_adds_nothing(trace: ForwardTrace | None) -> None:
    model = make(n_layers=1)
    without = Intervention({"z": torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)})
    removed = model(tokens(), intervention=without, trace=trace)
    attention = blocks(model)[0].attention
    attention.out.weight.data[:, 8:] = 0  # the columns that read head 1
    close(removed, model(tokens()))


@pytest.mark.parametrize("norm", list(BLOCKS))
@pytest.mark.parametrize(
    ("part", "module"), [("attended", "attention.out"), ("fed", "feed_forward.contract")]
)
def test_a_removed_sublayer_adds_nothing(part: str, module: str, norm: str) -> None:
    model = make(n_layers=2, norm=norm)
    removed = model(tokens(), intervention=Intervention({part: torch.tensor([1.0, 0.0]).view(2, 1, 1)}))
    for parameter in blocks(model)[1].get_submodule(module).parameters():
        parameter.data.zero_()
    close(removed, model(tokens()))


@pytest.mark.parametrize("options", ALL)
def test_replacing_every_part_gives_the_other_answer(options: dict[str, Any]) -> None:
    """Heads, feed-forwards and embedding together are all that the answer is made of."""
    model = make(**options)
    other = ForwardTrace()
    expected = model(tokens(seed=2), trace=other)
    nothing = torch.zeros(2, 1, 1)
    everything = {"z": nothing[..., None], "fed": nothing, "embedding": torch.zeros(())}
    close(model(tokens(), intervention=Intervention(everything, other)), expected)
    only_heads = model(tokens(), intervention=Intervention({"z": nothing[..., None]}, other))
    assert (only_heads - expected).abs().max() > 1e-3


def test_keeping_everything_changes_nothing() -> None:
    model, one = make(), torch.ones(2, 1, 1)
    keep = {"z": one[..., None], "attended": one, "fed": one, "embedding": torch.ones(())}
    assert torch.equal(model(tokens(), intervention=Intervention(keep)), model(tokens()))


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
    assert Encoder(config, Layout(VOCAB), LONGEST)(tokens()).shape == (3, 9, VOCAB)


TABLES: dict[str, dict[str, Any]] = {
    "positions": POSITIONS,
    "attention": ATTENTIONS,
    "attention_scale": ATTENTION_SCALES,
    "normalizer": NORMALIZERS,
    "norm": BLOCKS,
    "activation": ACTIVATIONS,
}


def test_log_length_multiplies_the_scores_and_their_bias() -> None:
    model, standard = make(n_layers=1, attention_scale="log_length"), make(n_layers=1)
    standard.load_state_dict({k: v for k, v in model.state_dict().items() if "rescale" not in k})
    rescale = blocks(model)[0].attention.rescale
    assert isinstance(rescale, LogLengthScale)
    scaled, plain = ForwardTrace(), ForwardTrace()
    model(tokens(), trace=scaled)
    standard(tokens(), trace=plain)
    factor = rescale.b + rescale.s * math.log(9)
    close(scaled.layers[0].scores, plain.layers[0].scores * factor)


def test_the_tables_hold_what_the_configuration_offers() -> None:
    fields = ModelConfig.model_fields
    for name, table in TABLES.items():
        assert set(get_args(fields[name].annotation)) == set(table)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("scale", ATTENTION_SCALES)
def test_training_in_bfloat16_on_a_cpu_never_takes_the_slow_kernel(
    positions: str, scale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(positions=positions, attention_scale=scale).train()
    monkeypatch.delattr(torch.nn.functional, "scaled_dot_product_attention")
    with torch.autocast("cpu", torch.bfloat16):
        assert model(tokens()).isfinite().all()


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Notes the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        outputs = made if isinstance(made, tuple | list) else [made]
        self.numbers = max(self.numbers, *(x.numel() for x in outputs if isinstance(x, Tensor)), 0)
        return made


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "rotary"])
def test_nothing_of_the_size_of_all_pairs_is_made_at_a_length_of_4096(positions: str) -> None:
    """The other encodings put a bias on each pair, which the kernel wants to have as a whole."""
    model, length = make(positions=positions, n_layers=1), 4096
    with torch.inference_mode(), Largest() as largest:
        model(tokens(1, length))
    assert length * 16 <= largest.numbers < length * length
    with torch.inference_mode(), Largest() as explicit:
        model(tokens(1, 256), trace=ForwardTrace())
    assert explicit.numbers >= 256 * 256

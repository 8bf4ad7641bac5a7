"""Tensors by the names of TransformerLens: what they compute, written out, is what the model answers.

Axes: b batch, q query, k key, h head, d d_model, e d_head, f d_ff, v symbol.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, einsum, nn

from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.errors import UsageError
from tfcli.exporting.lens import ACTIVATIONS, NORMS, LensModel, make_lens
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout

CLOSE = 1e-5  # of the largest logit
SYMBOLS, LONGEST, SEPARATOR = 7, 12, 3
THEIR_ACTIVATIONS: dict[str, Any] = {
    "gelu": F.gelu,
    "relu": F.relu,
    "silu": F.silu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
}
MASKED = {"positions": "learned", "norm_placement": "post", "embedding_norm": True, "output_head": "dense"}
TYPED = {"token_types": {"name": "separated", "separator": SEPARATOR}}
FIRST = Layout(SYMBOLS, 3, lambda length: 1, reads_first=True)
CASES: list[dict[str, Any]] = [
    {"positions": name, "mask": mask}
    for name in ("none", "learned", "sinusoidal", "rotary")
    for mask in ("none", "causal")
]
CASES += [{"norm": {"name": "layer", "epsilon": 0.5}}, *({"norm": name} for name in NORMS)]
CASES += [{"feed_forward": {"name": "mlp", "activation": name}} for name in ACTIVATIONS]
CASES += [{"feed_forward": "none"}, {"feed_forward": "gated", "bias": False}, {"norm_placement": "parallel"}]
CASES += [{"feed_forward": "none", "norm_placement": "parallel"}, {"loops": 2, "scale_embeddings": True}]
CASES += [{"tie_embeddings": True, "logit_bias": True}, {"layout": Layout(SYMBOLS, 4)}, {"layout": FIRST}]
CASES += [MASKED, {**MASKED, **TYPED}, {**MASKED, "tie_embeddings": True, "logit_bias": True}]


def name(options: dict[str, Any]) -> str:
    """Return what a case is called, in every process alike."""
    return ", ".join(f"{key} {'' if key == 'layout' else value}" for key, value in options.items())


def make(options: dict[str, Any]) -> tuple[ModelConfig, Encoder]:
    torch.manual_seed(0)
    options = {"positions": "learned", **options}
    layout = options.pop("layout", Layout(SYMBOLS))
    config = ModelConfig.model_validate({"d_model": 16, "n_heads": 2, "n_layers": 2, "d_ff": 24, **options})
    model = build_encoder(config, layout, LONGEST)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return config, model.eval()


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert float((found - expected).abs().max() / expected.abs().max()) < CLOSE


def types_of(ids: Tensor) -> Tensor:
    ends = (ids == SEPARATOR).long()
    return (ends.cumsum(1) - ends).clamp(max=1)


def norm(made: LensModel, name: str, x: Tensor) -> Tensor:
    if made.config["normalization_type"] is None:
        return x
    if made.config["normalization_type"] == "LN":
        x = x - x.mean(-1, keepdim=True)
    x = x / (x.square().mean(-1, keepdim=True) + made.config["eps"]).sqrt() * made.tensors[f"{name}.w"]
    return x + made.tensors[f"{name}.b"] if f"{name}.b" in made.tensors else x


def turn(x: Tensor) -> Tensor:
    """Turn adjacent pairs of channels [b, q, h, e] by angles that grow with the position."""
    e = x.shape[-1]
    angles = torch.arange(x.shape[1])[:, None] * 10_000 ** (-torch.arange(0, e, 2) / e)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())  # type: ignore[no-untyped-call]
    turned = pairs * torch.polar(torch.ones_like(angles), angles)[None, :, None]
    return torch.view_as_real(turned).flatten(-2)


def attend(made: LensModel, prefix: str, x: Tensor) -> Tensor:
    t = {
        name: made.tensors[f"{prefix}attn.{name}"]
        for name in ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V", "b_O")
    }
    q, k, v = (einsum("bqd,hde->bqhe", x, t[f"W_{part}"]) + t[f"b_{part}"] for part in "QKV")
    if made.config["positional_embedding_type"] == "rotary":
        q, k = turn(q), turn(k)
    scores = einsum("bqhe,bkhe->bhqk", q, k) / made.config["d_head"] ** 0.5
    if made.config["attention_dir"] == "causal":
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    z = einsum("bhqk,bkhe->bqhe", scores.softmax(-1), v)
    return einsum("bqhe,hed->bqd", z, t["W_O"]) + t["b_O"]


def feed(made: LensModel, prefix: str, x: Tensor) -> Tensor:
    t, activation = made.tensors, THEIR_ACTIVATIONS[made.config["act_fn"]]
    hidden = einsum("bqd,df->bqf", x, t[f"{prefix}mlp.W_in"])
    if made.config["gated_mlp"]:
        hidden = (
            activation(einsum("bqd,df->bqf", x, t[f"{prefix}mlp.W_gate"])) * hidden + t[f"{prefix}mlp.b_in"]
        )
    else:
        hidden = activation(hidden + t[f"{prefix}mlp.b_in"])
    return einsum("bqf,fd->bqd", hidden, t[f"{prefix}mlp.W_out"]) + t[f"{prefix}mlp.b_out"]


def hooked_transformer(made: LensModel, ids: Tensor) -> Tensor:
    t, config = made.tensors, made.config
    x = t["embed.W_E"][ids]
    if config["positional_embedding_type"] == "standard":
        x = x + t["pos_embed.W_pos"][: ids.shape[1]]
    for layer in range(config["n_layers"]):
        prefix = f"blocks.{layer}."
        attended = attend(made, prefix, norm(made, f"{prefix}ln1", x))
        if config["parallel_attn_mlp"]:
            x = x + attended + feed(made, prefix, norm(made, f"{prefix}ln2", x))
            continue
        x = x + attended
        if not config["attn_only"]:
            x = x + feed(made, prefix, norm(made, f"{prefix}ln2", x))
    return norm(made, "ln_final", x) @ t["unembed.W_U"] + t["unembed.b_U"]


def hooked_encoder(made: LensModel, ids: Tensor, types: Tensor) -> Tensor:
    t = made.tensors
    x = t["embed.embed.W_E"][ids] + t["embed.pos_embed.W_pos"][: ids.shape[1]]
    x = norm(made, "embed.ln", x + t["embed.token_type_embed.W_token_type"][types])
    for layer in range(made.config["n_layers"]):
        prefix = f"blocks.{layer}."
        x = norm(made, f"{prefix}ln1", x + attend(made, prefix, x))
        x = norm(made, f"{prefix}ln2", x + feed(made, prefix, x))
    x = norm(made, "mlm_head.ln", F.gelu(x @ t["mlm_head.W"] + t["mlm_head.b"]))
    return x @ t["unembed.W_U"] + t["unembed.b_U"]


def answers(model: Encoder, ids: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(ids)
    return logits


def sequences() -> Tensor:
    return torch.randint(SYMBOLS, (3, LONGEST), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("options", CASES, ids=name)
def test_what_the_names_say_computes_what_the_run_does(options: dict[str, Any]) -> None:
    config, model = make(options)
    made, ids = make_lens(config, model, LONGEST), sequences()
    if made.class_name == "HookedEncoder":
        found = hooked_encoder(
            made, ids, types_of(ids) if "token_types" in options else torch.zeros_like(ids)
        )
    else:
        found = hooked_transformer(made, ids)
    expected = answers(model, ids)
    assert_close(found[:, : expected.shape[1]], expected)


@pytest.mark.parametrize("options", CASES, ids=name)
def test_the_library_computes_it_too(options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports, and that it ends with version 3
        library: Any = pytest.importorskip("transformer_lens", exc_type=ImportError)
        try:
            cls = getattr(library, "HookedTransformer"), library.HookedTransformerConfig  # noqa: B009
        except ImportError:
            pytest.skip("TransformerLens has no HookedTransformer from version 4 on")
        config, model = make(options)
        made, ids = make_lens(config, model, LONGEST), sequences()
        theirs = getattr(library, made.class_name)(cls[1](**made.config, device="cpu"))
        missing, unexpected = theirs.load_state_dict(made.tensors, strict=False)
        words = {"token_type_ids": types_of(ids)} if "token_types" in options else {}
        with torch.no_grad():
            found = theirs(ids, **words)
    assert not unexpected
    made_by_itself = ("mask", "IGNORE", "rotary_sin", "rotary_cos")
    unused = ("pooler", "nsp_head")
    assert all(name.endswith(made_by_itself) or name.startswith(unused) for name in missing)
    expected = answers(model, ids)
    assert_close(found[:, : expected.shape[1]], expected)


REFUSED = [
    ({"positions": "ends"}, "HookedTransformer doesn't have model.positions ends;"),
    ({"positions": {"learned": 1, "rotary": 1}}, "model.positions {learned: 1, rotary: 1};"),
    ({"input": "patches"}, "doesn't have model.input patches;"),
    ({"mask": "window:2", "counters": 2}, "doesn't have model.counters 2, model.mask window;"),
    ({"attention": "shared"}, "doesn't have model.attention shared;"),
    ({"attention_scale": "log_length"}, "doesn't have model.attention_scale log_length;"),
    ({"attention_weights": "entmax15"}, "doesn't have model.attention_weights entmax15;"),
    ({"norm_placement": "sandwich"}, "doesn't have model.norm_placement sandwich;"),
    ({"begin_token": True}, "doesn't have model.begin_token true;"),
    ({"indices": "randomized"}, "doesn't have model.indices randomized;"),
    ({"embedding_norm": True}, "doesn't have model.embedding_norm true;"),
    ({"output_head": "dense"}, "doesn't have model.output_head dense;"),
    ({"feed_forward": {"name": "mlp", "activation": "relu2"}}, "model.feed_forward.activation relu2;"),
    ({"feed_forward": "gated"}, "doesn't have model.bias true beside model.feed_forward gated;"),
    ({"layout": Layout(SYMBOLS, appended=True)}, "doesn't have task.layout appended;"),
    ({**MASKED, "norm": "rms"}, "HookedEncoder doesn't have model.norm rms;"),
    (
        {**MASKED, "output_head": {"name": "dense", "activation": "tanh"}},
        "activation: tanh, norm_after: true};",
    ),
    (
        {**MASKED, "token_types": {**TYPED["token_types"], "count": 3}},
        "doesn't have model.token_types.count 3;",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_the_library_does_not_have_is_named(options: dict[str, Any], message: str) -> None:
    config, model = make(options)
    with pytest.raises(UsageError) as caught:
        make_lens(config, model, LONGEST)
    assert message in str(caught.value)
    assert str(caught.value).endswith("; --to onnx takes nearly any")

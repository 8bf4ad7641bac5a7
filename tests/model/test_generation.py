"""Going on with a sequence: with cached keys and values as without."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.model import (
    ATTENTION_SCALES,
    ATTENTION_WEIGHTS,
    ATTENTIONS,
    FEED_FORWARDS,
    NORMS,
    OUTPUT_HEADS,
    POSITIONS,
    POSITIONS_FROM_THE_END,
)
from tfcli.model.blocks import PLACEMENTS
from tfcli.model.coordinates import Coordinates
from tfcli.model.decoding import CachedModel, can_cache
from tfcli.model.encoder import Encoder
from tfcli.model.generation import Sampling, draw, generate
from tfcli.model.layout import Layout
from tfcli.model.positions.alibi import AlibiPositions
from tfcli.model.sizes import Sizes

V = 7
BY_PLACE = ["none", "learned", "sinusoidal", "rotary", "alibi", "relative"]


def model_of(begin: bool = False, open_ended: bool = True, **settings: Any) -> Encoder:
    torch.manual_seed(0)
    config = ModelConfig.model_validate(
        {"d_model": 16, "n_heads": 2, "d_ff": 16, "mask": "causal", **settings}
    )
    model = build_encoder(config, Layout(V, begin=begin, open_ended=open_ended), 40)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model.eval()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


PARTS: dict[str, Iterable[str]] = {
    "attention": ATTENTIONS,
    "attention_scale": ATTENTION_SCALES,
    "attention_weights": ATTENTION_WEIGHTS,
    "norm": NORMS,
    "norm_placement": PLACEMENTS,
    "feed_forward": FEED_FORWARDS,
    "output_head": OUTPUT_HEADS,
}
SETTINGS: list[dict[str, Any]] = [{"positions": name, "begin": b} for name in BY_PLACE for b in (False, True)]
SETTINGS += [
    {"positions": positions, key: name}
    for key, table in PARTS.items()
    for name in table
    for positions in ("rotary", "relative")
]
SETTINGS += [
    {"positions": {"rotary": 1, "alibi": 1}},
    {"positions": {"relative": 1, "none": 1}, "attention_scale": "log_length"},
    {"positions": "rotary", "loops": 2, "counters": 3},
    {"positions": "rotary", "norm_placement": "parallel", "tie_embeddings": True, "scale_embeddings": True},
    {"positions": "rotary", "embedding_norm": True, "output_head": "dense", "norm_placement": "post"},
    {"positions": "learned", "token_types": {"name": "separated", "separator": 1}},
]


def assert_cached_is_whole(model: Encoder) -> None:
    inputs = torch.randint(V, (3, 20), generator=generator())
    whole = model(inputs)
    cache = CachedModel(model)
    with torch.inference_mode():
        for length in range(6, 21):
            found = cache.read(inputs[:, :length])
            torch.testing.assert_close(found, whole[:, length - 1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_cache_gives_the_logits_of_the_whole_pass(settings: dict[str, Any]) -> None:
    model = model_of(**settings)
    assert can_cache(model)
    assert_cached_is_whole(model)


class Square(AlibiPositions):
    """A penalty on the square of the distance, which makes all rows where the last would do."""

    def bias(self, x: Tensor, at: Coordinates) -> Tensor:
        return -((at.start[:, None, :, None] - at.start[:, None, None, :]) ** 2).float().expand(-1, 2, -1, -1)


def test_an_encoding_that_knows_no_cache_is_cached_as_well() -> None:
    model = model_of(positions="alibi")
    sizes = Sizes(16, 2, 8, 16, 40, 40)
    for block in model.layers:
        block.attention.positions = Square(sizes)
    assert can_cache(model)
    assert_cached_is_whole(model)


@pytest.mark.parametrize("name", BY_PLACE)
def test_one_row_of_the_position_bias_is_made_for_one_query(name: str) -> None:
    model = model_of(positions=name)
    encoding, x = model.layers[0].attention.positions, torch.zeros(1, 9, 16)
    at = model.layout.coordinates(torch.zeros(1, 12, dtype=torch.int64), None, model.mask)
    whole, row = encoding.bias(x, at.part(0, 9)), encoding.bias(x, at.part(8, 9).keys)
    assert (whole is None) == (row is None) == (name not in ("alibi", "relative"))
    if whole is not None and row is not None:
        assert row.shape == (1, 2, 1, 9)
        torch.testing.assert_close(row, whole[:, :, -1:])


def test_a_part_of_the_coordinates_is_where_these_tokens_stand() -> None:
    layout = Layout(V, begin=True, open_ended=True)
    longer, found = (layout.coordinates(torch.zeros(1, n, dtype=torch.int64)) for n in (9, 5))
    part = longer.part(4, 6)
    assert part.start.tolist() == found.start[:, 4:].tolist() == [[3, 4]]
    assert part.order.tolist() == found.order[:, 4:].tolist()
    assert (part.n_keys.item(), part.longest) == (found.n_keys.item(), found.longest) == (6, 5)
    assert (part.keys.start.tolist(), part.keys.queries.tolist()) == (found.start.tolist(), [[3, 4]])


def test_hooks_are_called_with_a_cache_too() -> None:
    model, seen = model_of(positions="rotary"), []
    model.layers[0].norm_attention.before.register_forward_hook(
        lambda *call: seen.append(call[1][0].shape[1])
    )
    symbols = generate(model, torch.tensor([[1, 2]]), Sampling(), generator())
    assert [int(next(symbols)) >= 0 for _ in range(3)] == [True] * 3
    assert seen == [2, 1, 1]


def test_onednn_is_left_out_for_single_tokens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = model_of(positions="rotary"), []
    unembed = type(model).unembed

    def look(self: Encoder, features: Tensor) -> Tensor:
        seen.append(bool(torch.backends.mkldnn.enabled))
        return unembed(self, features)

    monkeypatch.setattr(type(model), "unembed", look)
    before = bool(torch.backends.mkldnn.enabled)
    symbols = generate(model, torch.tensor([[1, 2, 3]]), Sampling(), generator())
    for _ in range(3):
        next(symbols)
        assert bool(torch.backends.mkldnn.enabled) is before
    assert seen == [before, False, False]


def test_a_model_in_training_mode_generates_without_dropout() -> None:
    model = model_of(positions="rotary", dropout=0.5)
    found = []
    for cached in (True, False):
        symbols = generate(model.train(), torch.tensor([[1, 2]]), Sampling(), generator(), cached=cached)
        found.append([int(next(symbols)) for _ in range(9)])
    assert found[0] == found[1]


@pytest.mark.parametrize("positions", sorted(set(POSITIONS) - set(POSITIONS_FROM_THE_END)))
def test_no_token_sees_what_comes_after_it(positions: str) -> None:
    model = model_of(positions=positions)
    inputs = torch.randint(V, (2, 12), generator=generator())
    with torch.inference_mode():
        whole = model(inputs)
        for length in (1, 5, 11):
            torch.testing.assert_close(model(inputs[:, :length]), whole[:, :length], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("positions", POSITIONS_FROM_THE_END)
def test_an_encoding_that_counts_from_the_end_is_refused(positions: str) -> None:
    with pytest.raises(ValueError, match="counts from the end"):
        model_of(positions=positions)(torch.zeros(1, 4, dtype=torch.int64))


@pytest.mark.parametrize("positions", sorted(set(POSITIONS) - set(POSITIONS_FROM_THE_END)))
def test_the_same_symbols_come_with_and_without_a_cache(positions: str) -> None:
    model = model_of(positions=positions)
    assert can_cache(model) == (positions in BY_PLACE)
    inputs = torch.tensor([[1, 2]])
    found = []
    for cached in (True, False):
        symbols = generate(model, inputs, Sampling(0.8, 4), generator(3), cached=cached)
        found.append([int(next(symbols)) for _ in range(20)])
    assert found[0] == found[1]
    assert len(set(found[0])) > 1


def test_only_the_most_probable_symbols_are_chosen() -> None:
    logits = torch.tensor([[0.0, 3.0, 2.0, 1.0]]).expand(200, 4)
    assert set(Sampling(1.0, 2).choose(logits, generator()).tolist()) == {1, 2}
    assert set(Sampling(5.0).choose(logits, generator()).tolist()) == {0, 1, 2, 3}
    assert set(Sampling(0.0).choose(logits, generator()).tolist()) == {1}


def test_a_draw_is_the_one_of_multinomial() -> None:
    probabilities = torch.randn(50, 9, generator=generator()).softmax(-1)
    expected = torch.multinomial(probabilities, 1, generator=generator(5))
    assert draw(probabilities, generator(5)).tolist() == expected.tolist()


def test_a_model_that_sees_what_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="see what comes after them"):
        next(generate(model_of(open_ended=False), torch.tensor([[1]]), Sampling(), generator()))


@pytest.mark.parametrize("begin", [False, True])
def test_the_end_of_learned_positions_is_told(begin: bool) -> None:
    model = model_of(positions="learned", begin=begin)
    symbols = generate(model, torch.zeros(1, 39, dtype=torch.int64), Sampling(), generator())
    assert [int(next(symbols)) >= 0 for _ in range(2)] == [True, True]
    with pytest.raises(ValueError, match="know lengths up to 40, not 41"):
        next(symbols)


def test_a_cache_saves_time() -> None:
    model = model_of(positions="rotary", d_model=64, n_heads=4, d_ff=256)
    seconds: list[float] = []
    for cached in (True, False):
        inputs = torch.zeros(1, 1, dtype=torch.int64)
        symbols = generate(model, inputs, Sampling(), generator(), cached=cached)
        started = time.perf_counter()
        for _ in range(300):
            next(symbols)
        seconds.append(time.perf_counter() - started)
    assert seconds[0] < seconds[1]

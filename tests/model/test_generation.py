"""Going on with a sequence: with cached keys and values as without."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from tfcli.building.models import build_encoder
from tfcli.config.schema import ModelConfig
from tfcli.model import POSITIONS, POSITIONS_FROM_THE_END
from tfcli.model.encoder import Encoder
from tfcli.model.generation import Sampling, can_cache, generate, next_logits
from tfcli.model.layout import Layout
from tfcli.model.trace import KeyValues

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


SETTINGS: list[dict[str, Any]] = [{"positions": name} for name in BY_PLACE]
SETTINGS += [
    {"positions": "rotary", "begin": True},
    {"positions": {"rotary": 1, "alibi": 1}},
    {"positions": "relative", "attention_scale": "log_length"},
    {"positions": "alibi", "attention_weights": "entmax15"},
    {"positions": "rotary", "loops": 2, "counters": 3},
    {"positions": "rotary", "attention": "shared"},
    {"positions": "rotary", "norm_placement": "post"},
    {"positions": "rotary", "norm_placement": "parallel", "tie_embeddings": True},
]


SETTINGS += [
    {"positions": "rotary", "embedding_norm": True, "output_head": "dense", "norm_placement": "post"},
    {"token_types": {"name": "separated", "separator": 1}, "positions": "learned"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_cache_gives_the_logits_of_the_whole_pass(settings: dict[str, Any]) -> None:
    model = model_of(**settings)
    assert can_cache(model)
    inputs = torch.randint(V, (3, 20), generator=generator())
    whole = model(inputs)
    cache = [KeyValues() for _ in range(model.loops * model.n_layers)]
    with torch.inference_mode():
        for length in range(6, 21):
            found = next_logits(model, inputs[:, :length], cache)
            torch.testing.assert_close(found, whole[:, length - 1], rtol=1e-4, atol=1e-4)


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


@pytest.mark.parametrize("positions", ["rotary", "rank"])
def test_the_same_symbols_come_with_and_without_a_cache(positions: str) -> None:
    model = model_of(positions=positions)
    assert can_cache(model) == (positions == "rotary")
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


def test_a_model_that_sees_what_comes_is_refused() -> None:
    with pytest.raises(ValueError, match="see what comes after them"):
        next(generate(model_of(open_ended=False), torch.tensor([[1]]), Sampling(), generator()))


def test_the_end_of_learned_positions_is_told() -> None:
    symbols = generate(
        model_of(positions="learned"), torch.zeros(1, 39, dtype=torch.int64), Sampling(), generator()
    )
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

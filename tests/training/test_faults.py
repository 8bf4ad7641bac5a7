"""Where a training first comes upon a value that isn't a finite number; to look for it changes nothing."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import models
from tests.training.test_training import config
from tfcli.building.models import build_model, build_task
from tfcli.building.trainings import Training
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare
from tfcli.errors import DivergedError
from tfcli.model.encoder import Encoder
from tfcli.model.faults import find_fault, is_finite
from tfcli.training.faults import FaultFinder, locating_faults

PARTS = '''
import torch
from torch import nn
import tfcli


class Burst(tfcli.FeedForward):
    """A part whose third call in training gives an infinite number."""

    def __init__(self, sizes, *, at: int = 3):
        super().__init__(sizes)
        self.inner, self.at, self.calls = nn.Linear(sizes.d_model, sizes.d_model), at, 0

    def forward(self, x):
        self.calls += torch.is_grad_enabled()
        x = self.inner(x)
        return x * float("inf") if self.calls == self.at else x


class Tilt(tfcli.Positions):
    """Position biases that become infinite."""

    def __init__(self, sizes):
        super().__init__(sizes)
        self.calls, self.n_heads = 0, sizes.n_heads

    def bias(self, x, at):
        self.calls += torch.is_grad_enabled()
        return x.new_full(self.shape(x), float("inf") if self.calls == 2 else 0.0)

    def shape(self, x):
        return 1, self.n_heads, x.shape[1], x.shape[1]


class Roots(tfcli.FeedForward):
    """What is added has an infinite slope at its start, where it is 0."""

    def __init__(self, sizes):
        super().__init__(sizes)
        self.shift = nn.Parameter(torch.zeros(sizes.d_model))

    def forward(self, x):
        return x + self.shift.sqrt()


class Cliff(tfcli.FeedForward):
    """What is added is 0, and its slope is NaN."""

    def forward(self, x):
        return (x * 0).sqrt() + x
'''


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "parts.py").write_text(PARTS)
    return str(tmp_path / "parts.py")


def train(settings: RunConfig, *, debug: bool) -> tuple[Encoder, Training]:
    prepare(settings.train)
    task = build_task(settings.task)
    model = build_model(settings, task)
    training = Training(model, task, settings)
    if debug:
        with locating_faults(model, lambda: training.trainer.step):
            for attempt in training:
                list(attempt.records)
    else:
        for attempt in training:
            list(attempt.records)
    return model, training


def find(model: dict[str, Any], **settings: Any) -> str:
    small = {"d_model": 16, "n_heads": 2, "n_layers": 2}
    with pytest.raises(DivergedError) as raised:
        train(config(model={**small, **model}, train=settings), debug=True)
    found = re.search("; first non-finite value: (.*)$", str(raised.value))
    assert found
    assert isinstance(raised.value.__cause__, DivergedError)
    assert str(raised.value).startswith(f"{raised.value.__cause__}; ")
    return found[1]


def test_a_part_from_a_file_is_named_with_the_step(file: str) -> None:
    part = {"name": f"{file}:Burst", "at": 9}
    expected = "the output of blocks.0.feed_forward (Burst), at step 9"
    assert find({"feed_forward": part}) == expected


def test_of_several_loops_the_one_is_named(file: str) -> None:
    part = {"name": f"{file}:Burst", "at": 8}
    expected = "the output of blocks.0.feed_forward (Burst) in loop 1, at step 3"
    assert find({"feed_forward": part, "loops": 3}) == expected


def test_a_nan_in_the_middle_is_named_and_not_what_comes_of_it() -> None:
    settings = config(model={"d_model": 16, "n_heads": 2, "n_layers": 2})
    prepare(settings.train)
    task = build_task(settings.task)
    model = build_model(settings, task)
    training = Training(model, task, settings)

    def spoil(module: object, inputs: object, output: torch.Tensor) -> torch.Tensor:
        return output * torch.nan if training.trainer.step == 3 else output

    model.layers[1].norm_attention.before.register_forward_hook(spoil)
    expected = r"value: the output of blocks\.1\.norm_attention\.before \(LayerNorm\), at step 4"
    with pytest.raises(DivergedError, match=expected), locating_faults(model, lambda: training.trainer.step):
        list(next(iter(training)).records)


def test_an_encoding_that_adds_to_the_scores_is_named(file: str) -> None:
    tilt = f"{file}:Tilt"
    found = "the output of blocks.0.attention.positions{}.bias (Tilt), at step 2"
    assert find({"positions": tilt}) == found.format("")
    assert find({"positions": {"ends": 1, tilt: 1}}) == found.format(".parts.1")


def test_a_gradient_is_named_before_the_weights_that_it_spoils(file: str) -> None:
    found = find({"feed_forward": f"{file}:Roots"})
    assert found == "the gradient of blocks.1.feed_forward.shift, at step 1"
    found = find({"feed_forward": f"{file}:Cliff"})
    assert found == "the gradient of the output of blocks.1.norm_feed_forward.before (LayerNorm), at step 1"


def test_weights_are_named_that_a_step_made_infinite() -> None:
    hot = {"learning_rate": 1e30, "warmup_steps": 0, "weight_decay": 1e10, "steps": 3, "eval_every": 3}
    assert find({}, **hot) == "the weights blocks.0.attention.qkv.weight, after step 1"


def test_a_learning_rate_that_is_too_high_is_seen_where_numbers_become_too_large() -> None:
    found = find({"norm": "none"}, learning_rate=1e30, warmup_steps=0, clip_norm=1e30)
    assert found == "the output of blocks.0.attention.qkv (Linear), at step 2"


def test_scores_that_a_mask_closes_are_no_fault(file: str) -> None:
    masked = {"mask": "causal", "attention_weights": "entmax15", "attention_scale": "log_length"}
    part = {"name": f"{file}:Burst", "at": 5}
    assert find({**masked, "feed_forward": part}) == "the output of blocks.0.feed_forward (Burst), at step 5"


def test_what_comes_to_nothing_is_forgotten() -> None:
    model = build_model(config(), build_task(config().task)).train()
    finder = FaultFinder(model, lambda: 6)
    finder.suspect_values("something")
    assert finder.find() == "the loss itself"
    finder.suspect_values("something")
    finder.end(model, (), torch.tensor(torch.inf))
    finder.suspect_values("what comes after it")
    assert finder.find() == "something, at step 7"


MODELS: list[tuple[dict[str, Any], str]] = [
    ({"dropout": 0.1, "n_layers": 2}, "float32"),
    ({"dropout": 0.1, "n_layers": 2, "positions": "level"}, "bfloat16"),
    ({"loops": 2, "positions": "rank", "attention_weights": "entmax15"}, "float32"),
    ({"positions": {"ends": 1, "rotary": 1}, "mask": "causal", "norm_placement": "parallel"}, "float32"),
    ({"attention": "shared", "tie_embeddings": True, "norm": "rms", "feed_forward": "gated"}, "float32"),
]


@pytest.mark.parametrize(("model", "precision"), MODELS, ids=str)
def test_to_look_for_faults_changes_no_bit(model: dict[str, Any], precision: str) -> None:
    settings = config(
        model={"d_model": 16, "n_heads": 2, **model}, train={"attempts": 2, "precision": precision}
    )
    plain, looked_at = (train(settings, debug=debug)[1].tensors() for debug in (False, True))
    assert plain.keys() == looked_at.keys()
    for name, values in plain.items():
        assert torch.equal(values, looked_at[name]), name


def test_nothing_is_left_of_it() -> None:
    settings = config(model={"positions": "ends"})
    model, _ = train(settings, debug=True)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not vars(module).keys() & {"embed", "rotate", "bias"}
    assert not any(parameter._post_accumulate_grad_hooks for parameter in model.parameters())


def test_a_later_attempt_is_watched_as_the_first(file: str) -> None:
    settings = config(
        model={"d_model": 16, "n_heads": 2, "feed_forward": f"{file}:Roots"},
        train={"attempts": 2, "steps": 4},
    )
    prepare(settings.train)
    task = build_task(settings.task)
    model = build_model(settings, task)
    training = Training(model, task, settings)

    def take_the_second() -> None:
        with locating_faults(model, lambda: training.trainer.step):
            attempts = iter(training)
            next(attempts)
            list(next(attempts).records)

    with pytest.raises(
        DivergedError, match=r"value: the gradient of blocks\.1\.feed_forward\.shift, at step 1"
    ):
        take_the_second()


def test_the_faults_of_a_model_are_found_where_it_answers() -> None:
    settings = config()
    model = build_model(settings, build_task(settings.task)).eval()
    inputs = torch.zeros(1, 3, dtype=torch.long)
    assert find_fault(model, inputs) is None
    model.layers[0].attention.out.weight.data.fill_(torch.inf)
    assert find_fault(model, inputs) == "the output of blocks.0.attention.out (Linear)"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"positions": "rank"}, "blocks.0.attention.positions.compare"),
        ({"positions": "level"}, "blocks.0.attention.positions.step"),
        ({"positions": "landmark"}, "blocks.0.attention.positions.pick"),
        ({"positions": "learned"}, "positions.table"),
        ({"counters": 2}, "counters.step"),
        ({"counters": 2}, "counters.show"),
        ({"token_types": {"name": "separated", "separator": 3}}, "token_types.table"),
    ],
    ids=str,
)
def test_a_fault_within_an_encoding_is_located_at_its_part(options: dict[str, Any], part: str) -> None:
    model = models.make(**options)
    model.get_parameter(f"{part}.weight").data.fill_(torch.nan)
    assert str(find_fault(model, models.tokens())).startswith(f"the output of {part} (")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_values_are_finite_only_if_each_of_them_is(size: int, dtype: torch.dtype) -> None:
    values = torch.randn(size).to(dtype)
    assert is_finite(values)
    for wrong in (math.nan, math.inf, -math.inf):
        for place in (0, size // 2, size - 1):
            spoiled = values.clone()
            spoiled[place] = wrong
            assert not is_finite(spoiled)


def test_nothing_and_whole_numbers_are_finite() -> None:
    assert is_finite(torch.zeros(0))
    assert is_finite(torch.tensor([2**62]))

"""Activation patching: what each part of one run restores in another."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.handmade import reverser
from tests.models import ALL, make, tokens
from tfcli.building.models import build_encoder, build_task
from tfcli.config.model_section import ModelConfig
from tfcli.config.task_section import TaskConfig
from tfcli.inspection.attention import run_with_trace
from tfcli.inspection.patching import patch_parts
from tfcli.inspection.tracing import trace_sequence
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.records.inspection import Patched

TASK = build_task(TaskConfig(name="reverse", vocab_size=7, max_length=12))
ROW = tokens(1)[0]


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

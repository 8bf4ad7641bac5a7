"""A state from which no training can go on is refused before anything is made of it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.resuming import config, stop_at
from tfcli.checkpoints.saving import save_state
from tfcli.checkpoints.states import load_state
from tfcli.commands.train import resume_run, train_run
from tfcli.config.model_section import ModelConfig
from tfcli.errors import TfcliError
from tfcli.runs import folders


def damage_tensors(name: str, tensor: torch.Tensor | None, path: Path) -> None:
    """Let a state have another tensor of that name, or none, and be sealed all the same."""
    saved = load_state(path)
    assert saved is not None
    others = {key: value for key, value in saved.tensors.items() if key != name}
    save_state(
        path / folders.STATE,
        saved.config,
        saved.standing,
        others if tensor is None else {**others, name: tensor},
    )


@pytest.mark.parametrize(
    ("name", "tensor", "problem"),
    [
        ("optimizer.mean", None, "it has no optimizer.mean"),
        ("optimizer.other", torch.zeros(2), "it has a superfluous optimizer.other"),
        ("optimizer.mean", torch.zeros(2), "optimizer.mean has another form"),
        ("random.lengths", torch.zeros(625), "random.lengths has another form"),
        ("optimizer.steps", torch.tensor(-1), "its optimizer has taken -1 steps"),
        ("random.lengths", torch.full((625,), -1), "its random numbers can't go on"),
        ("random.sequences", torch.full((5056,), 255, dtype=torch.uint8), "its random numbers can't go on"),
    ],
)
def test_a_state_of_another_training_is_refused(
    name: str, tensor: torch.Tensor | None, problem: str, folder: Path
) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run)
    damage_tensors(name, tensor, path)
    with pytest.raises(TfcliError, match=problem):
        resume_run(path, [])


@pytest.mark.parametrize(
    ("shares", "attempt", "step"),
    [([], 1, 4), ([14], 2, 4), ([7, -7], 1, 4), ([7, 99], 1, 4), ([7, 7], 1, 0)],
)
def test_a_state_that_can_t_be_is_refused(shares: list[int], attempt: int, step: int, folder: Path) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run)
    saved = load_state(path)
    assert saved is not None
    progress = replace(saved.standing.progress, attempt=attempt, step=step)
    standing = replace(saved.standing, progress=progress, shares=shares)
    save_state(path / folders.STATE, saved.config, standing, saved.tensors)
    with pytest.raises(TfcliError, match="is damaged: its steps and its attempts contradict each other"):
        resume_run(path, [])


def test_no_damage_to_a_state_goes_unnoticed(folder: Path) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run) / folders.STATE
    data = path.read_bytes()
    chance = random.Random(0)
    for _ in range(100):
        at = chance.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :])
        with pytest.raises(TfcliError):
            load_state(path.parent)
        path.write_bytes(data[:at])
        with pytest.raises(TfcliError):
            load_state(path.parent)
    path.write_bytes(data)
    assert load_state(path.parent) is not None


def test_a_state_that_claims_a_huge_model_is_refused_before_one_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run)
    saved = load_state(path)
    assert saved is not None
    claim = {"d_model": 65_536, "n_heads": 2, "n_layers": 1000}
    huge = saved.config.model_copy(update={"model": ModelConfig.model_validate(claim)})
    save_state(path / folders.STATE, huge, saved.standing, saved.tensors)
    with pytest.raises(TfcliError, match=r"training\.safetensors is damaged: .*(it has no|should be)"):
        resume_run(path, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": -1.0},
        {"seconds": 1e308},
        {"tokens": 10**40},
        {"streak": -5},
        {"step": 10**15},
        {"steps": 3},
    ],
    ids=str,
)
def test_a_standing_that_cannot_be_is_damage(changes: dict[str, Any], folder: Path) -> None:
    path = Path(train_run(config(), "run", None, stop_at(4)).run)
    saved = load_state(path)
    assert saved is not None
    standing = replace(saved.standing, progress=replace(saved.standing.progress, **changes))
    save_state(path / folders.STATE, saved.config, standing, saved.tensors)
    with pytest.raises(TfcliError, match="is damaged"):
        resume_run(path, [])

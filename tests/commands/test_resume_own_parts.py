"""What parts from files keep goes on with their training, or is said not to."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.commands.resuming import STEPS, config, left_behind, stop_at
from tfcli.checkpoints.loading import load_run
from tfcli.commands.interrupts import Interrupt
from tfcli.commands.train import Audience, resume_run, train_run
from tfcli.errors import StoppedError

OWN = '''
import torch
import tfcli


class Own(tfcli.Optimizer):
    """Moves by what it has gathered, in as many ways as there are to keep it."""

    def __init__(self, model, weight_decay, clip_norm):
        super().__init__(model, weight_decay, clip_norm)
        self.buffer, self.turned = None, torch.zeros(3, 2).T
        self.count, self.share, self.is_odd = 0, 0.0, False

    def move(self, gradient, learning_rate):
        if self.buffer is None:
            self.buffer = torch.zeros_like(gradient)
            self.grown = torch.zeros(0)
        self.buffer.mul_(0.9).add_(gradient)
        self.count, self.share, self.is_odd = self.count + 1, self.share * 0.5 + 0.1, not self.is_odd
        self.turned += self.share
        self.grown = torch.cat([self.grown, gradient[:1]])
        size = 1 + self.share + self.is_odd + self.turned.sum() / 100 + self.grown.mean()
        self.values.sub_(self.buffer * size, alpha=learning_rate / self.count)


class Annealed(tfcli.Positions):
    """Knows how far the training is, and keeps it to itself."""

    def __init__(self, sizes):
        super().__init__(sizes)
        self.heads, self.progress = torch.ones(1, sizes.n_heads, 1, 1), 0.0

    def anneal(self, progress):
        self.progress = progress

    def bias(self, x, at):
        return self.progress * self.heads * (at.start[:, None, :, None] - at.start[:, None, None, :])
'''


@pytest.fixture
def own(folder: Path) -> str:
    """Return the name of a file with parts that keep more than built-in ones do."""
    (folder / "own.py").write_text(OWN)
    return f"{folder}/own.py"


@pytest.mark.parametrize(("key", "name"), [("train.optimizer", "Own"), ("model.positions", "Annealed")])
def test_what_own_parts_keep_goes_on(key: str, name: str, own: str, folder: Path) -> None:
    section, _, setting = key.partition(".")
    settings = config("sort", **{section: {setting: f"{own}:{name}"}})
    whole = left_behind(Path(train_run(settings, "whole", None).run))
    for step in (1, 3, 5, 11):
        report = train_run(settings, "cut", None, stop_at(step))
        resume_run(Path(report.run), [])
        assert left_behind(Path(report.run)) == whole, step


def test_a_score_that_is_made_up_for_is_of_its_step(
    own: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config("sort", model={"positions": f"{own}:Annealed"})
    whole = left_behind(Path(train_run(settings, "whole", None).run))

    def stop(self: Interrupt, answered: int) -> None:
        signal.raise_signal(signal.SIGINT)
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Interrupt, "check", stop)
        report = train_run(settings, "cut", None)
    resume_run(Path(report.run), [])
    assert left_behind(Path(report.run)) == whole


def test_an_optimizer_that_keeps_what_cannot_be_saved_trains_all_the_same(own: str, folder: Path) -> None:
    large = "self.count, self.share, self.is_odd = 0, 0.0, False"
    assert large in OWN
    (folder / "own.py").write_text(OWN.replace(large, f"{large}; self.large = 2**70"))
    said: list[str] = []
    settings = config("sort", train={"optimizer": f"{own}:Own"})
    report = train_run(settings, "run", None, Audience(warn=said.append))
    assert report.steps == STEPS
    assert len(said) == 1
    assert "the state can't be written (" in said[0]
    load_run(Path(report.run))

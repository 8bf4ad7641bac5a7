"""Scores: counted right, with honest intervals and floors."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig
from tfcli.evaluation import held_out_set, input_blind, predict_ids, score, score_length, spread
from tfcli.model.layout import Layout


class Oracle(nn.Module):
    """Answers right, but for the first token of sequences that begin with `stumbles_at`."""

    def __init__(self, name: str, stumbles_at: int = -1) -> None:
        super().__init__()
        self.task = build_task(TaskConfig(name=name))
        self.stumbles_at = stumbles_at
        self.n_heads = 1
        self.layout = Layout(self.task.vocab_size)
        self.anchor = nn.Parameter(torch.zeros(1))  # tells the device

    def forward(self, inputs: Tensor, intervention: object = None) -> Tensor:
        targets = self.task.target(inputs).clone()
        stumbles = inputs[:, 0] == self.stumbles_at
        targets[stumbles, 0] = (targets[stumbles, 0] + 1) % self.task.vocab_size
        return nn.functional.one_hot(targets, self.task.vocab_size).float()


def test_a_perfect_model_scores_one() -> None:
    model = Oracle("sort")
    found = score(model, held_out_set(model.task, 500, torch.device("cpu")))
    assert (found.exact_match, found.token_accuracy) == (1.0, 1.0)
    assert 400 <= found.samples <= 500


def test_one_wrong_token_costs_a_sequence_and_one_token() -> None:
    model = Oracle("copy", stumbles_at=3)
    result, answers = score_length(model, model.task, 8, 2000, seed=0)
    wrong = answers.wrong()
    mistakes = list(wrong)
    assert result.exact_match == pytest.approx(1 - len(mistakes) / 2000)
    assert result.token_accuracy == pytest.approx(1 - len(mistakes) / 2000 / 8)
    assert result.exact_match == pytest.approx(0.9, abs=0.03)
    assert all(mistake.input[0] == "3" and mistake.prediction[0] == "4" for mistake in mistakes)
    assert all(mistake.prediction[1:] == mistake.target[1:] and not mistake.correct for mistake in mistakes)


def test_the_range_of_training_is_told_apart() -> None:
    model = Oracle("copy")
    inside = [score_length(model, model.task, n, 10, 0)[0].in_range for n in (1, 20, 21)]
    assert inside == [True, True, False]


def test_few_sequences_are_each_scored_once() -> None:
    model = Oracle("copy")
    result, _ = score_length(model, model.task, 2, 500, 0)
    assert (result.samples, result.held_out_of) == (10, 100)
    many, _ = score_length(model, model.task, 9, 500, 0)
    assert (many.samples, many.held_out_of) == (500, None)


def test_the_floor_of_sorting_is_the_order_statistics() -> None:
    """Of n uniform draws the (p + 1)-th smallest is most often near V (p + 1/2) / n."""
    task = build_task(TaskConfig(name="sort"))
    generator = torch.Generator().manual_seed(0)
    answer = input_blind(task, 40, generator)
    expected = ((torch.arange(40) + 0.5) * 10 / 40).long()
    assert (answer - expected).abs().max() <= 1
    batch = task.sample_held_out(2000, 40, generator)
    floor = (batch.targets == answer).float().mean().item()
    assert 0.5 < floor < 0.65


@pytest.mark.parametrize("name", ["copy", "reverse"])
def test_the_floor_of_copying_is_chance(name: str) -> None:
    model = Oracle(name)
    result, _ = score_length(model, model.task, 12, 4000, seed=0)
    assert result.floor == pytest.approx(0.1, abs=0.01)
    assert result.exact_match_floor == 0.0


def test_lengths_are_spread_evenly() -> None:
    assert spread(1, 5, 20) == [1, 2, 3, 4, 5]
    assert spread(1, 100, 4) == [1, 34, 67, 100]
    assert spread(7, 7, 20) == [7]


def test_answers_come_in_parts_and_leave_the_mode_alone() -> None:
    model = Oracle("reverse")
    inputs = torch.randint(10, (100, 700))
    for mode in (True, False):
        model.train(mode)
        assert torch.equal(predict_ids(model, inputs), inputs.flip(1))
        assert model.training is mode


class Cramped(Oracle):
    """Has memory for so many sequences at a time."""

    def __init__(self, room: int) -> None:
        super().__init__("reverse")
        self.room = room
        self.tried: list[int] = []

    def forward(self, inputs: Tensor, intervention: object = None) -> Tensor:
        self.tried.append(len(inputs))
        if len(inputs) > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return super().forward(inputs)


def test_fewer_sequences_go_through_together_where_memory_is_short() -> None:
    model, inputs = Cramped(room=3), torch.randint(10, (16, 30))
    assert torch.equal(predict_ids(model, inputs), inputs.flip(1))
    assert model.tried[-8:] == [2] * 8
    assert min(model.tried[:-8]) > 3
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        predict_ids(Cramped(room=0), inputs)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    class Broken(Oracle):
        def forward(self, inputs: Tensor, intervention: object = None) -> Tensor:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        predict_ids(Broken("reverse"), torch.zeros(4, 3, dtype=torch.int64))

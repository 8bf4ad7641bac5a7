"""What comes next in a sweep depends on what runs came to, and on nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfcli.records.sweep import RunOutcome
from tfcli.sweeps.planning import Trial
from tfcli.sweeps.strategies import All, Drawn, Halving, Leg, Strategy

STEPS, EVERY = 90, 5


def trials(settings: int, seeds: int = 1) -> list[Trial]:
    return [
        Trial(
            f"{i}-{seed}",
            {"model.n_layers": str(i), "train.seed": str(seed)},
            Path(f"{i}"),
            STEPS,
            seed,
            EVERY,
        )
        for i in range(settings)
        for seed in range(seeds)
    ]


def outcome(leg: Leg, exact: float, loss: float = 1.0) -> RunOutcome:
    trial = leg.trial
    return RunOutcome(
        trial.id,
        "",
        trial.point,
        "dropped",
        trial.seed,
        exact_match=exact,
        held_out_loss=loss,
        until=leg.until,
    )


def play(strategy: Strategy, backwards: bool, at_once: int) -> list[list[Leg]]:
    """Give out as many legs as there are workers, and tell of them in an order."""
    played: list[list[Leg]] = []
    while True:
        legs = [leg for _ in range(at_once) if (leg := strategy.next()) is not None]
        if not legs:
            return played
        played.append(legs)
        for leg in reversed(legs) if backwards else legs:
            strategy.tell(leg, outcome(leg, int(leg.trial.id[0]) / 10))


def test_all_runs_are_trained_to_their_end() -> None:
    strategy = All(trials(2, 2))
    assert [leg for legs in play(strategy, False, 9) for leg in legs] == [Leg(t, None) for t in trials(2, 2)]
    assert strategy.total == 4
    assert strategy.most_steps() == 4 * STEPS


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("at_once", [1, 3, 99])
def test_the_best_third_goes_on_for_three_times_as_long(backwards: bool, at_once: int) -> None:
    strategy = Halving(trials(9, 2))
    legs = [leg for legs in play(strategy, backwards, at_once) for leg in legs]
    by_rung = {until: [leg.trial.id for leg in legs if leg.until == until] for until in (10, 30, None)}
    assert [len(found) for found in by_rung.values()] == [18, 6, 2]
    assert by_rung[30] == ["8-0", "8-1", "7-0", "7-1", "6-0", "6-1"]
    assert by_rung[None] == ["8-0", "8-1"]
    assert strategy.total == len(legs)
    assert [trial.id for trial in strategy.trials()][:4] == ["8-0", "8-1", "7-0", "7-1"]


def test_what_was_drawn_is_listed_from_the_best_to_the_worst() -> None:
    strategy = Drawn(trials(4, 2))
    assert [trial.id for trial in strategy.trials()] == [trial.id for trial in trials(4, 2)]
    play(strategy, True, 3)
    assert [trial.id for trial in strategy.trials()] == [
        "3-0",
        "3-1",
        "2-0",
        "2-1",
        "1-0",
        "1-1",
        "0-0",
        "0-1",
    ]


def test_the_steps_of_all_rungs_are_counted_once() -> None:
    assert Halving(trials(9)).most_steps() == 9 * 10 + 3 * 20 + 60


def test_equal_settings_are_told_apart_by_their_loss() -> None:
    strategy = Halving(trials(3))
    legs = [strategy.next() for _ in range(3)]
    for leg, loss in zip(legs, (2.0, 1.0, 3.0), strict=True):
        assert leg is not None
        strategy.tell(leg, outcome(leg, 0.5, loss))
    following = strategy.next()
    assert following is not None
    assert following.trial.id == "1-0"


def test_a_rung_is_an_evaluation() -> None:
    odd = [Trial(str(i), {"a": str(i)}, Path(), 100, 0, 7) for i in range(9)]
    strategy = Halving(odd)
    first = strategy.next()
    assert first is not None
    assert first.until == 14


def test_who_is_alive_is_judged_by_what_it_came_to_alone() -> None:
    strategy = Halving(trials(9))
    scores = {"0": 0.2, "1": 0.9, "2": 0.5}
    while (leg := strategy.next()) is not None:
        strategy.tell(leg, outcome(leg, scores.get(leg.trial.id[0], 0.1)))
    assert [trial.id[0] for trial in strategy.trials()][:3] == ["1", "2", "0"]
    assert [trial.id[0] for trial in strategy.trials()][3:] == list("345678")  # as they were

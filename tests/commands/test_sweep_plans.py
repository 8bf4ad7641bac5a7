"""What a sweep draws, and what a plan says of it before anything is trained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.commands.resuming import left_behind
from tests.sweeps.inline import InlineWorkers, plan, states, sweep
from tfcli.commands.sweep import Rules
from tfcli.commands.sweep_reports import plan_sweep
from tfcli.commands.train import train_run
from tfcli.errors import ConfigError, UsageError
from tfcli.sweeps.searches import parse_search

FOUR = ("model.positions=rotary,ends", "train.seed=0:1")


def test_halving_trains_the_best_to_the_end_and_leaves_the_others(folder: Path) -> None:
    words = ("model.positions=rotary,ends,sinusoidal", "train.seed=0:1", "train.steps=30")
    report = sweep(*words, halving=True)
    assert sorted(states(report)) == sorted(["dropped"] * 4 + [states(report)[0]] * 2)
    assert states(report)[0] in ("solved", "not solved")
    assert {outcome.until for outcome in report.outcomes} == {None, 10}
    assert report.groups[0].done == 2
    assert report.groups[1].dropped == 2
    best = report.outcomes[0]
    train_run(plan(*words).planner.configure(best.settings), "alone", Path("alone"))
    assert left_behind(Path("alone")) == left_behind(Path(best.run))
    workers = InlineWorkers()
    again = sweep(*words, halving=True, workers=workers)
    assert again.outcomes == report.outcomes
    assert (report.skipped, again.skipped) == (0, again.done)
    assert workers.given == []


def test_a_random_search_draws_the_same_again_and_leaves_out_what_is_refused(folder: Path) -> None:
    words = ("model.d_model=6:12", "model.n_heads=2,3", "train.learning_rate=1e-4:1e-1", "train.seed=0:1")
    search = parse_search("random:3")
    report = sweep(*words, search=search)
    assert len(report.outcomes) == 6
    assert len(report.groups) == 3
    assert re.match(r"refused and drawn again: \d+ settings, such as ", report.notes[0])
    assert sweep(*words, search=search).skipped == 6
    assert (
        plan(*words, search=search, seed=1).strategy.trials() != plan(*words, search=search).strategy.trials()
    )


def test_a_search_in_which_all_is_refused_says_why(folder: Path) -> None:
    with pytest.raises(ConfigError, match="must divide d_model = 8"):
        plan("model.n_heads=3,5", search=parse_search("random:3"))


def test_a_search_says_where_there_is_no_more_to_draw(folder: Path) -> None:
    prepared = plan("model.n_heads=1,2", search=parse_search("random:9"))
    assert prepared.strategy.notes() == ["only 2 settings can be drawn, as far as was tried"]


@pytest.mark.parametrize("text", ["random", "random:0", "grid:5", "random:x"])
def test_a_search_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="can't read --search"):
        parse_search(text)


def test_a_plan_says_how_much_there_is_to_do(folder: Path) -> None:
    made = plan_sweep(plan(*FOUR), Rules(), InlineWorkers(2))
    assert (made.runs, made.settings, made.done, made.started, made.steps) == (4, 2, 0, 0, 48)
    assert made.axes == {"model.positions": "rotary, ends", "train.seed": "0, 1"}
    assert made.measured.startswith("by a few steps of 2 settings")
    assert made.tried == 2
    assert made.seconds > 0
    left = iter([False] * 20)
    sweep(*FOUR, workers=InlineWorkers(1, lambda: next(left, True)))
    again = plan_sweep(plan(*FOUR), Rules(), InlineWorkers(2))
    assert (again.done, again.started) == (1, 3)
    assert again.measured.startswith("by a few steps of 2 settings")  # of one of them, no run is done
    sweep(*FOUR)
    whole = plan_sweep(plan(*FOUR), Rules(), InlineWorkers(2))
    assert whole.measured == "as the 4 runs that are done took"
    assert json.loads(json.dumps(whole.parameters))


def test_a_plan_of_rungs_counts_the_steps_that_are_left(folder: Path) -> None:
    words = ["model.positions=rotary,ends,none,alibi", "train.seed=0:1"]
    assert plan_sweep(plan(*words, halving=True), Rules(), InlineWorkers()).steps == 8 * 4 + 4 * 8
    sweep("model.positions=rotary,ends", "train.seed=0:1")
    some = plan_sweep(plan(*words, halving=True), Rules(), InlineWorkers())
    assert some.steps == 64  # they have come to their end, and what they were at the rungs isn't known
    sweep(*words, halving=True)
    whole = plan_sweep(plan(*words, halving=True), Rules(), InlineWorkers())
    assert (whole.steps, whole.started, whole.seconds) == (0, 0, 0)


def test_a_plan_takes_no_size_from_runs_of_other_settings(folder: Path) -> None:
    sweep("train.seed=0:1")
    made = plan_sweep(plan("model.d_model=16,32"), Rules(), InlineWorkers())
    fresh = plan_sweep(plan("model.d_model=16,32", folder=Path("elsewhere")), Rules(), InlineWorkers())
    assert made.parameters == fresh.parameters


def test_a_plan_says_of_how_many_settings_it_knows_the_size(folder: Path) -> None:
    made = plan_sweep(plan("model.d_model=8:18:2"), Rules(), InlineWorkers())
    assert (made.settings, made.tried) == (6, 4)


def test_a_plan_of_models_that_cannot_be_built_says_why(folder: Path) -> None:
    with pytest.raises(ConfigError, match="have symbols of their own"):
        plan_sweep(plan("task.name=histogram,reverse", "model.tie_embeddings=true"), Rules(), InlineWorkers())

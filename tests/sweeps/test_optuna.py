"""Optuna's draws depend on what runs came to, and not on who was faster."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.sweeps.inline import InlineWorkers, plan, sweep
from tfcli.errors import ConfigError, UsageError
from tfcli.sweeps.searches import LAG, Sampled, Search

WORDS = ("train.learning_rate=1e-4:1e-1", "model.n_heads=1,2,3", "model.d_ff=8:64:8", "train.seed=0:1")
SEARCH = Search("optuna", LAG + 3)


def test_without_optuna_the_line_that_installs_it_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r'needs optuna: pip install "tfcli\[optuna\]"'):
        plan(*WORDS, search=SEARCH)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_the_draws_are_the_same_with_any_number_of_workers(folder: Path) -> None:
    pytest.importorskip("optuna")
    one = sweep(*WORDS, search=SEARCH, folder=Path("one"))
    several = sweep(*WORDS, search=SEARCH, folder=Path("several"), workers=InlineWorkers(3))
    assert [outcome.id for outcome in one.outcomes] == [outcome.id for outcome in several.outcomes]
    assert len(one.groups) == SEARCH.settings  # what is refused is drawn again
    assert len(one.outcomes) == 2 * SEARCH.settings
    assert one.notes == several.notes
    assert re.match("refused and drawn again: [1-9][0-9]* settings, such as ", one.notes[0])
    workers = InlineWorkers()
    assert sweep(*WORDS, search=SEARCH, folder=Path("one"), workers=workers).outcomes == one.outcomes
    assert workers.given == []


def test_what_is_drawn_once_more_is_told_and_not_trained_again(folder: Path) -> None:
    pytest.importorskip("optuna")
    report = sweep("model.n_heads=1,2", search=Search("optuna", 6))
    assert len(report.outcomes) == 2
    assert report.notes == ["drawn once more, and not trained again: 4 settings"]


def test_the_best_stand_first_and_no_more_than_eight_are_drawn_ahead(folder: Path) -> None:
    pytest.importorskip("optuna")
    strategy = plan("train.learning_rate=1e-4:1e-1", search=Search("optuna", LAG + 3)).strategy
    assert isinstance(strategy, Sampled)
    assert strategy.total == LAG + 3
    assert strategy.most_steps() == (LAG + 3) * 12
    drawn = []
    while (leg := strategy.next()) is not None:
        drawn.append(leg)
    assert len(drawn) == LAG
    assert strategy.trials() == [leg.trial for leg in drawn]


def test_where_all_is_refused_that_is_told(folder: Path) -> None:
    pytest.importorskip("optuna")
    with pytest.raises(ConfigError, match="n_heads"):
        sweep("model.n_heads=3,5", search=Search("optuna", 2), folder=Path("none"))

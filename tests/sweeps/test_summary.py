"""What runs came to is summed up over seeds, and settings are held against the first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tfcli.intervals import difference
from tfcli.records.sweep import RunOutcome, State
from tfcli.sweeps import summary
from tfcli.sweeps.planning import Trial


def trial(setting: str, seed: int) -> Trial:
    return Trial(f"{setting}{seed}", {"task.name": setting, "train.seed": str(seed)}, Path(), 100, seed, 5)


def outcome(
    of: Trial, exact: float, solved: int | None = None, at_9: float | None = None, state: State = "not solved"
) -> RunOutcome:
    return RunOutcome(
        of.id,
        "",
        of.point,
        "solved" if solved else state,
        of.seed,
        exact_match=exact,
        solved_step=solved,
        solved_seconds=None if solved is None else solved / 10,
        lengths={"9": at_9},
        parameters=7,
    )


TRIALS = [trial(setting, seed) for setting in ("copy", "sort") for seed in (0, 1, 2)]
OUTCOMES = {
    trial.id: outcome(trial, *figures)
    for trial, figures in zip(
        TRIALS,
        [(1.0, 20, 0.5), (1.0, 30, 0.7), (0.4, None, 0.1), (1.0, 50, 0.6), (1.0, 60, 0.9), (1.0, 70, 0.2)],
        strict=True,
    )
}


def test_a_setting_is_its_median_and_its_worst_seed() -> None:
    first, second = summary.group(TRIALS, OUTCOMES, [9])
    assert (first.label, first.runs, first.done, first.solved) == ("copy", 3, 3, 2)
    assert (first.exact_match_median, first.exact_match_worst) == (1.0, 0.4)
    assert (first.steps_median, first.seconds_median) == (25, 2.5)
    assert (first.lengths[0].exact_match_median, first.lengths[0].exact_match_worst) == (0.5, 0.1)
    assert (second.solved, second.steps_median, second.parameters) == (3, 60, 7)


def test_settings_are_held_against_the_first_seed_by_seed() -> None:
    [contrast] = summary.contrast(TRIALS, OUTCOMES, [])
    assert (contrast.label, contrast.baseline, contrast.measure) == ("sort", "copy", "exact match")
    assert contrast.difference == difference({0: 1.0, 1: 1.0, 2: 0.4}, {0: 1.0, 1: 1.0, 2: 1.0})
    assert contrast.difference.paired


def test_settings_of_the_same_name_are_told_apart() -> None:
    names = ("a/p.py:M", "b/p.py:M", "ends")
    trials = [Trial(name, {"model.positions": name}, Path(), 9, 0, 5) for name in names]
    labels = [found.label for found in summary.group(trials, {}, [])]
    assert labels == ["model.positions=a/p.py:M", "model.positions=b/p.py:M", "ends"]


def test_steps_are_compared_only_where_all_runs_are_solved() -> None:
    assert "steps to solved" not in {found.measure for found in summary.contrast(TRIALS, OUTCOMES, [])}
    all_solved = {**OUTCOMES, "copy2": outcome(TRIALS[2], 1.0, 40)}
    [steps] = [c for c in summary.contrast(TRIALS, all_solved, []) if c.measure == "steps to solved"]
    assert steps.difference.mean == 30
    assert steps.difference.interval is None  # each seed takes 30 more: there is no spread to tell from


def test_with_lengths_each_is_compared_the_longest_first() -> None:
    at_both = {
        key: replace(found, lengths={"3": found.exact_match, **found.lengths})
        for key, found in OUTCOMES.items()
    }
    contrast, shorter = summary.contrast(TRIALS, at_both, [3, 9])
    assert contrast.measure == "exact match at 9"
    assert contrast.difference == difference({0: 0.5, 1: 0.7, 2: 0.1}, {0: 0.6, 1: 0.9, 2: 0.2})
    assert shorter.measure == "exact match at 3"
    assert shorter.difference == difference({0: 1.0, 1: 1.0, 2: 0.4}, {0: 1.0, 1: 1.0, 2: 1.0})


def test_runs_that_have_not_come_to_their_end_are_left_out() -> None:
    cut = {**OUTCOMES, "sort0": outcome(TRIALS[3], 0.0, state="interrupted"), "sort1": None}
    there = {key: found for key, found in cut.items() if found is not None}
    _, second = summary.group(TRIALS, there, [])
    assert (second.runs, second.done, second.exact_match_median) == (3, 1, 1.0)
    [contrast] = summary.contrast(TRIALS, there, [])
    assert (contrast.difference.paired, contrast.difference.seeds_after) == (False, 1)


def test_seeds_that_a_search_left_behind_are_not_stood_for_by_the_others() -> None:
    cut = {**OUTCOMES, "sort0": outcome(TRIALS[3], 0.0, at_9=0.0, state="dropped")}
    _, second = summary.group(TRIALS, cut, [9])
    assert (second.done, second.solved, second.dropped) == (2, 2, 1)
    assert (second.exact_match_median, second.exact_match_worst, second.steps_median) == (None, None, None)
    assert second.lengths[0].exact_match_median is None
    assert summary.contrast(TRIALS, cut, []) == []


def test_a_seed_without_a_model_answers_nothing_at_any_length_that_others_are_scored_at() -> None:
    nan = replace(
        OUTCOMES["sort0"], state="diverged", error="nan", exact_match=None, lengths={}, solved_step=None
    )
    _, second = summary.group(TRIALS, {**OUTCOMES, "sort0": nan}, [9])
    assert (second.exact_match_worst, second.lengths[0].exact_match_worst) == (0.0, 0.0)
    assert second.lengths[0].exact_match_median == 0.2
    [contrast] = summary.contrast(TRIALS, {**OUTCOMES, "sort0": nan}, [9])
    assert contrast.difference == difference({0: 0.5, 1: 0.7, 2: 0.1}, {0: 0.0, 1: 0.9, 2: 0.2})
    unread = {trial.id: replace(OUTCOMES[trial.id], lengths={"9": None}) for trial in TRIALS[4:]}
    _, second = summary.group(TRIALS, {**OUTCOMES, **unread, "sort0": nan}, [9])
    assert second.lengths[0].exact_match_median is None


def test_a_seed_that_diverged_to_a_model_has_the_scores_of_that() -> None:
    far = replace(OUTCOMES["sort0"], state="diverged", exact_match=0.3, lengths={"9": 0.2}, solved_step=None)
    _, second = summary.group(TRIALS, {**OUTCOMES, "sort0": far}, [9])
    assert (second.exact_match_worst, second.lengths[0].exact_match_median) == (0.3, 0.2)
    unscored = replace(far, lengths={})
    [contrast] = summary.contrast(TRIALS, {**OUTCOMES, "sort0": unscored}, [9])
    assert contrast.difference == difference({1: 0.7, 2: 0.1}, {1: 0.9, 2: 0.2})


GRID = {
    f"{task} {layers}": {"task.name": task, "model.n_layers": layers}
    for task in ("copy", "sort", "reverse")
    for layers in "12"
}


def test_settings_are_held_against_the_first_or_each_against_its_counterpart() -> None:
    assert summary.baselines(GRID) == dict.fromkeys([*GRID][1:], "copy 1")
    assert summary.baselines(GRID, {"model.n_layers": "2"}) == {
        "copy 1": "copy 2",
        "sort 1": "sort 2",
        "reverse 1": "reverse 2",
    }
    of_task = summary.baselines(GRID, {"task.name": "sort"})
    assert of_task == {f"{task} {n}": f"sort {n}" for task in ("copy", "reverse") for n in "12"}
    both = summary.baselines(GRID, {"task.name": "sort", "model.n_layers": "1"})
    assert both == dict.fromkeys([label for label in GRID if label != "sort 1"], "sort 1")
    drawn = {label: GRID[label] for label in ("copy 1", "sort 2", "reverse 2")}
    assert summary.baselines(drawn, {"task.name": "sort"}) == {"reverse 2": "sort 2"}


def test_a_difference_is_from_the_counterpart_seed_by_seed() -> None:
    [contrast] = summary.contrast(TRIALS, OUTCOMES, [], {"task.name": "sort"})
    assert (contrast.label, contrast.baseline, contrast.measure) == ("copy", "sort", "exact match")
    assert contrast.difference == difference({0: 1.0, 1: 1.0, 2: 1.0}, {0: 1.0, 1: 1.0, 2: 0.4})
    alone = summary.group(TRIALS[:3], OUTCOMES, [])
    assert summary.contrast(TRIALS[:3], OUTCOMES, [], {"task.name": "sort"}) == []
    assert summary.notes_on_baselines(alone, {"task.name": "sort"}) == [
        "nothing is held against sort: no other setting differs from it in that alone"
    ]


def test_it_is_said_where_the_first_setting_has_nothing_to_be_held_against() -> None:
    unread = {trial.id: replace(OUTCOMES[trial.id], lengths={"9": None}) for trial in TRIALS[:3]}
    groups = summary.group(TRIALS, {**OUTCOMES, **unread}, [9])
    assert summary.notes_on_baselines(groups) == [
        "at length 9 nothing is held against copy, which has no figures there"
    ]
    assert summary.notes_on_baselines(summary.group(TRIALS, OUTCOMES, [9])) == []


def test_without_any_run_there_is_nothing_to_say() -> None:
    [first, _] = summary.group(TRIALS, {}, [9])
    assert (first.done, first.exact_match_median, first.steps_median) == (0, None, None)
    assert summary.contrast(TRIALS, {}, []) == []
    assert summary.contrast([], {}, []) == []


def test_settings_of_which_some_seeds_failed_are_named() -> None:
    failed = {trial.id: replace(OUTCOMES[trial.id], state="failed", error="why") for trial in TRIALS[:2]}
    assert summary.notes_on_failures(TRIALS, {**OUTCOMES, **failed}) == [
        "copy: its figures are of 1 of 3 seeds; 2 failed"
    ]
    assert summary.notes_on_failures(TRIALS, OUTCOMES) == []
    many = [trial(f"task{i}", seed) for i in range(9) for seed in (0, 1)]
    found = {one.id: outcome(one, 0.5, state="failed" if one.seed else "not solved") for one in many}
    notes = summary.notes_on_failures(many, found)
    assert len(notes) == 6
    assert notes[-1] == "... and so it is for 4 settings more"

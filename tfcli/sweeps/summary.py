"""What the runs of a sweep say about its settings: medians over seeds, and differences with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from statistics import median

from tfcli.intervals import difference
from tfcli.records.sweep import Contrast, Group, LengthSummary, RunOutcome
from tfcli.sweeps.planning import Trial, describe, label_of

Measure = Callable[[RunOutcome], float | None]


def group(trials: Sequence[Trial], outcomes: Mapping[str, RunOutcome], lengths: Sequence[int]) -> list[Group]:
    """Return what each setting came to over its seeds, in the order of the runs."""
    return [
        summarize(label, members, [outcomes[trial.id] for trial in members if trial.id in outcomes], lengths)
        for label, members in by_setting(trials).items()
    ]


def by_setting(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Return the runs of each setting, by what it varies: in short, unless others are called so, too."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(describe(trial.setting), []).append(trial)
    labels = {whole: label_of(members[0].setting) or "all" for whole, members in found.items()}
    several = Counter(labels.values())
    return {
        whole if several[labels[whole]] > 1 else labels[whole]: members for whole, members in found.items()
    }


def summarize(
    label: str, trials: Sequence[Trial], found: Sequence[RunOutcome], lengths: Sequence[int]
) -> Group:
    """Return what a setting came to; without figures where a search dropped some of its seeds.

    Those that were solved before that would stand for all.
    """
    ended = [outcome for outcome in found if outcome.has_ended]
    dropped = sum(outcome.state == "dropped" for outcome in found)
    whole = [] if dropped else ended
    exact = [outcome.exact_match_at(None) or 0.0 for outcome in whole]
    solved = [outcome for outcome in whole if outcome.solved_step is not None]
    parameters = next((outcome.parameters for outcome in found if outcome.parameters), None)
    return Group(
        label=label,
        settings=trials[0].setting,
        runs=len(trials),
        done=len(ended) + sum(outcome.state == "failed" for outcome in found),
        solved=sum(outcome.state == "solved" for outcome in ended),
        failed=sum(outcome.has_failed for outcome in found),
        dropped=dropped,
        parameters=parameters,
        exact_match_median=median(exact) if exact else None,
        exact_match_worst=min(exact) if exact else None,
        steps_median=median(outcome.solved_step or 0 for outcome in solved) if solved else None,
        seconds_median=median(outcome.solved_seconds or 0.0 for outcome in solved) if solved else None,
        lengths=[summarize_length(whole, length) for length in lengths],
    )


def summarize_length(ended: Sequence[RunOutcome], length: int) -> LengthSummary:
    """Return how well a setting does at a length."""
    scores = list(read(ended, methodcaller("exact_match_at", length)).values())
    return LengthSummary(length, median(scores) if scores else None, min(scores) if scores else None)


def contrast(
    trials: Sequence[Trial], outcomes: Mapping[str, RunOutcome], lengths: Sequence[int]
) -> list[Contrast]:
    """Hold each setting against the first, seed by seed.

    What is compared is the exact match, at each length that was asked for, the longest first; and the
    steps to solved, where all runs of both are.
    """
    (baseline, first), *others = by_setting(trials).items() or [("", [])]
    found = []
    for name, measure, of_all in measures(lengths):
        one = figures(first, outcomes, measure)
        for label, members in others:
            other = figures(members, outcomes, measure)
            is_whole = len(one) == len(first) and len(other) == len(members)
            if one and other and (is_whole or not of_all):
                found.append(Contrast(label, baseline, name, difference(one, other)))
    return found


def notes_on_lengths(groups: Sequence[Group]) -> list[str]:
    """Return at which lengths nothing is held against the first setting, which has no figures there."""
    if not groups:
        return []
    first, *others = groups
    missing = [
        str(mine.length)
        for mine, *theirs in zip(first.lengths, *(group.lengths for group in others), strict=True)
        if mine.exact_match_median is None and any(one.exact_match_median is not None for one in theirs)
    ]
    at = f"at length{'s' * (len(missing) > 1)} {', '.join(missing)}"
    return [f"{at} nothing is held against {first.label}, which has no figures there"] if missing else []


def measures(lengths: Sequence[int]) -> list[tuple[str, Measure, bool]]:
    """Return what is compared: what it is called, how it is read, and whether all runs must have it."""
    at_lengths: list[tuple[str, Measure, bool]] = [
        (f"exact match at {length}", methodcaller("exact_match_at", length), False)
        for length in reversed(lengths)
    ]
    held_out: tuple[str, Measure, bool] = ("exact match", methodcaller("exact_match_at", None), False)
    steps: tuple[str, Measure, bool] = ("steps to solved", lambda outcome: outcome.solved_step, True)
    return [*(at_lengths or [held_out]), steps]


def figures(
    trials: Sequence[Trial], outcomes: Mapping[str, RunOutcome], measure: Measure
) -> dict[int, float]:
    """Return a figure by seed, of the runs of a setting that have come to their end; none if one was left."""
    found = [outcomes[trial.id] for trial in trials if trial.id in outcomes]
    if any(outcome.state == "dropped" for outcome in found):
        return {}
    return read([outcome for outcome in found if outcome.has_ended], measure)


def read(ended: Sequence[RunOutcome], measure: Measure) -> dict[int, float]:
    """Return a figure by seed; none where the runs that didn't diverge have none: then nobody can have it."""
    found = {outcome.seed: measure(outcome) for outcome in ended}
    sound = [found[outcome.seed] for outcome in ended if outcome.state != "diverged"]
    if sound and all(figure is None for figure in sound):
        return {}
    return {seed: figure for seed, figure in found.items() if figure is not None}

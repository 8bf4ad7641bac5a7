"""What the runs of a sweep say about its settings: medians over seeds, and differences with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from statistics import median

from tfcli.errors import counted
from tfcli.intervals import difference
from tfcli.records.sweep import Contrast, Group, LengthSummary, RunOutcome
from tfcli.sweeps.planning import Trial, describe, label_of
from tfcli.sweeps.points import Point

MOST_NOTES = 5  # settings that are named
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
    trials: Sequence[Trial],
    outcomes: Mapping[str, RunOutcome],
    lengths: Sequence[int],
    against: Point | None = None,
) -> list[Contrast]:
    """Hold each setting against its baseline (see `baselines`), seed by seed.

    What is compared is the exact match, at each length that was asked for, the longest first; and the
    steps to solved, where all runs of both are.
    """
    settings = by_setting(trials)
    pairs = baselines({label: members[0].setting for label, members in settings.items()}, against)
    found = []
    for name, measure, of_all in measures(lengths):
        known = {label: figures(members, outcomes, measure) for label, members in settings.items()}
        is_whole = {label: len(known[label]) == len(members) for label, members in settings.items()}
        for label, baseline in pairs.items():
            one, other = known[baseline], known[label]
            if one and other and (not of_all or (is_whole[baseline] and is_whole[label])):
                found.append(Contrast(label, baseline, name, difference(one, other)))
    return found


def baselines(settings: Mapping[str, Point], against: Point | None = None) -> dict[str, str]:
    """Return what each of `settings`, by their labels, is held against.

    That is the first of them; or, with values to hold them `against`, the one that has these, and is the same
    otherwise. What has them itself is held against nothing, nor is what has no such counterpart.
    """
    if not against:
        first, *others = settings or [""]
        return dict.fromkeys(others, first)
    labels = {frozenset(setting.items()): label for label, setting in settings.items()}
    found = {
        label: labels.get(frozenset({**setting, **against}.items())) for label, setting in settings.items()
    }
    return {label: baseline for label, baseline in found.items() if baseline not in (None, label)}


def notes_on_baselines(groups: Sequence[Group], against: Point | None = None) -> list[str]:
    """Return where nothing is held against a baseline: at all, or at lengths at which it has no figures."""
    of = {group.label: group for group in groups}
    pairs = baselines({group.label: group.settings for group in groups}, against)
    if against and not pairs:
        return [
            f"nothing is held against {label_of(against)}: no other setting differs from it in that alone"
        ]
    notes = []
    for baseline in dict.fromkeys(pairs.values()):
        others = [of[label].lengths for label, its in pairs.items() if its == baseline]
        missing = [
            str(mine.length)
            for mine, *theirs in zip(of[baseline].lengths, *others, strict=True)
            if mine.exact_match_median is None and any(one.exact_match_median is not None for one in theirs)
        ]
        if missing:
            at = f"at length{'s' * (len(missing) > 1)} {', '.join(missing)}"
            notes.append(f"{at} nothing is held against {baseline}, which has no figures there")
    return notes


def notes_on_failures(trials: Sequence[Trial], outcomes: Mapping[str, RunOutcome]) -> list[str]:
    """Return which settings have figures of some of their seeds only, as others failed."""
    notes = []
    for label, members in by_setting(trials).items():
        found = [outcomes[trial.id] for trial in members if trial.id in outcomes]
        failed = sum(outcome.state == "failed" for outcome in found)
        ended = sum(outcome.has_ended for outcome in found)
        if failed and ended:
            notes.append(
                f"{label}: its figures are of {ended} of {counted(len(members), 'seed')}; {failed} failed"
            )
    more = len(notes) - MOST_NOTES
    return [
        *notes[:MOST_NOTES],
        *([f"... and so it is for {counted(more, 'setting')} more"] if more > 0 else []),
    ]


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
    """Return a figure by seed; none where none of the runs has one that left a model: nobody can have it."""
    found = {outcome.seed: measure(outcome) for outcome in ended}
    sound = [found[outcome.seed] for outcome in ended if not outcome.came_to_nothing]
    if sound and all(figure is None for figure in sound):
        return {}
    return {seed: figure for seed, figure in found.items() if figure is not None}

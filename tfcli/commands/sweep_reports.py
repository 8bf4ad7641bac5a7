"""What a sweep would do, and what it has come to. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import NamedTuple

from tfcli.commands.sweep import Rules, Sweep
from tfcli.commands.sweep_models import build
from tfcli.errors import ConfigError, counted
from tfcli.records.comparison import SHARED
from tfcli.records.sweep import FIRST, RunOutcome, SweepPlan, SweepReport
from tfcli.runs import folders
from tfcli.sweeps import summary
from tfcli.sweeps.axes import SEED
from tfcli.sweeps.journal import Journal
from tfcli.sweeps.orders import Workers
from tfcli.sweeps.planning import Trial, label_of, shown
from tfcli.sweeps.setup import Prepared
from tfcli.sweeps.strategies import Leg, Strategy

TRIED = 4  # settings of which a few steps are timed
STARTING = 2.0  # seconds for workers to import torch


def report_on(prepared: Prepared, sweep: Sweep, seconds: float) -> SweepReport:
    """Return what a sweep has come to so far."""
    trials, outcomes, lengths = sweep.strategy.trials(), sweep.outcomes(), sweep.rules.lengths
    groups = summary.group(trials, outcomes, lengths)
    found = [outcomes[trial.id] for trial in trials if trial.id in outcomes]
    done = [outcome for outcome in found if outcome.state not in ("interrupted", "dropped")]
    return SweepReport(
        sweep=str(sweep.planner.folder),
        source=prepared.source,
        planned=len(trials),
        done=len(done),
        skipped=sum(outcome.id not in sweep.trained for outcome in done),
        scored=sum(outcome.id in sweep.scored for outcome in done),
        seconds=seconds,
        workers=sweep.workers.number,
        groups=groups,
        baseline=label_of(prepared.against) or FIRST,
        contrasts=summary.contrast(trials, outcomes, lengths, prepared.against),
        outcomes=found,
        notes=[
            *notes_on(sweep, trials, found),
            *summary.notes_on_failures(trials, outcomes),
            *summary.notes_on_baselines(groups, prepared.against),
        ],
    )


def notes_on(sweep: Sweep, trials: Sequence[Trial], found: Sequence[RunOutcome]) -> list[str]:
    """Return what else there is to know of a sweep and of what its runs came to."""
    notes = list(sweep.strategy.notes())
    ids = {trial.id for trial in trials}
    if others := sum(key not in ids for key in sweep.planner.known):
        where = f"{counted(others, 'run')} in {sweep.planner.folder}"
        notes.append(f"not part of this: {where}, of other settings, code or data")
    if far := sum(outcome.state == "diverged" and not outcome.has_failed for outcome in found):
        notes.append(f"diverged, to a loss far above that of a guess: {counted(far, 'run')}")
    together = {outcome.together for outcome in found if outcome.has_ended}
    if len(together) > 1 or 0 in together:
        notes.append(f"seconds can't be compared: {SHARED}")
    return notes


def plan_sweep(prepared: Prepared, rules: Rules, workers: Workers) -> SweepPlan:
    """Return what a sweep would do, and how long: as runs that are done took, or by a few steps of some.

    Raises:
        ConfigError: a model that is tried can't be built.
    """
    planner, strategy = prepared.planner, prepared.strategy
    trials = strategy.trials()
    journal = Journal(planner.folder)

    def find(leg: Leg, lengths: Sequence[int] = ()) -> RunOutcome | None:
        return journal.find((leg.trial.id, leg.until), leg.trial.folder, lengths, rules.samples)

    done = {trial.id for trial in trials if find(Leg(trial, None))}
    scored = {trial.id for trial in trials if find(Leg(trial, None), rules.lengths)}
    steps = count_steps(strategy, find)
    started = [t for t in trials if steps and t.id not in done and (t.folder / folders.CONFIG).is_file()]
    ended = [outcome for outcome in journal.outcomes.values() if outcome.has_ended]
    cost = cost_by_runs(trials, ended) or cost_by_trying(prepared, workers)
    return SweepPlan(
        sweep=str(planner.folder),
        source=prepared.source,
        axes={axis.key: shown(axis) for axis in prepared.axes},
        runs=len(trials) or strategy.total,
        settings=len(summary.by_setting(trials)) or strategy.total,
        done=len(done),
        unscored=len(done - scored),
        started=len(started),
        parameters=cost.parameters,
        tried=cost.tried,
        steps=steps,
        seconds=steps * cost.seconds_a_step / workers.parallel + (STARTING if steps else 0),
        workers=workers.number,
        measured=cost.measured,
        notes=strategy.notes(),
    )


def count_steps(strategy: Strategy, find: Callable[[Leg], RunOutcome | None]) -> int:
    """How many steps are left at most. Of a search that hasn't drawn its settings, these are all."""
    steps, is_drawn = strategy.most_steps(), bool(strategy.trials())
    while is_drawn and (leg := strategy.next()) is not None:
        if outcome := find(leg):
            strategy.tell(leg, outcome)
            steps -= leg.steps
    return steps


class Cost(NamedTuple):
    """What runs cost."""

    seconds_a_step: float  # with its share of the evaluations
    parameters: tuple[int, int]  # of the smallest and the largest model
    tried: int  # settings that this is known of
    measured: str  # how that is known


def cost_by_runs(trials: Sequence[Trial], ended: Sequence[RunOutcome]) -> Cost | None:
    """Return what runs cost that have come to their end, by the steps they were to have.

    None where that says nothing of a setting: the folder's other runs may be of other sizes. A search has no
    settings before it draws them, and goes by all of the folder.
    """
    known = {outcome.id for outcome in ended}
    settings = summary.by_setting(trials).values()
    if any(all(trial.id not in known for trial in members) for members in settings):
        return None
    ids = {trial.id for trial in trials}
    done = [outcome for outcome in ended if outcome.id in ids or not ids]
    sizes = [outcome.parameters for outcome in done if outcome.parameters]
    costs = [outcome.seconds / outcome.most_steps for outcome in done if outcome.most_steps]
    if not sizes or not costs:
        return None
    tried = {tuple(item for item in outcome.settings.items() if item[0] != SEED) for outcome in done}
    those = f"the {len(costs):,} runs that are done" if len(costs) > 1 else "the run that is done"
    return Cost(median(costs), (min(sizes), max(sizes)), len(tried), f"as {those} took")


def cost_by_trying(prepared: Prepared, workers: Workers) -> Cost:
    """Return what runs cost by a few steps of some, none of which is kept.

    Raises:
        ConfigError: a model can't be built.
    """
    members = summary.by_setting(prepared.strategy.trials()).values()
    settings = [trials[0].point for trials in members] or [{}]
    count = min(TRIED, len(settings))
    tried = [settings[number * (len(settings) - 1) // max(1, count - 1)] for number in range(count)]
    found = build([prepared.planner.configure(point) for point in tried], workers, timed=True)
    problems = [checked.problem for checked in found if checked.problem is not None]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    sizes = [checked.parameters for checked in found]
    seconds = fmean(checked.seconds_a_step or 0.0 for checked in found)
    measured = f"by a few steps of {counted(count, 'setting')}; what is solved early ends early"
    return Cost(seconds, (min(sizes), max(sizes)), count, measured)

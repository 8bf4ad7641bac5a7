"""`bench`: configurations of examples, each once a seed -> a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from statistics import median

from tfcli.bench import measure, measure_machine
from tfcli.building.models import build_for_training
from tfcli.commands.together import why_in_turn
from tfcli.devices import prepare
from tfcli.errors import UsageError
from tfcli.records.bench import (
    BenchEntry,
    BenchReport,
    LearningCurve,
    LearningPoint,
    LearningSpread,
    Machine,
    Measured,
    Needed,
    SolveRecord,
)


def bench_examples(
    wanted: Sequence[Measured],
    lengths: Sequence[int],
    plain: bool,
    samples: int,
    *,
    together: bool = False,
    begin: Callable[[Machine], None],
    tell: Callable[[str, SolveRecord], None],
) -> BenchReport:
    """Train and measure each example for each seed; those of one example stand together.

    Args:
        together: whether the seeds of each are trained as one program.
        begin: is told what it is measured on, before the first training.
        tell: is told of each training when it is over, by its label.

    Raises:
        UsageError: something of an example isn't to be had; before anything is trained.
    """
    for _, label, configs in wanted:
        if together and (reason := why_in_turn(configs)):
            raise UsageError(f"--together: {label}: {reason}; leave it out")
        prepare(configs[0].train)
        build_for_training(configs[0], lengths)
    machine = measure_machine()
    begin(machine)
    found = []
    for example, label, configs in wanted:

        def tell_by_label(record: SolveRecord, label: str = label) -> None:
            tell(label, record)

        words = (example, configs, lengths, plain, machine, samples, tell_by_label)
        found.append(measure(*words, together=together))
    groups = [list(group) for _, group in groupby(found, key=lambda entry: entry.example)]
    return BenchReport(machine, found, [draw_curve(group) for group in groups if len(group) > 1])


def draw_curve(entries: Sequence[BenchEntry]) -> LearningCurve:
    """Return the learning curve of an example, from its entries with each number of sequences and start."""
    start = next((entry.start for entry in entries if entry.start is not None), None)
    sides = [
        {entry.train_samples: spread_of(entry.ours) for entry in entries if (entry.start is None) == is_new}
        for is_new in (True, False)
    ]
    counts = sorted({entry.train_samples for entry in entries}, key=lambda count: count or 0)
    points = [make_point(count, *(side.get(count) for side in sides)) for count in counts]
    needed = [find_needed(points, share) for share in bars_of(points)] if len(points) > 1 else []
    return LearningCurve(entries[0].example, start, points, needed)


def spread_of(records: Sequence[SolveRecord]) -> LearningSpread:
    """Median and worst over the seeds."""
    exact = [record.exact_match or 0.0 for record in records]
    return LearningSpread(
        sum(record.solved for record in records),
        len(records),
        median(exact),
        min(exact),
        median(record.steps for record in records),
        median(record.seconds for record in records),
    )


def make_point(
    count: int | None, scratch: LearningSpread | None, run: LearningSpread | None
) -> LearningPoint:
    """Return a point of a curve, with the ratio of its steps if that says anything."""
    says = scratch is not None and run is not None and run.solved == run.trainings
    ratio = run.steps_median / scratch.steps_median if says and run and scratch else None
    return LearningPoint(count, scratch, run, ratio)


def bars_of(points: Sequence[LearningPoint]) -> list[float]:
    """Return how far to ask what it takes: 1.0 if anything comes so far, and as far as scratch comes."""
    scratch = max(
        (point.from_scratch.exact_match_median for point in points if point.from_scratch), default=0.0
    )
    run = max((point.from_run.exact_match_median for point in points if point.from_run), default=0.0)
    return sorted({share for share in (1.0 if run == 1 else scratch, scratch) if share > 0}, reverse=True)


def find_needed(points: Sequence[LearningPoint], share: float) -> Needed:
    """Return the fewest sequences with which the median seed comes as far as `share`."""

    def fewest(side: Callable[[LearningPoint], LearningSpread | None]) -> int | None:
        reached = [(point, side(point)) for point in points]
        return next(
            (p.train_samples for p, found in reached if found and found.exact_match_median >= share), None
        )

    return Needed(share, fewest(lambda point: point.from_scratch), fewest(lambda point: point.from_run))

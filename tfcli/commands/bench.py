"""`bench`: configurations of examples, each once a seed -> a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tfcli.bench import measure, measure_machine
from tfcli.building.models import build_for_training
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare
from tfcli.records.bench import BenchReport, Machine, SolveRecord


def bench_examples(
    entries: Mapping[str, Sequence[RunConfig]],
    lengths: Sequence[int],
    plain: bool,
    samples: int,
    *,
    begin: Callable[[Machine], None],
    tell: Callable[[str, SolveRecord], None],
) -> BenchReport:
    """Train and measure each example for each seed.

    Args:
        begin: is told what it is measured on, before the first training.
        tell: is told of each training when it is over, by the name of the example.

    Raises:
        UsageError: something of an example isn't to be had; before anything is trained.
    """
    for configs in entries.values():
        prepare(configs[0].train)
        build_for_training(configs[0], lengths)
    machine = measure_machine()
    begin(machine)
    found = []
    for name, configs in entries.items():

        def tell_of_example(record: SolveRecord, name: str = name) -> None:
            tell(name, record)

        found.append(measure(name, configs, lengths, plain, machine, samples, tell_of_example))
    return BenchReport(machine, found)

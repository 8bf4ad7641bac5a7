"""Sweeps within this process: small ones, whose jobs are done as they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tfcli.commands import jobs
from tfcli.commands.sweep import Listener, Rules, Sweep
from tfcli.commands.sweep_reports import report_on
from tfcli.records.sweep import SweepProgress, SweepReport
from tfcli.sweeps.orders import Done, Job, Lost, Request, Word
from tfcli.sweeps.setup import Prepared, Wanted, prepare

TINY = [
    *("task.vocab_size=4", "task.max_length=4", "model.d_model=8", "model.n_heads=2", "train.steps=12"),
    *("train.batch_size=4", "train.eval_every=2", "train.eval_samples=8", "train.warmup_steps=2"),
]
FOUR = ("model.positions=rotary,ends", "train.seed=0:1")
OWN = """
import tfcli

class Late(tfcli.Positions):
    def embed(self, x, at):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls > 4:
            raise ZeroDivisionError("a bug of mine")
        return x
"""


class InlineWorkers:
    """Does what it is given at once, in this process; a few requests at a time, the last one first.

    Args:
        must_stop: is asked for each step.
    """

    def __init__(self, number: int = 1, must_stop: Callable[[], bool] = lambda: False) -> None:
        self.number, self.asked = number, must_stop
        self.requests: list[Request] = []
        self.given: list[Request] = []
        self.said: list[Done | Lost | Word] = []
        self.stopped = False
        self.started = 0

    def start(self, requests: int) -> None:
        self.started = requests

    @property
    def parallel(self) -> int:
        return self.number

    @property
    def free(self) -> int:
        return self.number - len(self.requests)

    @property
    def is_idle(self) -> bool:
        return not self.requests

    def give(self, request: Request) -> None:
        self.requests.append(request)
        self.given.append(request)

    def say(self, word: Word) -> None:
        self.said.append(word)

    def must_stop(self) -> bool:
        return self.stopped or self.asked()

    def wait(self, timeout: float) -> Iterator[Done | Lost | Word]:
        request = self.requests.pop()
        result = jobs.do(request, self)
        yield from self.said
        self.said.clear()
        yield Done(request, result)

    def stop(self) -> None:
        self.stopped = True

    def end_overdue(self, limit: float, grace: float) -> None:
        pass

    def kill(self) -> None:
        self.requests.clear()


def plan(*words: str, folder: Path | None = None, **options: object) -> Prepared:
    said = {word.partition("=")[0] for word in words}
    small = [word for word in TINY if word.partition("=")[0] not in said]
    return prepare(Wanted(["reverse", *small, *words], folder, **options))  # type: ignore[arg-type]


def sweep(
    *words: str,
    rules: Rules | None = None,
    workers: InlineWorkers | None = None,
    shown: list[SweepProgress] | None = None,
    warned: list[str] | None = None,
    folder: Path | None = None,
    **options: object,
) -> SweepReport:
    """Run a tiny sweep of `reverse` in the current folder."""
    prepared = plan(*words, folder=folder, **options)
    prepared.planner.folder.mkdir(parents=True, exist_ok=True)
    listener = Listener(
        (lambda progress: None) if shown is None else shown.append,
        (lambda problem: None) if warned is None else warned.append,
    )
    made = Sweep(prepared.planner, prepared.strategy, rules or Rules(), workers or InlineWorkers(), listener)
    made.run()
    return report_on(prepared, made, 1.0)


def states(report: SweepReport) -> Sequence[str]:
    return [outcome.state for outcome in report.outcomes]


def trained(workers: InlineWorkers) -> list[str]:
    """Return the ids of the runs that workers were given."""
    return [order.id for request in workers.given if isinstance(request, Job) for order in request.orders]

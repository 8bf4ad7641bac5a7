"""`train` with several seeds: a run each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

from tfcli.cli.output import hint, print_result, warn
from tfcli.cli.training import SMALLER_RATE
from tfcli.errors import UsageError, counted

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.commands.together import Show
    from tfcli.commands.train import Audience
    from tfcli.config.schema import RunConfig
    from tfcli.records.progress import Progress
    from tfcli.records.results import SeedsReport


def train_each_seed(
    config: "RunConfig", name: str, out: Path | None, *, watch: bool, quiet: bool, debug: bool, as_json: bool
) -> None:
    """Train with each seed, a line on stderr telling how it goes, and print what came of it."""
    if watch:
        raise UsageError("--watch is about one training: leave it out, or train.seeds")
    from tfcli.commands.remarks import remarks_on
    from tfcli.commands.seeds import train_seeds

    for note in [] if quiet else remarks_on(config):
        hint(note)
    with showing(quiet, debug) as (audience, show):
        report = train_seeds(config, name, out, audience, show)
    tell_seeds(report, next_of(report), quiet, as_json)


def resume_each_seed(
    runs: Sequence[Path],
    changes: Sequence[str],
    trust: Sequence[Path],
    *,
    quiet: bool,
    debug: bool,
    as_json: bool,
) -> None:
    """Let several runs go on, a line on stderr telling how it goes, and print what came of it."""
    from tfcli.commands.resume_seeds import resume_seeds

    with showing(quiet, debug) as (audience, show):
        report = resume_seeds(runs, changes, trust, audience, show)
    tell_seeds(report, "the same command goes on where this was broken off", quiet, as_json)


@contextmanager
def showing(quiet: bool, debug: bool) -> "Iterator[tuple[Audience, Show]]":
    """Give who is told how several trainings go, in a line on stderr."""
    from tfcli.commands.train import Audience
    from tfcli.render.progress import StatusLine
    from tfcli.render.seeds import status_of
    from tfcli.render.terminal import make_console

    status = StatusLine(make_console(stderr=True))

    def tell(text: str) -> None:
        status.clear()
        hint(text)

    def show(latest: "Sequence[Progress | None]") -> None:
        if not quiet:
            status.show(status_of(latest))

    try:
        yield Audience(note=(lambda remark: None) if quiet else tell, warn=warn, debug=debug), show
    finally:
        status.clear()


def next_of(report: "SeedsReport") -> str:
    """Return how trainings that were broken off go on."""
    begun = [record.outcome for record in report.seeds if record.outcome is not None]
    runs = " ".join(quote(outcome.run) for outcome in begun if outcome.interrupted)
    left = [record.seed for record in report.seeds if record.outcome is None and not record.problem]
    others = f"; train.seed={left[0]} train.seeds={len(left)} for those not begun" if left else ""
    return f"tfcli train --resume {runs}{others}"


def tell_seeds(report: "SeedsReport", again: str, quiet: bool, as_json: bool) -> None:
    """Print what came of several trainings, say what to try next, and exit as they ended."""
    from tfcli.render.seeds import print_seeds

    print_result(report, print_seeds, as_json=as_json)
    done = [record.outcome for record in report.seeds if record.outcome is not None]
    if any(outcome.interrupted for outcome in done):
        if not quiet:
            hint(f"next: {again}")
        raise typer.Exit(130)
    if diverged := sum(outcome.diverged for outcome in done):
        warn(f"the loss of {counted(diverged, 'seed')} is far above that of a guess: {SMALLER_RATE}")
    if len(done) < len(report.seeds) or diverged:
        raise typer.Exit(1)
    if not quiet:
        hint(f"next: tfcli eval {quote(done[0].run)}, tfcli ls")

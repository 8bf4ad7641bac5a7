"""`train` with several seeds: a run each."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

from tfcli.cli.output import hint, print_result, warn
from tfcli.cli.training import SMALLER_RATE
from tfcli.errors import UsageError, counted

if TYPE_CHECKING:  # to import what these need takes longer than --help
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
    from tfcli.commands.train import Audience
    from tfcli.render.progress import StatusLine
    from tfcli.render.seeds import print_seeds, status_of
    from tfcli.render.terminal import make_console

    for note in [] if quiet else remarks_on(config):
        hint(note)
    status = StatusLine(make_console(stderr=True))

    def tell(text: str) -> None:
        status.clear()
        hint(text)

    def show(latest: "Sequence[Progress | None]") -> None:
        if not quiet:
            status.show(status_of(latest))

    audience = Audience(note=(lambda remark: None) if quiet else tell, warn=warn, debug=debug)
    try:
        report = train_seeds(config, name, out, audience, show)
    finally:
        status.clear()
    print_result(report, print_seeds, as_json=as_json)
    conclude(report, quiet)


def conclude(report: "SeedsReport", quiet: bool) -> None:
    """Say what to try next, and exit as the trainings ended."""
    done = [record.outcome for record in report.seeds if record.outcome is not None]
    interrupted = [outcome.run for outcome in done if outcome.interrupted]
    if interrupted:
        if not quiet:
            left = [record.seed for record in report.seeds if record.outcome is None and not record.problem]
            others = f"; train.seed={left[0]} train.seeds={len(left)} for those not begun" if left else ""
            hint(f"next: tfcli train --resume {quote(interrupted[0])}, and so on{others}")
        raise typer.Exit(130)
    if diverged := sum(outcome.diverged for outcome in done):
        warn(f"the loss of {counted(diverged, 'seed')} is far above that of a guess: {SMALLER_RATE}")
    if len(done) < len(report.seeds) or diverged:
        raise typer.Exit(1)
    if not quiet:
        hint(f"next: tfcli eval {quote(done[0].run)}, tfcli ls")

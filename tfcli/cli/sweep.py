"""`sweep`: many runs of one configuration."""

import time
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, complete_sources, expand_user
from tfcli.cli.output import hint, warn
from tfcli.errors import UsageError

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.commands.sweep import Rules, Sweep
    from tfcli.records.sweep import SweepReport
    from tfcli.sweeps.cluster import ClusterWorkers
    from tfcli.sweeps.orders import Workers
    from tfcli.sweeps.setup import Prepared
    from tfcli.sweeps.workers import LocalWorkers

FORMATS = [".csv", ".json", ".md", ".svg"]
MOST_WORKERS = 1024


@app.command()
def sweep(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXAMPLE] [KEY=VALUE]...",
            help="An example, FILE.yaml or FILE.yaml:NAME, whose sweep: block counts, too; and settings: "
            "KEY=A,B,C takes each value, KEY=FIRST:LAST each whole number. "
            "A value with a comma of its own stands in brackets or quotes: KEY=[a,b],[c].",
            autocompletion=complete_sources,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the sweep; runs/NAME-sweep if left out.", callback=expand_user),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, max=MOST_WORKERS, help="Processes that train at once; one a core if left out."
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Train on the workers of a Dask scheduler, such as tcp://host:8786.",
        ),
    ] = None,
    lengths: Annotated[
        str | None, typer.Option("--lengths", help="Score the trained models at these, such as 41:500:50.")
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=1, max=100_000, help="Held-out sequences a length; 256 if left out."),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="KIND:N",
            help="Draw N settings, from ranges such as train.learning_rate=1e-4:1e-1, too: random:50, or "
            "optuna:50, whose draws learn from each other.",
        ),
    ] = None,
    search_seed: Annotated[int, typer.Option("--search-seed", min=0, max=2**31, help="Of the draws.")] = 0,
    halving: Annotated[
        bool,
        typer.Option(
            "--halving", help="Train all for a few steps, the best third for three times as many, and so on."
        ),
    ] = False,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", min=0, help="Seconds of training, for each run.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop when a run fails; else the others go on.")
    ] = False,
    together: Annotated[
        bool,
        typer.Option(
            help="Train seeds of a setting as one program where that is faster; equal up to rounding."
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how many runs there are, their size, and a time.")
    ] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="KEY=VALUE",
            help="Hold each setting against the one with this value that is the same otherwise, not against "
            "the first; may be given several times.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Mean it, where there are over a thousand runs.")
    ] = False,
    save: Annotated[
        list[Path] | None,
        typer.Option("--save", help="Write .csv, .json, .md or .svg, too; may be given several times."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of --save.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train many runs of one configuration, and hold its settings against each other.

    The runs are like those of `train`, below the folder of the sweep. What is done isn't done again: the same
    command goes on where it was broken off, and more values add to it.

    Example: tfcli sweep reverse model.positions=sinusoidal,rotary,ends train.seed=0:4
    """
    from tfcli.cli.ranges import parse_lengths
    from tfcli.commands.sweep import Rules
    from tfcli.sweeps.searches import parse_search
    from tfcli.sweeps.setup import Wanted, prepare

    if cluster is not None and workers is not None:
        raise UsageError("--workers is about this machine; a cluster has those that joined it")
    targets = find_targets(save or [], force, dry_run)
    if samples is not None and lengths is None:
        raise UsageError("--samples is about the lengths of --lengths")
    if time_limit == 0:
        raise UsageError("--time-limit 0 leaves no time to train")
    at = () if lengths is None else tuple(parse_lengths(lengths))
    rules = Rules(at, samples or Rules.samples, time_limit, fail_fast, together)
    drawn = None if search is None else parse_search(search)
    note = (lambda remark: None) if quiet else hint
    prepared = prepare(Wanted(words or [], out, drawn, halving, search_seed, yes, against or []), note)
    with find_workers(cluster, workers) as pool:
        if dry_run:
            tell_plan(prepared, rules, pool, as_json)
            return
        finished, report = run(prepared, rules, pool, quiet)
    tell(finished, report, targets, quiet, as_json)


def find_targets(save: list[Path], force: bool, dry_run: bool) -> list[Path]:
    """Return the files that are to be written.

    Raises:
        UsageError: one can't be, or there is nothing to write.
    """
    targets = [path.expanduser() for path in save]
    if force and not targets:
        raise UsageError("--force is about the file of --save")
    if targets and dry_run:
        raise UsageError(
            "--save writes what runs have come to, and --dry-run has none; leave one of them out"
        )
    for target in targets:
        saving.check_target(target, FORMATS, force=force)
    return targets


def find_workers(cluster: str | None, number: int | None) -> "LocalWorkers | ClusterWorkers":
    """Return the workers of a cluster, or of this machine.

    Raises:
        UsageError: the cluster can't be reached.
    """
    if cluster is not None:
        from tfcli.sweeps.cluster import ClusterWorkers

        return ClusterWorkers(cluster, warn)
    from tfcli.sweeps.workers import LocalWorkers, count_cores

    return LocalWorkers(number or count_cores())


def tell_plan(prepared: "Prepared", rules: "Rules", pool: "Workers", as_json: bool) -> None:
    """Print what a sweep would do."""
    from tfcli.cli.output import print_result
    from tfcli.commands.sweep_reports import plan_sweep
    from tfcli.render.sweep import print_plan

    print_result(plan_sweep(prepared, rules, pool), print_plan, as_json=as_json)


def run(prepared: "Prepared", rules: "Rules", pool: "Workers", quiet: bool) -> "tuple[Sweep, SweepReport]":
    """Run a sweep with a display on stderr, and return what it came to."""
    from tfcli.commands.sweep import Listener, Sweep
    from tfcli.commands.sweep_reports import report_on
    from tfcli.render.sweep_progress import SweepDisplay
    from tfcli.render.terminal import make_console
    from tfcli.sweeps.journal import hold_folder

    started, told = time.monotonic(), set[str]()

    def warn_once(problem: str) -> None:
        if problem not in told:
            told.add(problem)
            warn(problem)

    with hold_folder(prepared.planner.folder), SweepDisplay(make_console(stderr=True), quiet) as display:
        going = Sweep(prepared.planner, prepared.strategy, rules, pool, Listener(display.show, warn_once))
        going.run()
        return going, report_on(prepared, going, time.monotonic() - started)


def tell(finished: "Sweep", report: "SweepReport", save: list[Path], quiet: bool, as_json: bool) -> None:
    """Print and write what a sweep came to, and what to try next.

    Raises:
        typer.Exit: not all of it is done, or something failed.
    """
    from tfcli.cli.output import print_result
    from tfcli.render.sweep import print_sweep

    for path in save:
        write(report, path)
    print_result(report, print_sweep, as_json=as_json)
    for path in [] if as_json else save:
        saving.tell_size(path)
    if finished.was_interrupted:
        if not quiet:
            hint("next: the same command goes on where this was broken off")
        raise typer.Exit(130)
    if finished.failed:
        raise typer.Exit(1)
    trained = [outcome for outcome in report.outcomes if outcome.state in ("solved", "not solved")]
    if not quiet and trained:
        best = max(trained, key=lambda outcome: outcome.exact_match or 0.0)
        hint(f"next: tfcli attn {quote(best.run)}")


def write(report: "SweepReport", path: Path) -> None:
    """Write a report to a file, as its suffix says."""
    from tfcli.render import sweep as tables
    from tfcli.render import sweep_svg
    from tfcli.render.files import json_text

    makers = {
        ".csv": lambda: "".join(tables.csv(report)),
        ".json": lambda: json_text(report),
        ".md": lambda: tables.markdown(report),
        ".svg": lambda: sweep_svg.render(report),
    }
    saving.write(path, makers[path.suffix.lower()])

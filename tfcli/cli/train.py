"""`train`: train a model and save it as a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import (
    JsonOption,
    TrustOption,
    complete_runs,
    complete_settings,
    complete_sources,
    expand_user,
)
from tfcli.cli.output import echo, hint, print_json, print_result, warn
from tfcli.cli.seeds import train_each_seed
from tfcli.errors import UsageError

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.commands.train import Audience
    from tfcli.config.files import Entry
    from tfcli.config.schema import RunConfig
    from tfcli.records.inspection import Choice
    from tfcli.records.results import TrainReport, TransferRow


@app.command()
def train(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="EXAMPLE",
            help="An example, FILE.yaml or FILE.yaml:NAME.",
            autocompletion=complete_sources,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Settings that change the example, such as model.n_layers=2.",
            autocompletion=complete_settings,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Short for train.seed=SEED.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the run; runs/NAME if left out.", callback=expand_user),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole configuration and stop.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show a head's attention while it learns, on a terminal.")
    ] = False,
    slow: Annotated[
        bool, typer.Option("--slow", help="Wait at each picture of --watch, and draw more of them.")
    ] = False,
    layer: Annotated[int | None, typer.Option("--layer", help="Of the head to watch; 0 if left out.")] = None,
    head: Annotated[int | None, typer.Option("--head", help="The one to watch; 0 if left out.")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Let a run go on where it stopped, to the same end or a later one: train.steps=N.",
            autocompletion=complete_runs,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Start from a run's weights, with its model settings: short for train.start=RUN.",
            autocompletion=complete_runs,
        ),
    ] = None,
    trust: TrustOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model and save it as a run.

    Example: tfcli train reverse model.n_layers=1 train.steps=300
    """
    from tfcli.config.files import to_yaml

    overrides = [*(settings or []), *([] if seed is None else [f"train.seed={seed}"])]
    if not watch and (slow or layer is not None or head is not None):
        raise UsageError("--layer, --head and --slow are about --watch")
    heads = (layer or 0, head or 0) if watch else None
    debug = bool(context.find_root().params["debug"])
    if resume is not None:
        refuse_beside_resume(source, out, dry_run, start)
        changes = [*([source] if source else []), *overrides]
        report = resume_training(resume, changes, trust or [], heads, slow, quiet, debug)
        tell(report, resume, quiet, as_json)
        return
    if trust:
        raise UsageError("--trust is about --resume: the files that a training names are run anyway")
    entry, config = read_source(source, overrides, start, quiet)
    if dry_run and as_json:
        print_json(config.model_dump(mode="json"))
    elif dry_run:
        echo(to_yaml(config), nl=False)
    elif config.train.seeds > 1:
        train_each_seed(config, entry.name, out, watch=watch, quiet=quiet, debug=debug, as_json=as_json)
    else:
        report = start_training(config, entry.name, out, heads, slow, quiet, debug)
        tell(report, Path(report.run).name if out is None else report.run, quiet, as_json)


def read_source(
    source: str | None, overrides: list[str], start: str | None, quiet: bool
) -> tuple["Entry", "RunConfig"]:
    """Return the entry that is to be trained, and its configuration, with the model of a run to start from.

    What was changed in that for the task is told on stderr.

    Raises:
        UsageError: none is named, or something in it is wrong.
    """
    from tfcli.config import files

    if not source or "=" in source:
        names = ", ".join(files.example_names())
        raise UsageError(f"name an example or a file first: tfcli train reverse (examples: {names})")
    entry = files.find_entry(source)
    if start is not None:
        from tfcli.commands.starting import suit_model
        from tfcli.runs.start import start_from

        entry, notes = suit_model(start_from(entry, start), overrides)
        for note in [] if quiet else notes:
            hint(f"note: {note}")
    return entry, files.check(entry, overrides)


def refuse_beside_resume(source: str | None, out: Path | None, dry_run: bool, start: str | None) -> None:
    """Refuse what makes no sense for a run that goes on.

    Raises:
        UsageError: it was given.
    """
    if source and "=" not in source:
        raise UsageError(f"--resume names the run; leave the example {source!r} out")
    if start is not None:
        raise UsageError("--from is about new runs, not about --resume, which goes on with its own weights")
    if out is not None or dry_run:
        raise UsageError(f"{'--dry-run' if dry_run else '--out'} is about new runs, not about --resume")


def choose_head(config: "RunConfig", layer: int, head: int) -> "Choice":
    """Return the head to watch.

    Raises:
        UsageError: the model won't have it.
    """
    for name, number, count in (
        ("layer", layer, config.model.n_layers),
        ("head", head, config.model.n_heads),
    ):
        if not 0 <= number < count:
            raise UsageError(f"--{name} {number}: this model's {name}s are 0 to {count - 1}")
    from tfcli.records.inspection import Choice

    return Choice([layer], [head])


def start_training(
    config: "RunConfig",
    name: str,
    out: Path | None,
    heads: tuple[int, int] | None,
    slow: bool,
    quiet: bool,
    debug: bool,
) -> "TrainReport":
    """Train a new run with a display on stderr."""
    watched = None if heads is None else choose_head(config, *heads)
    from tfcli.commands.train import remarks_on, train_run

    if not quiet:
        for note in remarks_on(config):
            hint(note)
    with audience(watched, slow, quiet, debug) as listening:
        return train_run(config, name, out, listening)


def resume_training(
    run: str,
    overrides: list[str],
    trust: list[Path],
    heads: tuple[int, int] | None,
    slow: bool,
    quiet: bool,
    debug: bool,
) -> "TrainReport":
    """Let a run go on with a display on stderr."""
    from tfcli.runs.folders import find

    path = find(run)
    from tfcli.commands.resume import read_config
    from tfcli.commands.train import resume_run

    watched = None if heads is None else choose_head(read_config(path), *heads)
    with audience(watched, slow, quiet, debug) as listening:
        return resume_run(path, overrides, trust, listening)


@contextmanager
def audience(watched: "Choice | None", slow: bool, quiet: bool, debug: bool) -> Iterator["Audience"]:
    """Show a training on stderr."""
    from tfcli.commands.train import Audience
    from tfcli.render.progress import make_display
    from tfcli.render.terminal import is_live, make_console

    console = make_console(stderr=True)
    if watched and not quiet and not is_live(console):
        warn("--watch needs a terminal; there is none here to draw on")
    with make_display(console, quiet, slow) as display:
        note = (lambda remark: None) if quiet else hint
        transferred = (lambda rows: None) if quiet else show_transfer
        yield Audience(display.show, watched, slow, note, warn, transferred, debug)


def show_transfer(rows: "list[TransferRow]") -> None:
    """Print on stderr what was taken from another run."""
    from tfcli.render.reports import print_transfer
    from tfcli.render.terminal import make_console

    print_transfer(make_console(stderr=True), rows)


def tell(report: "TrainReport", name: str, quiet: bool, as_json: bool) -> None:
    """Print the outcome, and what to try next."""
    from tfcli.render.reports import print_train

    print_result(report, print_train, as_json=as_json)
    if report.interrupted:
        if not quiet:
            hint(f"next: tfcli train --resume {name}")
        raise typer.Exit(130)
    if report.diverged:
        warn(
            "its loss is far above that of a guess: a smaller train.learning_rate, such as a tenth, may help"
        )
        raise typer.Exit(1)
    if not quiet:
        better = "" if report.solved else "; more train.steps or train.attempts may solve it"
        hint(f"next: tfcli eval {name}, tfcli attn {name}{better}")

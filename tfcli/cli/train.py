"""`train`: train a model and save it as a run."""

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
from tfcli.cli.output import echo, hint, print_json
from tfcli.cli.seeds import resume_each_seed, train_each_seed
from tfcli.cli.training import company, repeats, resume_training, start_training, tell
from tfcli.errors import UsageError
from tfcli.runs.company import is_helper, size_of

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.config.files import Entry
    from tfcli.config.schema import RunConfig


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
        list[str] | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Let a run go on where it stopped, to the same end or a later one: train.steps=N; or "
            "several, or a folder of them, that differ in their seed.",
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
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", min=1, max=1024, help="Train on so many processes, each with its share of a batch."
        ),
    ] = None,
    trust: TrustOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model and save it as a run.

    Example: tfcli train reverse model.n_layers=1 train.steps=300
    """
    from tfcli.config.writing import to_yaml

    overrides = [*(settings or []), *([] if seed is None else [f"train.seed={seed}"])]
    if not watch and (slow or layer is not None or head is not None):
        raise UsageError("--layer, --head and --slow are about --watch")
    heads = (layer or 0, head or 0) if watch else None
    root, quiet = context.find_root(), quiet or is_helper()
    for note in [] if quiet else repeats(overrides):
        hint(note)
    debug, words = bool(root.params["debug"]), root.meta["words"]
    if resume:
        names, changes = split_runs(resume, [*([source] if source else []), *overrides])
        refuse_beside_resume(changes, out, dry_run, start)
        runs = several_runs(names)
        if runs:
            if watch or (processes or size_of()) > 1:
                raise UsageError("several runs at once go on in one process, and without --watch")
            resume_each_seed(runs, changes, trust or [], quiet=quiet, debug=debug, as_json=as_json)
            return
        with company(processes, words) as ranks:
            report = resume_training(resume[0], changes, trust or [], heads, slow, quiet, debug, ranks)
        tell(report, resume[0], quiet, as_json)
        return
    if trust:
        raise UsageError("--trust is about --resume: the files that a training names are run anyway")
    entry, config = read_source(source, overrides, start, quiet)
    if dry_run and as_json:
        print_json(config.model_dump(mode="json"))
    elif dry_run:
        echo(to_yaml(config), nl=False)
    elif config.train.seeds > 1:
        if (processes or size_of()) > 1:
            raise UsageError("train.seeds trains its runs in one process; leave it out, or the processes")
        train_each_seed(config, entry.name, out, watch=watch, quiet=quiet, debug=debug, as_json=as_json)
    else:
        with company(processes, words, config) as ranks:
            report = start_training(config, entry.name, out, heads, slow, quiet, debug, ranks)
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


def split_runs(names: list[str], words: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of runs, and the other words: a shell writes `--resume runs/a-seed-*` as several.

    Where several are named, each word that is no setting is meant as one.
    """
    from tfcli.runs.folders import as_run

    more = [word for word in words if "=" not in word]
    if len(names) == 1 and all(as_run(word) is None for word in more):
        more = []
    return [*names, *more], [word for word in words if word not in more]


def several_runs(names: list[str]) -> list[Path]:
    """Return the runs that are to go on, if they are several: some names, or a folder of runs."""
    from tfcli.runs.folders import as_run, find_all, runs_within

    is_folder = as_run(names[0]) is None and bool(runs_within(names[0]))
    return find_all(names) if len(names) > 1 or is_folder else []


def refuse_beside_resume(changes: list[str], out: Path | None, dry_run: bool, start: str | None) -> None:
    """Refuse what makes no sense for a run that goes on.

    Raises:
        UsageError: it was given.
    """
    if changes and "=" not in changes[0]:
        raise UsageError(f"--resume names the run; leave the example {changes[0]!r} out")
    if start is not None:
        raise UsageError("--from is about new runs, not about --resume, which goes on with its own weights")
    if out is not None or dry_run:
        raise UsageError(f"{'--dry-run' if dry_run else '--out'} is about new runs, not about --resume")

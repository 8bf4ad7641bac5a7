"""`train`: train a model and save it as a run."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, complete_settings, complete_sources
from tfcli.cli.output import echo, hint, print_json, print_result
from tfcli.errors import UsageError

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.config.schema import RunConfig
    from tfcli.records.inspection import Choice
    from tfcli.records.results import TrainReport


@app.command()
def train(
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
        Path | None, typer.Option("--out", help="Folder of the run; runs/NAME if left out.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole configuration and stop.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show a head's attention while it learns, on a terminal.")
    ] = False,
    layer: Annotated[int | None, typer.Option("--layer", help="Of the head to watch; 0 if left out.")] = None,
    head: Annotated[int | None, typer.Option("--head", help="The one to watch; 0 if left out.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model and save it as a run.

    Example: tfcli train reverse model.n_layers=1 train.steps=300
    """
    from tfcli.config import files

    overrides = settings or []
    if not source or "=" in source:
        names = ", ".join(files.example_names())
        raise UsageError(f"name an example or a file first: tfcli train reverse (examples: {names})")
    if seed is not None:
        overrides.append(f"train.seed={seed}")
    entry = files.find_entry(source)
    config = files.check(entry, overrides)
    if dry_run:
        if as_json:
            print_json(config.model_dump(mode="json"))
        else:
            echo(files.to_yaml(config), nl=False)
        return
    if not watch and (layer is not None or head is not None):
        raise UsageError("--layer and --head are about --watch")
    watched = choose_head(config, layer or 0, head or 0) if watch else None
    report = run_training(config, entry.name, out, watched, quiet)
    tell(report, out, quiet, as_json)


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


def run_training(
    config: "RunConfig", name: str, out: Path | None, watch: "Choice | None", quiet: bool
) -> "TrainReport":
    """Train with a display on stderr."""
    from tfcli.commands.train import note_few_sequences, train_run
    from tfcli.render.progress import make_display
    from tfcli.render.terminal import make_console

    console = make_console(stderr=True)
    if not quiet:
        if note := note_few_sequences(config):
            hint(note)
        if watch and not console.is_terminal:
            hint("--watch needs a terminal; there is none here to draw on")
    with make_display(console, quiet) as display:
        return train_run(config, name, out, display.show, watch, warn)


def warn(problem: str) -> None:
    """Print a problem on stderr, if that can still be written to."""
    with suppress(OSError):
        hint(problem)


def tell(report: "TrainReport", out: Path | None, quiet: bool, as_json: bool) -> None:
    """Print the outcome, and what to try next."""
    from tfcli.render.reports import print_train

    print_result(report, print_train, as_json=as_json)
    if report.interrupted:
        raise typer.Exit(130)
    if not quiet:
        name = Path(report.run).name if out is None else report.run
        better = "" if report.solved else "; more train.steps or train.attempts may solve it"
        hint(f"next: tfcli eval {name}, tfcli attn {name}{better}")

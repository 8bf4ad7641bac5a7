"""`compare`: runs held against each other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, TrustOption, complete_runs, expand_user
from tfcli.cli.output import hint, print_json
from tfcli.errors import UsageError, counted, did_you_mean

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.records.comparison import Comparison


@app.command()
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Names or paths of runs, two at least, or of a folder of runs.",
            autocompletion=complete_runs,
        ),
    ],
    curve: Annotated[
        str, typer.Option("--curve", help="What to draw: exact_match, token_accuracy, loss or held_out_loss.")
    ] = "exact_match",
    lengths: Annotated[
        str | None,
        typer.Option("--lengths", help="Score all runs at these, as eval does, such as 41:500:50 or 10,41."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples", min=1, max=100_000, help="Held-out sequences of each of --lengths; 256 if left out."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Write a file instead: the curves as .svg, the tables as .md or .csv, all as .json.",
            callback=expand_user,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold runs against each other: settings, results, curves.

    Runs that differ in their seeds alone are taken together as one side, and sides after the first are held
    against that one: by how much they differ over the seeds, with a 95 % interval.

    Example: tfcli compare reverse reverse-2
    """
    from tfcli.cli.ranges import parse_lengths
    from tfcli.commands.comparing import CURVES, compare_runs

    if curve not in CURVES:
        near = did_you_mean(curve, CURVES)
        raise UsageError(f"--curve {curve}: there is no such curve{near} (known: {', '.join(CURVES)})")
    if force and save is None:
        raise UsageError("--force is about the file of --save")
    if save is not None:
        saving.check_target(save, [".svg", ".md", ".csv", ".json"], force=force)
    if lengths is None and (trust or samples is not None):
        raise UsageError(f"{'--trust' if trust else '--samples'} is about --lengths: only they run a model")
    if lengths is None:
        found = compare_runs(find_trained(runs), curve)
    else:
        with scoring(parse_lengths(lengths), samples or 256, trust) as score:
            found = compare_runs(find_trained(runs), curve, score)
    if save is not None:
        saving.write(save, lambda: content_of(found, save))
    if as_json:
        print_json(found)
    elif save is not None:
        saving.tell_size(save)
    else:
        from tfcli.render.comparison import print_comparison
        from tfcli.render.terminal import make_console

        print_comparison(make_console(), found)


@contextmanager
def scoring(
    lengths: list[int], samples: int, trust: list[Path] | None
) -> Iterator[Callable[[Path], dict[int, float | None]]]:
    """Give what scores a run at each of some lengths, and says on stderr how far it is."""
    from tfcli.commands.evaluate import exact_match_at
    from tfcli.render.progress import StatusLine
    from tfcli.render.terminal import make_console

    status = StatusLine(make_console(stderr=True))

    def score(path: Path) -> dict[int, float | None]:
        loaded, found = load(path, trust), {}
        for length in lengths:
            status.show(f"{path}: length {length:,}")
            found[length] = exact_match_at(loaded, length, samples, "auto")
        return found

    try:
        yield score
    finally:
        status.clear()


def find_trained(names: list[str]) -> list[Path]:
    """Return the runs that are named; of a folder of runs those that have weights.

    Raises:
        UsageError: one of the names is neither.
    """
    from tfcli.runs.folders import as_run, find_all, weights_of

    found, named = find_all(names), set(map(as_run, names))
    without = [run for run in found if run not in named and not weights_of(run).is_file()]
    if without:
        hint(f"left out, without weights: {counted(len(without), 'run')}, such as {without[0]}")
    return [run for run in found if run not in without]


def content_of(found: "Comparison", path: Path) -> str:
    """Return what a file of that suffix holds.

    Raises:
        ValueError: there is nothing to draw.
    """
    from tfcli.render import comparison, files, overlay

    writers = {
        ".svg": overlay.render,
        ".md": comparison.markdown,
        ".csv": comparison.csv,
        ".json": files.json_text,
    }
    return writers[path.suffix.lower()](found)

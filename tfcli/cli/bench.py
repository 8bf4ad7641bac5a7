"""`bench`: examples over several seeds."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, complete_runs, complete_sources, expand_user
from tfcli.cli.output import hint, print_json, warn
from tfcli.errors import UsageError

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.config.files import Entry
    from tfcli.records.bench import Machine, Measured, SolveRecord

BUSY = 0.5  # processes a core
COUNTS = "train.train_samples"  # the setting of which there may be several values


@app.command()
def bench(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXAMPLE]... [KEY=VALUE]...",
            help="Examples, all if none is named, and settings that change them;"
            f" {COUNTS}=100,300,1000 trains with each.",
            autocompletion=complete_sources,
        ),
    ] = None,
    seeds: Annotated[
        str, typer.Option("--seeds", help="FIRST:LAST, or 0,3,7, of weights and training sequences.")
    ] = "100:104",
    lengths: Annotated[
        str | None,
        typer.Option(
            "--lengths",
            help="Score the trained models at these, such as 41:500:50, on the sequences of eval --seed 1.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=100_000, help="Held-out sequences a length.")
    ] = 256,
    plain: Annotated[
        bool | None,
        typer.Option(
            "--plain/--no-plain",
            help="Train torch's own encoder by a plain recipe beside each example that is as it is.",
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option(
            "--together", help="Train the seeds of each as one program; seconds are shares of its time."
        ),
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Train each with the model of a run: from its weights, and anew.",
            autocompletion=complete_runs,
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write .md or .json instead.", callback=expand_user)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast examples are solved, and how far that carries, over several seeds.

    Nothing is saved as a run. Beside each example, and in turn with it, torch's own encoder is trained by a
    plain recipe on the same task. With several numbers of sequences to train on, or a run to start from, what
    is told is how many it takes, and how long, from new weights and from those of the run.

    Example: tfcli bench reverse sort --lengths 41:500:50
    """
    from tfcli.cli.ranges import parse_lengths, parse_seeds

    wanted = list_wanted(words or [], parse_seeds(seeds), start)
    chosen = [] if lengths is None else parse_lengths(lengths)
    can_be_plain = start is None and all(entry.label == entry.example for entry in wanted)
    if plain and together:
        raise UsageError("--plain is about seeds that are trained in turn, not about --together")
    if plain and not can_be_plain:
        raise UsageError(f"--plain is about examples as they are, not about --from or several {COUNTS}")
    if force and save is None:
        raise UsageError("--force is about the file of --save")
    if save is not None:
        saving.check_target(save, [".md", ".json"], force=force)
    from tfcli.commands.bench import bench_examples

    plain = (can_be_plain and not together) if plain is None else plain
    report = bench_examples(wanted, chosen, plain, samples, together=together, begin=warn_if_busy, tell=tell)
    from tfcli.render.bench import markdown, print_bench
    from tfcli.render.files import json_text
    from tfcli.render.terminal import make_console

    if save is not None:
        content = json_text if save.suffix.lower() == ".json" else markdown
        saving.write(save, lambda: content(report))
    if as_json:
        print_json(report)
    elif save is not None:
        saving.tell_size(save)
    else:
        print_bench(make_console(), report)


def list_wanted(words: list[str], seeds: list[int], start: str | None) -> "list[Measured]":
    """Return what is to be trained: the examples that were named, or all, with the settings written.

    With a run to start from, each stands there twice: from new weights, and from its own with the same model;
    with several numbers of sequences to train on, once with each.

    Raises:
        UsageError: something can't be read, or isn't to be had.
    """
    from tfcli.config import files
    from tfcli.records.bench import Measured

    settings, counts = split_counts([word for word in words if "=" in word])
    sources = [word for word in words if "=" not in word] or files.example_names()
    wanted = []
    for entry in {entry.name: entry for entry in map(files.find_entry, sources)}.values():
        starts = starts_of(entry, start, settings)
        for count in counts:
            for origin, begun in starts:
                chosen = [*settings, *([] if count is None else [f"{COUNTS}={count}"])]
                configs = [
                    files.check(begun, [*chosen, f"train.seed={seed}", "train.seeds=1"]) for seed in seeds
                ]
                label = f"{entry.name}{origin}" + ("" if count is None else f", {count:,} sequences")
                wanted.append(Measured(entry.name, label, configs))
    return wanted


def starts_of(entry: "Entry", start: str | None, settings: list[str]) -> "list[tuple[str, Entry]]":
    """Return an entry as it is, or from new weights and from those of a run, each with what it is called."""
    if start is None:
        return [("", entry)]
    from tfcli.commands.starting import suit_model
    from tfcli.runs.start import start_from, without_start

    begun, notes = suit_model(start_from(entry, start), settings)
    for note in notes:
        hint(f"note: {note}")
    return [(" from scratch", without_start(begun)), (f" from {start}", begun)]


def split_counts(settings: list[str]) -> tuple[list[str], list[int | None]]:
    """Return settings without the numbers of sequences to train on, and these; None for what is set anyway.

    Raises:
        UsageError: the numbers can't be read, or another setting has several values.
    """
    from tfcli.cli.ranges import parse_counts

    kept: list[str] = []
    counts: list[int | None] = [None]
    several = False
    for setting in settings:
        key, _, value = setting.partition("=")
        if key in ("train.seed", "train.seeds"):
            raise UsageError(f"{key}: the seeds come from --seeds FIRST:LAST")
        if key == COUNTS and several:
            raise UsageError(f"{key} is given twice; write {COUNTS}=10,20 for several")
        if key == COUNTS and "," in value:
            several = True
            counts = [*parse_counts(key, value)]
        elif re.fullmatch(r"[\d.eE+-]+(,[\d.eE+-]+)+", value):
            raise UsageError(
                f"{setting}: only {COUNTS} may have several values; run it for each, or `tfcli sweep`"
            )
        else:
            kept.append(setting)
    return kept, counts


def warn_if_busy(machine: "Machine") -> None:
    """Say on stderr that figures aren't those of a quiet machine."""
    if machine.load > BUSY * machine.cores:
        cores = f"load {machine.load:.1f} on {machine.cores} cores"
        warn(f"the machine is busy ({cores}): what it takes now is more than it needs")


def tell(name: str, record: "SolveRecord") -> None:
    """Print a line on stderr for a training."""
    side = "plain" if record.share_of_machine is None else "ours"
    state = f"{'solved' if record.solved else 'not solved'}, step {record.steps}"
    state += f", attempt {record.attempts}" if record.attempts > 1 else ""
    hint(f"{name} seed {record.seed} {side}: {state}, {record.seconds:.2f} s")

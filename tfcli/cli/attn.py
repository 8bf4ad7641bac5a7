"""`attn`: what every head attends to."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import (
    JsonOption,
    LayersOption,
    LoopsOption,
    RunArgument,
    SequenceArgument,
    SequenceSeedOption,
    TrustOption,
    expand_user,
)
from tfcli.cli.output import hint, warn
from tfcli.cli.ranges import parse_numbers
from tfcli.errors import UsageError

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.checkpoints.loading import LoadedRun
    from tfcli.records.inspection import Choice

LONG = 100  # tokens; tables of more are many screens long


@app.command()
def attn(
    run: RunArgument = None,
    sequence: SequenceArgument = None,
    layer: LayersOption = None,
    loop: LoopsOption = None,
    head: Annotated[
        list[str] | None, typer.Option("--head", metavar="N", help="Only this head, or 0,2 or 0:2.")
    ] = None,
    mean: Annotated[bool, typer.Option("--mean", help="The mean of the heads instead of each.")] = False,
    rollout: Annotated[
        bool,
        typer.Option("--rollout", help="How much of each token has come to each position, layer by layer."),
    ] = False,
    seed: SequenceSeedOption = 0,
    over_time: Annotated[
        bool,
        typer.Option(
            "--over-time",
            help="How the heads came to be, by the snapshots: maps of one head, in a page of all.",
        ),
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            "--top", metavar="K", min=1, help="Only the K heaviest keys of each query, a line each."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Write a file instead: .html, .svg, .png, .csv, .md or .json.",
            callback=expand_user,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Show the maps in a browser.")] = False,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what every head attends to.

    Rows are queries, columns are keys, and each row sums to 1. One word alone is a run if there is one of
    that name, else a sequence; without a sequence, one is drawn from the held-out set.

    Example: tfcli attn reverse "7 1 4 9" --layer 0
    """
    from tfcli.runs.folders import run_and_sequence

    if mean and rollout:
        raise UsageError("--mean and --rollout are two ways to sum heads up; choose one")
    if rollout and head:
        raise UsageError("--rollout is over all heads; leave --head out")
    if top is not None and (save is not None or open_page or as_json or over_time):
        raise UsageError("--top is a way to print maps; leave --save, --open, --json and --over-time out")
    if force and save is None:
        raise UsageError("--force is about the file of --save")
    path, sequence = run_and_sequence(run, sequence)
    if save is not None:
        from tfcli.render.files import FORMATS, JSON

        saving.check_target(save, [*FORMATS, JSON], force=force)
    from tfcli.records.inspection import Choice

    combine: Literal["each", "mean", "rollout"] = "rollout" if rollout else "mean" if mean else "each"
    layers, heads = parse_numbers("--layer", layer), parse_numbers("--head", head)
    output = saving.Output(save, open_page, as_json)
    choice = Choice(layers, heads, combine, parse_numbers("--loop", loop), scores=output.is_page)

    show = attn_over_time if over_time else partial(attn_now, top=top)
    show(load(path, trust), sequence, seed, choice, output)


def attn_now(
    run: "LoadedRun",
    sequence: str | None,
    seed: int,
    choice: "Choice",
    output: saving.Output,
    *,
    top: int | None = None,
) -> None:
    """`attn` on the run as it is."""
    from tfcli.commands.inspect import attend, attend_more, resolve_sequence
    from tfcli.records.inspection import View
    from tfcli.render.attention import print_attention
    from tfcli.render.top_keys import print_top_keys

    inputs = resolve_sequence(run, sequence, seed)
    records = attend_more(run, inputs, choice, seed) if output.is_page else [attend(run, inputs, choice)]
    views = [
        View(record.text if record.picture is None else f"{record.text}, {number}", record)
        for number, record in enumerate(records, 1)
    ]
    show = print_attention if top is None else partial(print_top_keys, count=top)
    output.give(records[0], views, show)
    if len(inputs) > LONG and output.suffix is None and not output.as_json:
        hint("such long maps are easier to look at in a browser: --save map.html, or --open")


def attn_over_time(
    run: "LoadedRun", sequence: str | None, seed: int, choice: "Choice", output: saving.Output
) -> None:
    """`attn --over-time`."""
    from tfcli.commands.inspect import record_over_time, resolve_sequence
    from tfcli.render.over_time import film, print_over_time, views

    if output.is_page and not (choice.layers or choice.heads):
        choice = replace(choice, layers=range(run.model.n_layers))  # there is room for all heads
    record = record_over_time(run, resolve_sequence(run, sequence, seed), choice)
    for problem in record.left_out:
        warn(f"left out: {problem}")
    output.give(record, views(record) if output.has_views else film(record), print_over_time)

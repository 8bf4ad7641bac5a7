"""`attn` and `inspect`: what is inside a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.options import Json, Layers, Loops, Run, Sequence, SequenceSeed
from tfcli.cli.output import hint, print_json
from tfcli.errors import UsageError

if TYPE_CHECKING:
    from tfcli.records.inspection import Choice


LONG = 100  # tokens; tables of more are many screens long


@app.command()
def attn(
    run: Run = None,
    sequence: Sequence = None,
    layer: Layers = None,
    loop: Loops = None,
    head: Annotated[list[int] | None, typer.Option("--head", help="Only this head; may be repeated.")] = None,
    mean: Annotated[bool, typer.Option("--mean", help="The mean of the heads instead of each.")] = False,
    rollout: Annotated[
        bool,
        typer.Option("--rollout", help="How much of each token has come to each position, layer by layer."),
    ] = False,
    seed: SequenceSeed = 0,
    over_time: Annotated[
        bool,
        typer.Option(
            "--over-time",
            help="How the heads came to be, by the snapshots: maps of one head.",
        ),
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Write a file instead: .html, .svg, .png, .csv, .md or .json."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Show the maps in a browser.")] = False,
    as_json: Json = False,
) -> None:
    """Show what every head attends to.

    Rows are queries, columns are keys, and each row sums to 1. One word alone is a run if there is one of
    that name, else a sequence; without a sequence, one is drawn from the held-out set.

    Example: tfcli attn reverse '7 1 4 9' --layer 0
    """
    from tfcli.runs import run_and_sequence

    if mean and rollout:
        raise UsageError("--mean and --rollout are two ways to sum heads up; choose one")
    if rollout and head:
        raise UsageError("--rollout is over all heads; leave --head out")
    if force and save is None:
        raise UsageError("--force is about the file of --save")
    path, sequence = run_and_sequence(run, sequence)
    if save is not None:
        from tfcli.render.files import FORMATS, JSON

        saving.check_target(save, [*FORMATS, JSON], force=force)
    from tfcli.records.inspection import Choice

    combine: Literal["each", "mean", "rollout"] = "rollout" if rollout else "mean" if mean else "each"
    choice = Choice(layer or [], head or [], combine, loop or [])
    show = attn_over_time if over_time else attn_now
    show(path, sequence, seed, choice, saving.Output(save, open_page, as_json))


def attn_now(path: Path, sequence: str | None, seed: int, choice: Choice, output: saving.Output) -> None:
    """`attn` on the run as it is."""
    from tfcli.checkpoints import load_run
    from tfcli.commands.inspect import attend, attend_more, resolve_sequence
    from tfcli.records.inspection import View
    from tfcli.render.attention import print_attention

    run = load_run(path)
    inputs = resolve_sequence(run, sequence, seed)
    records = attend_more(run, inputs, choice, seed) if output.is_page else [attend(run, inputs, choice)]
    views = [View(" ".join(record.input), record) for record in records]
    output.give(records[0], views, print_attention)
    if len(inputs) > LONG and output.suffix is None and not output.as_json:
        hint("such long maps are easier to look at in a browser: --save map.html, or --open")


def attn_over_time(
    path: Path, sequence: str | None, seed: int, choice: Choice, output: saving.Output
) -> None:
    """`attn --over-time`."""
    from tfcli.checkpoints import load_run
    from tfcli.commands.inspect import record_over_time, resolve_sequence
    from tfcli.render.over_time import film, print_over_time, views

    run = load_run(path)
    record = record_over_time(run, resolve_sequence(run, sequence, seed), choice)
    output.give(record, views(record) if output.has_views else film(record), print_over_time)


@app.command()
def trace(
    run: Run = None,
    sequence: Sequence = None,
    layer: Layers = None,
    loop: Loops = None,
    head: Annotated[int, typer.Option("--head", help="Whose queries, keys, values and scores.")] = 0,
    position: Annotated[
        int | None, typer.Option("--position", help="Only the numbers of this position.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All numbers, not just those that fit.")] = False,
    seed: SequenceSeed = 0,
    as_json: Json = False,
) -> None:
    """Show the forward pass step by step.

    From the embedding to the answer, with this model's own numbers. Each stage is computed again from the
    ones before it, and held against what the model computed.

    Example: tfcli trace reverse '3 1 2' --position 0
    """
    from tfcli.runs import run_and_sequence

    path, sequence = run_and_sequence(run, sequence)
    from tfcli.checkpoints import load_run
    from tfcli.commands.inspect import resolve_sequence, trace_run
    from tfcli.render.terminal import make_console
    from tfcli.render.trace import print_trace

    loaded = load_run(path)
    inputs = resolve_sequence(loaded, sequence, seed)
    record = trace_run(loaded, inputs, layers=layer or [], head=head, position=position, loops=loop or [])
    print_json(record) if as_json else print_trace(make_console(), record, full=full)


@app.command()
def patch(
    clean: Annotated[str, typer.Option("--clean", help="A sequence, such as '1 2 3 4'.")],
    corrupt: Annotated[str, typer.Option("--corrupt", help="One as long, with another answer.")],
    run: Run = None,
    as_json: Json = False,
) -> None:
    """Show which part carries the difference between two sequences.

    The corrupt sequence is answered with one part at a time as it is for the clean one; how much of the clean
    answer comes back is what that part carries (activation patching).

    Example: tfcli patch reverse --clean '1 2 3 4' --corrupt '1 2 5 4'
    """
    from tfcli.runs import find

    path = find(run)
    from tfcli.checkpoints import load_run
    from tfcli.commands.inspect import patch_run
    from tfcli.render.patching import print_patching
    from tfcli.render.terminal import make_console

    record = patch_run(load_run(path), clean, corrupt)
    print_json(record) if as_json else print_patching(make_console(), record)


@app.command()
def inspect(
    run: Run = None,
    heads: Annotated[
        bool, typer.Option("--heads", help="What role each head plays, and whether it matters.")
    ] = False,
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=1, max=100_000, help="Held-out sequences for --heads; else 512."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a run's settings, size and training, or its heads.

    Example: tfcli inspect reverse --heads
    """
    if heads:
        inspect_heads(run, samples or 512, as_json)
        return
    if samples is not None:
        raise UsageError("--samples is about --heads")
    from tfcli.render.reports import print_details
    from tfcli.render.terminal import make_console
    from tfcli.runs import details, find

    found = details(find(run))
    print_json(found) if as_json else print_details(make_console(), found)


def inspect_heads(run: str | None, samples: int, as_json: bool) -> None:
    """`inspect --heads`, which needs torch."""
    from tfcli.runs import find

    path = find(run)
    from tfcli.checkpoints import load_run
    from tfcli.commands.inspect import report_run
    from tfcli.render.heads import print_heads
    from tfcli.render.terminal import make_console

    report = report_run(load_run(path), samples)
    print_json(report) if as_json else print_heads(make_console(), report)

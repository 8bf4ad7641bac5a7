"""`inspect`: a run's settings, size and training, or the roles of its heads."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, LangOption, RunArgument, TrustOption, expand_user
from tfcli.cli.output import choose_words, hint, print_result
from tfcli.cli.stdin import read_lines
from tfcli.errors import UsageError
from tfcli.texts import Code

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.records.results import RunDetails


@app.command()
def inspect(
    run: RunArgument = None,
    heads: Annotated[
        bool, typer.Option("--heads", help="What role each head plays, and whether it matters.")
    ] = False,
    samples: Annotated[
        int | None,
        typer.Option("--samples", min=1, max=100_000, help="Held-out sequences for --heads; else 512."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", help="Write a picture of the training and held-out loss: .svg.", callback=expand_user
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text",
            help="Sequences for --heads, a line each, instead of held-out ones.",
            callback=expand_user,
        ),
    ] = None,
    lang: LangOption = None,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run's settings, size and training, or its heads.

    Example: tfcli inspect reverse --heads
    """
    if force and save is None:
        raise UsageError("--force is about the file of --save")
    if save is not None:
        if heads or as_json:
            raise UsageError("--save is about the losses of a training; leave the other options out")
        saving.check_target(save, [".svg"], force=force)
    if heads:
        if text is not None and samples is not None:
            raise UsageError("--samples is about held-out sequences; leave it out beside --text")
        inspect_heads(run, samples or 512, text, lang, trust or [], as_json)
        return
    if lang is not None:
        raise UsageError("--lang is about --heads")
    if text is not None:
        raise UsageError("--text is about --heads")
    if samples is not None:
        raise UsageError("--samples is about --heads")
    if trust:
        raise UsageError("--trust is about --heads; nothing runs here")
    from tfcli.render.reports import print_details
    from tfcli.runs.edits import find_edits
    from tfcli.runs.folders import find
    from tfcli.runs.headers import read_header
    from tfcli.runs.summaries import details, name_gap

    path = find(run)
    found = details(path)
    gap = name_gap(found)
    for note in [*find_edits(path, read_header(path).config), *([gap] if gap else [])]:
        hint(f"note: {note}")
    if save is None:
        print_result(found, print_details, as_json=as_json)
    else:
        save_losses(found, save)


def save_losses(found: "RunDetails", target: Path) -> None:
    """Write a picture of the losses of a training.

    Raises:
        UsageError: the run has kept none.
    """
    from tfcli.render import losses

    known = losses.losses_of(found.history)
    if known is None:
        raise UsageError(f"{found.run} has kept no losses of held-out sequences; train it anew")
    saving.write(target, lambda: losses.render(found, known))
    saving.tell_size(target)


def inspect_heads(
    run: str | None, samples: int, text: Path | None, lang: Code | None, trust: list[Path], as_json: bool
) -> None:
    """`inspect --heads`, which needs torch."""
    from tfcli.runs.folders import find

    path = find(run)
    from tfcli.commands.inspect import report_run
    from tfcli.render.heads import print_heads

    lines = None if text is None else list(read_lines(text))
    report = report_run(load(path, trust), samples, lines)
    print_result(report, partial(print_heads, words=choose_words(lang)), as_json=as_json)

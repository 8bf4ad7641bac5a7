"""`trace`: the forward pass, stage by stage."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import (
    JsonOption,
    LangOption,
    LayersOption,
    LoopsOption,
    RunArgument,
    SequenceArgument,
    SequenceSeedOption,
    TrustOption,
    expand_user,
)
from tfcli.cli.output import choose_words, print_json
from tfcli.cli.ranges import parse_numbers
from tfcli.errors import UsageError
from tfcli.texts import Language, choose_language

if TYPE_CHECKING:  # to import what this needs takes longer than --help
    from tfcli.records.inspection import TraceRecord

SUFFIXES = (".html", ".json")


@app.command()
def trace(
    run: RunArgument = None,
    sequence: SequenceArgument = None,
    layer: LayersOption = None,
    loop: LoopsOption = None,
    head: Annotated[
        int | None,
        typer.Option("--head", help="Whose queries, keys, values and scores: 0 if left out; all in a page."),
    ] = None,
    position: Annotated[
        int | None, typer.Option("--position", help="Only the numbers of this position.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option("--stage", help='Only this one, such as scores, "weighted sum" or 8; may be repeated.'),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="A line for each stage, no numbers.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All numbers, not just those that fit.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Write a file instead: .html, a page to walk through, or .json.",
            callback=expand_user,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    seed: SequenceSeedOption = 0,
    lang: LangOption = None,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the forward pass step by step.

    From the embedding to the answer, with this model's own numbers. Each stage is computed again from the
    ones before it, and held against what the model computed.

    Example: tfcli trace reverse "3 1 2" --stage scores
    """
    from tfcli.runs.folders import run_and_sequence

    output = saving.Output(save, open_page, as_json)
    check_together(
        output, force, summary=summary, full=full, position=position is not None, stage=bool(stage)
    )
    path, sequence = run_and_sequence(run, sequence)
    from tfcli.render.terminal import make_console
    from tfcli.render.trace import print_summary, print_trace, translate_trace

    if save is not None:
        saving.check_target(save, SUFFIXES, force=force)
    from tfcli.commands.inspect import resolve_sequence, trace_run

    words = choose_language(lang) if output.is_page else choose_words(lang)
    loaded = load(path, trust)
    inputs = resolve_sequence(loaded, sequence, seed)
    record = trace_run(
        loaded,
        inputs,
        layers=parse_numbers("--layer", layer),
        heads=[head] if head is not None else [] if output.is_page else [0],
        position=position,
        loops=parse_numbers("--loop", loop),
        stages=[words.english_of(name) for name in stage or []],
    )
    if output.suffix is not None:
        output.write(lambda path: render_file(record, words, path), "forward.html")
    if as_json:
        print_json(translate_trace(record, Language(lang or "en")))
    elif output.suffix is None:
        console = make_console()
        if summary:
            print_summary(console, record, words)
        else:
            print_trace(console, record, words, full=full, one_row=position is not None)


def check_together(
    output: saving.Output, force: bool, *, summary: bool, full: bool, position: bool, stage: bool
) -> None:
    """Hold options against each other, of which each says whether it was given.

    Raises:
        UsageError: two of them exclude each other.
    """
    if summary and (full or output.as_json):
        other = "--full" if full else "--json"
        raise UsageError(f"--summary leaves the numbers out; leave {other} out, or --summary")
    if force and output.save is None:
        raise UsageError("--force is about the file of --save")
    excerpts = {"--summary": summary, "--full": full} if output.suffix is not None else {}
    if output.is_page:
        excerpts |= {"--position": position, "--stage": stage}
    for option in (option for option, is_given in excerpts.items() if is_given):
        what = "a page" if output.is_page else "a file"
        raise UsageError(f"{what} holds all of a trace; leave {option} out, or --save and --open")


def render_file(record: "TraceRecord", words: Language, path: Path) -> str:
    """Return a trace as the file that is asked for by its suffix."""
    from tfcli.render import forward_page
    from tfcli.render.files import json_text

    is_json = path.suffix.lower() == ".json"
    return json_text(record) if is_json else forward_page.render(record, words)

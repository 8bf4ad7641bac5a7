"""`trace`: the forward pass, stage by stage."""

from typing import Annotated

import typer

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
)
from tfcli.cli.output import choose_words, print_json
from tfcli.cli.ranges import parse_numbers
from tfcli.errors import UsageError
from tfcli.texts import Language


@app.command()
def trace(
    run: RunArgument = None,
    sequence: SequenceArgument = None,
    layer: LayersOption = None,
    loop: LoopsOption = None,
    head: Annotated[int, typer.Option("--head", help="Whose queries, keys, values and scores.")] = 0,
    position: Annotated[
        int | None, typer.Option("--position", help="Only the numbers of this position.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option("--stage", help='Only this one, such as scores, "weighted sum" or 8; may be repeated.'),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="A line for each stage, no numbers.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All numbers, not just those that fit.")] = False,
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

    if summary and (full or as_json):
        other = "--full" if full else "--json"
        raise UsageError(f"--summary leaves the numbers out; leave {other} out, or --summary")
    path, sequence = run_and_sequence(run, sequence)
    from tfcli.commands.inspect import resolve_sequence, trace_run
    from tfcli.render.terminal import make_console
    from tfcli.render.trace import print_summary, print_trace, translate_trace

    words = choose_words(lang)

    loaded = load(path, trust)
    inputs = resolve_sequence(loaded, sequence, seed)
    record = trace_run(
        loaded,
        inputs,
        layers=parse_numbers("--layer", layer),
        head=head,
        position=position,
        loops=parse_numbers("--loop", loop),
        stages=[words.english_of(name) for name in stage or []],
    )
    if as_json:
        print_json(translate_trace(record, Language(lang or "en")))
    elif summary:
        print_summary(make_console(), record, words)
    else:
        print_trace(make_console(), record, words, full=full, one_row=position is not None)

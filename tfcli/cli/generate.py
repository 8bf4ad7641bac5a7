"""`generate`: go on with a sequence."""

from typing import Annotated

import typer

from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, RunArgument, TrustOption
from tfcli.cli.output import echo, print_json
from tfcli.errors import UsageError


@app.command()
def generate(
    run: RunArgument = None,
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to go on with; a symbol of the data if left out."),
    ] = None,
    tokens: Annotated[
        int, typer.Option("--tokens", min=1, max=1_000_000, help="How many symbols to add.")
    ] = 200,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature", min=0.0, max=100.0, help="Below 1 what is probable comes more often; 0: always."
        ),
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Choose among that many symbols; all if left out.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31, help="Of the choices.")] = 0,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a sequence, symbol by symbol.

    For runs in which each token predicts the next: task.layout=next.

    Example: tfcli generate book "Once upon" --tokens 100
    """
    from tfcli.runs.folders import run_and_sequence

    path, prompt = run_and_sequence(run, prompt)
    if not temperature >= 0:
        raise UsageError("--temperature must be a number, 0 or more")
    from tfcli.commands.generate import begin, go_on
    from tfcli.records.results import Generated

    loaded = load(path, trust)
    ids = begin(loaded, prompt)
    following = go_on(loaded, ids, tokens, temperature, top_k, seed)
    if as_json:
        added = list(following)
        text = loaded.task.text_of([*ids, *added])
        print_json(Generated(str(path), loaded.task.decode(ids), loaded.task.decode(added), text))
        return
    echo(loaded.task.text_of(ids), nl=False)
    for symbol in following:
        echo(loaded.task.text_of([symbol]), nl=False)
    echo("")

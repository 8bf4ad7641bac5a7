"""`predict`: answer sequences."""

import sys
from collections.abc import Iterator

from tfcli.cli.app import app
from tfcli.cli.options import JsonOption, RunArgument, SequenceArgument, TrustOption
from tfcli.cli.output import hint, print_json
from tfcli.errors import UsageError


@app.command()
def predict(
    run: RunArgument = None,
    sequence: SequenceArgument = None,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a sequence, or each line of stdin.

    A SEQUENCE of - reads one sequence a line.

    Example: tfcli predict reverse '3 1 2'
    """
    from tfcli.runs.folders import run_and_sequence

    path, sequence = run_and_sequence(run, sequence)
    if sequence is None:
        raise UsageError("name a sequence: tfcli predict '3 1 2', or - to read them from stdin")
    from tfcli.checkpoints import load_run
    from tfcli.commands.evaluate import answer_sequences
    from tfcli.render.reports import print_answer_line
    from tfcli.render.terminal import make_console

    console = make_console()
    sequences = stdin_lines() if sequence == "-" else iter([("", sequence)])
    for answer in answer_sequences(load_run(path, trust or []), sequences):
        if as_json:
            print_json(answer, indent=None)
        else:
            print_answer_line(console, answer)
        if not answer.correct and sequence != "-" and not as_json:
            hint(f"right is {' '.join(answer.target)}")


def stdin_lines() -> Iterator[tuple[str, str]]:
    """Return the lines of stdin, each after a word on which one it is."""
    number = 0
    try:
        for number, line in enumerate(sys.stdin or (), 1):
            yield f"line {number}: ", line
    except UnicodeDecodeError as error:
        raise UsageError(f"stdin, after line {number}: not {error.encoding} text") from error

"""`predict`: answer sequences."""

from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, RunArgument, SequenceArgument, TrustOption
from tfcli.cli.output import hint, print_json
from tfcli.cli.stdin import stdin_lines
from tfcli.errors import UsageError


@app.command()
def predict(
    run: RunArgument = None,
    sequence: SequenceArgument = None,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a sequence, or each line of stdin.

    A SEQUENCE of - reads one sequence a line from stdin, as does /dev/stdin. Where - is a symbol of the
    task, it is a sequence as any other: then only /dev/stdin reads.

    Example: tfcli predict reverse "3 1 2"
    """
    from tfcli.runs.folders import run_and_sequence

    path, sequence = run_and_sequence(run, sequence)
    if sequence is None:
        raise UsageError('name a sequence: tfcli predict "3 1 2", or - to read them from stdin')
    from tfcli.commands.evaluate import answer_sequences
    from tfcli.render.reports import print_answer_line
    from tfcli.render.terminal import make_console

    console, loaded = make_console(), load(path, trust)
    reads = sequence == "/dev/stdin" or (sequence == "-" and sequence not in loaded.task.symbols)
    sequences = stdin_lines() if reads else iter([("", sequence)])
    for answer in answer_sequences(loaded, sequences):
        if as_json:
            print_json(answer, indent=False)
        else:
            print_answer_line(console, answer)
        if answer.correct is False and not reads and not as_json:
            hint(f"right is {' '.join(answer.target)}")

"""The command line: options and printing. Torch is imported by the commands that need it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

import tfcli
from tfcli.boundary import Boundary, fail
from tfcli.errors import UsageError

app = typer.Typer(
    cls=Boundary,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train small Transformer encoders on toy sequence tasks, measure them, and look inside.\n\n"
    "First steps: tfcli train reverse, then tfcli eval, then tfcli attn '7 1 4 9'.",
)


def complete_sources() -> list[str]:
    """Examples, for shell completion."""
    from tfcli.config_files import example_names

    return example_names()


def complete_settings() -> list[str]:
    """Settings, for shell completion."""
    from tfcli.config import SECTIONS

    return [f"{name}.{key}=" for name, section in SECTIONS.items() for key in section.model_fields]


def complete_runs() -> list[str]:
    """Runs, for shell completion."""
    from tfcli.runs import run_names

    return run_names()


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Run = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="A run's name or path; the newest if left out.", autocompletion=complete_runs
    ),
]
RunOrSequence = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="A run's name or path; the newest if left out.",
        autocompletion=complete_runs,
    ),
]
Sequence = Annotated[
    str | None, typer.Argument(metavar="SEQUENCE", help="Symbols in quotes, with spaces between them.")
]
Source = Annotated[
    str,
    typer.Argument(
        metavar="EXAMPLE", help="An example, FILE.yaml or FILE.yaml:NAME.", autocompletion=complete_sources
    ),
]


def print_version(asked: bool) -> None:
    """`--version`."""
    if asked:
        typer.echo(f"tfcli {tfcli.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of every error.")] = False,
) -> None:
    """Typer wants a function to hang the options on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the encoding lacks is written as an escape
            stream.reconfigure(errors="backslashreplace")


@app.command()
def train(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="EXAMPLE",
            help="An example, FILE.yaml or FILE.yaml:NAME.",
            autocompletion=complete_sources,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Settings that change the example, such as model.n_layers=2.",
            autocompletion=complete_settings,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Short for train.seed=SEED.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; runs/NAME if left out.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole configuration and stop.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Json = False,
) -> None:
    """Train a model and save it as a run.

    Example: tfcli train reverse model.n_layers=1 train.steps=300
    """
    from tfcli import config_files

    overrides = settings or []
    if not source or "=" in source:
        names = ", ".join(config_files.example_names())
        raise UsageError(f"name an example or a file first: tfcli train reverse (examples: {names})")
    if seed is not None:
        overrides.append(f"train.seed={seed}")
    entry = config_files.find_entry(source)
    config = config_files.check(entry, overrides)
    if dry_run:
        print_json(config.model_dump(mode="json")) if as_json else typer.echo(
            config_files.to_yaml(config), nl=False
        )
        return
    from tfcli.commands import few_sequences, train_run
    from tfcli.render.progress import make_display
    from tfcli.render.reports import print_train
    from tfcli.render.terminal import make_console
    from tfcli.results import TrainReport

    errors = make_console(stderr=True)
    if (note := few_sequences(config)) and not quiet:
        hint(note)
    with make_display(errors, quiet) as display:
        for record in train_run(config, entry.name, out):
            if isinstance(record, TrainReport):
                report = record
            else:
                display.show(record)
    print_json(report) if as_json else print_train(make_console(), report)
    if report.interrupted:
        raise typer.Exit(130)
    if not quiet:
        name = Path(report.run).name if out is None else report.run
        better = "" if report.solved else "; more train.steps may solve it"
        hint(f"next: tfcli eval {name}, tfcli attn {name}{better}")


@app.command("eval")
def evaluate(
    run: Run = None,
    lengths: Annotated[
        str | None,
        typer.Option(
            "--lengths",
            help="Such as 1:40, 41:500:50 or 10,41,500; the trained ones and some beyond if left out.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, max=1_000_000, help="Held-out sequences a length.")
    ] = 500,
    wrong: Annotated[int, typer.Option("--wrong", min=0, help="How many wrong answers to show.")] = 3,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31, help="Of the held-out sequences drawn.")
    ] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    as_json: Json = False,
) -> None:
    """Score a run length by length.

    The sequences are held out: the run was not trained on them.

    Example: tfcli eval reverse --lengths 1:40
    """
    from tfcli.lengths import parse_lengths
    from tfcli.runs import find

    path, chosen = find(run), parse_lengths(lengths) if lengths is not None else None
    from tfcli import commands
    from tfcli.render.reports import print_eval
    from tfcli.render.terminal import make_console

    report = commands.evaluate(path, chosen, samples, seed, device, wrong)
    print_json(report) if as_json else print_eval(make_console(), report)


@app.command()
def attn(
    run: RunOrSequence = None,
    sequence: Sequence = None,
    layer: Annotated[
        list[int] | None, typer.Option("--layer", help="Only this layer; may be repeated.")
    ] = None,
    head: Annotated[list[int] | None, typer.Option("--head", help="Only this head; may be repeated.")] = None,
    mean: Annotated[bool, typer.Option("--mean", help="The mean of the heads instead of each.")] = False,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31, help="Of the sequence drawn if none is given.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Show what every head attends to.

    Rows are queries, columns are keys, and each row sums to 1. One word alone is a run if there is one of
    that name, else a sequence; without a sequence, one is drawn from the held-out set.

    Example: tfcli attn reverse '7 1 4 9' --layer 0
    """
    from tfcli.runs import run_and_sequence

    path, sequence = run_and_sequence(run, sequence)
    from tfcli import commands
    from tfcli.render.attention import print_attention
    from tfcli.render.terminal import make_console

    record = commands.attend(path, sequence, seed=seed, layers=layer or [], heads=head or [], mean=mean)
    print_json(record) if as_json else print_attention(make_console(), record)


@app.command()
def predict(run: RunOrSequence = None, sequence: Sequence = None, as_json: Json = False) -> None:
    """Answer a sequence, or each line of stdin.

    A SEQUENCE of - reads one sequence a line.

    Example: tfcli predict reverse '3 1 2'
    """
    from tfcli.runs import run_and_sequence

    path, sequence = run_and_sequence(run, sequence)
    if sequence is None:
        raise UsageError("name a sequence: tfcli predict '3 1 2', or - to read them from stdin")
    from tfcli import commands
    from tfcli.render.reports import print_answer_line
    from tfcli.render.terminal import make_console

    console = make_console()
    for answer in commands.predict(path, stdin_lines() if sequence == "-" else iter([("", sequence)])):
        print_json(answer, indent=None) if as_json else print_answer_line(console, answer)
        if not answer.correct and sequence != "-" and not as_json:
            hint(f"right is {' '.join(answer.target)}")


def stdin_lines() -> Iterator[tuple[str, str]]:
    """The lines of stdin, each after a word on which one it is."""
    number = 0
    try:
        for number, line in enumerate(sys.stdin or (), 1):
            yield f"line {number}: ", line
    except UnicodeDecodeError as error:
        raise UsageError(f"stdin, after line {number}: not {error.encoding} text") from error


@app.command()
def inspect(run: Run = None, as_json: Json = False) -> None:
    """Show a run's settings, size and training.

    Example: tfcli inspect reverse
    """
    from tfcli.render.reports import print_details
    from tfcli.render.terminal import make_console
    from tfcli.runs import details, find

    found = details(find(run))
    print_json(found) if as_json else print_details(make_console(), found)


@app.command("ls")
def list_all(as_json: Json = False) -> None:
    """List the tasks, examples and runs.

    Example: tfcli ls
    """
    from tfcli.catalog import catalog
    from tfcli.render.reports import print_catalog
    from tfcli.render.terminal import make_console

    found = catalog()
    print_json(found) if as_json else print_catalog(make_console(), found)


@app.command()
def show(source: Source, as_json: Json = False) -> None:
    """Show an example with all its settings.

    What it prints is a configuration file, to be changed and trained.

    Example: tfcli show reverse > mine.yaml
    """
    from tfcli.catalog import show as find_example

    example = find_example(source)
    print_json(example) if as_json else typer.echo(example.text, nl=False)


@app.command()
def validate(
    source: Annotated[str, typer.Argument(metavar="FILE", help="FILE.yaml, FILE.yaml:NAME or an example.")],
    as_json: Json = False,
) -> None:
    """Check a configuration file.

    Example: tfcli validate mine.yaml
    """
    from tfcli.catalog import validate as check

    result = check(source)
    if as_json:
        print_json(result)
    elif result.valid:
        names = f" ({', '.join(result.configs)})" if len(result.configs) > 1 else ""
        typer.echo(f"{source}: valid{names}")
    if not result.valid:
        raise fail("\n".join(result.errors), 2)


def print_json(record: Any, indent: int | None = 2) -> None:
    """A record as JSON on stdout, in ASCII where stdout isn't Unicode. A NaN would be a bug, and shows."""
    value = asdict(record) if is_dataclass(record) and not isinstance(record, type) else record
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    typer.echo(json.dumps(value, indent=indent, ensure_ascii=not unicode, allow_nan=False))


def hint(text: str) -> None:
    """A word on what to try next, on stderr."""
    from tfcli.render.terminal import make_console, print_message

    print_message(make_console(stderr=True), text)

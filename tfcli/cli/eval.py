"""`eval`: score a run length by length."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tfcli.cli import saving
from tfcli.cli.app import app
from tfcli.cli.loading import load
from tfcli.cli.options import JsonOption, RunArgument, TrustOption, expand_user
from tfcli.cli.output import print_json
from tfcli.errors import UsageError

if TYPE_CHECKING:  # to import what these need takes longer than --help
    from tfcli.commands.evaluate import Listener
    from tfcli.records.results import EvalReport, LengthScore


@app.command("eval")
def evaluate(
    run: RunArgument = None,
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
    by: Annotated[
        Literal["answer"] | None,
        typer.Option("--by", help="answer: score each right answer by itself, too, such as each class."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31, help="Of the held-out sequences drawn.")
    ] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", help="Write the curve instead: .svg, or .json for its numbers.", callback=expand_user
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --save.")] = False,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a run length by length.

    The sequences are held out: the run was not trained on them.

    Example: tfcli eval reverse --lengths 1:40
    """
    from tfcli.cli.ranges import parse_lengths
    from tfcli.runs.folders import find

    if force and save is None:
        raise UsageError("--force is about the file of --save")
    path, chosen = find(run), parse_lengths(lengths) if lengths is not None else None
    if save is not None:
        saving.check_target(save, [".svg", ".json"], force=force)
    from tfcli.commands.evaluate import evaluate_run
    from tfcli.render import curve
    from tfcli.render.files import json_text

    loaded = load(path, trust)
    with scoring(samples, prints=save is None and not as_json) as listener:
        report = evaluate_run(loaded, chosen, samples, seed, device, wrong, listener, by == "answer")
    if save is not None:
        saving.write(
            save, lambda: json_text(report) if save.suffix.lower() == ".json" else curve.render(report)
        )
    if as_json:
        print_json(report)
    elif save is not None:
        saving.tell_size(save)


@contextmanager
def scoring(samples: int, *, prints: bool) -> Iterator["Listener"]:
    """Show on stderr how an evaluation goes; if it `prints`, each score on stdout as it comes."""
    from tfcli.commands.evaluate import Listener
    from tfcli.render.progress import StatusLine
    from tfcli.render.scores import ScorePrinter
    from tfcli.render.terminal import make_console

    status, console = StatusLine(make_console(stderr=True)), make_console()

    class Scoring(Listener):
        def begin(self, report: "EvalReport", lengths: list[int]) -> None:
            self.report, self.printer = report, ScorePrinter(console, lengths, samples)
            if prints:
                self.printer.begin(report)

        def count(self, length: int, answered: int) -> None:
            status.show(f"length {length:,}: {answered:,} of {samples:,}")

        def add(self, score: "LengthScore") -> None:
            status.clear()
            if prints:
                self.printer.add(score)

        def end(self) -> None:
            if prints:
                self.printer.end(self.report)

    listener = Scoring()
    try:
        yield listener
    finally:
        status.clear()
    listener.end()

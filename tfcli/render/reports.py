"""Reports as tables: evaluation, training, runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from tfcli.records.results import (
    Answer,
    Catalog,
    ExportReport,
    ImportReport,
    RunDetails,
    RunSummary,
    TrainReport,
    TransferRow,
)
from tfcli.render import losses
from tfcli.render.tables import (
    count,
    nth_attempt,
    plain,
    plain_table,
    print_columns,
    print_pairs,
    share,
)
from tfcli.render.terminal import print_block, print_lines, print_wrapped, showable, sparkline

BAR = 8  # columns of a full bar
EXCERPT = 60  # tokens of a wrong answer
ALREADY_SHOWN = ("run", "task", "task.name", "solved", "steps", "exact_match")  # of each run in a list


def print_train(console: Console, report: TrainReport) -> None:
    """Print the outcome of a training run in three short lines."""
    style = "bold green" if report.solved else "bold yellow"
    at = f" (step {count(report.steps)}{nth_attempt(report.attempts)}, {report.train_seconds:.1f} s)"
    print_wrapped(console, Text.assemble((f"{report.run}: {state(report)}", style), at))
    exact, tokens = share(report.exact_match), share(report.token_accuracy)
    print_wrapped(console, Text(f"held-out exact match {exact}, token accuracy {tokens}"))
    size, rate = count(report.parameters), count(round(report.tokens_per_second))
    print_wrapped(console, Text(f"{size} parameters, {rate} tokens/s"))


def print_import(console: Console, report: ImportReport) -> None:
    """Print what was imported, and what it can be asked."""
    head = {"none": "without a head", "classifier": f"that tells {len(report.labels)} classes apart"}
    what = head.get(report.head, f"with a {report.head} language-model head")
    print_wrapped(console, Text(f"{report.run}: {report.architecture} {what}", "bold"))
    size = (
        f"{count(report.layers)} layers of {count(report.heads)} heads, {count(report.parameters)} parameters"
    )
    print_wrapped(console, Text(size))
    knows = (
        f"reads up to {count(report.longest)} pieces of text, of {count(report.vocab_size)} different ones"
    )
    print_wrapped(console, Text(knows))


def print_export(console: Console, report: ExportReport) -> None:
    """Print what was written, and how near it comes to the run."""
    what = {"onnx": "an ONNX graph"}.get(report.format, f"a {report.model}")
    print_wrapped(console, Text(f"{report.out}: {what} of {report.run}, {count(report.size)} bytes", "bold"))
    if report.difference is not None:
        by = "onnxruntime's" if report.format == "onnx" else "imported again, its"
        print_wrapped(console, Text(f"{by} logits are {report.difference:.0e} of the largest off at most"))


def state(run: TrainReport | RunDetails) -> str:
    """How a training ended, or that there was none here."""
    if run.steps == 0 and not run.interrupted:
        return "imported"
    if run.diverged:
        return "diverged"
    if run.solved or run.interrupted:
        return "solved" if run.solved else "interrupted"
    return "not solved"


def print_answer_line(console: Console, answer: Answer) -> None:
    """One prediction as a line: the symbols and nothing else, for other programs to read."""
    print_lines(console, showable(console, " ".join(answer.prediction)))


def print_transfer(console: Console, rows: Sequence[TransferRow]) -> None:
    """Print what became of each part when a training started from another run."""
    table = plain_table()
    for head in ("part", "", "parameters", ""):
        table.add_column(head, justify="right" if head == "parameters" else "left")
    for row in rows:
        table.add_row(
            showable(console, row.part), row.fate, count(row.parameters), showable(console, row.detail)
        )
    print_block(console, table)


def print_details(console: Console, details: RunDetails) -> None:
    """Print configuration, parameters by part, and how the training went."""
    print_wrapped(console, Text(f"{details.run}: {state(details)}", "bold"))
    facts = {
        "steps": count(details.steps) + nth_attempt(details.attempts),
        "exact match": share(details.exact_match),
        "token accuracy": share(details.token_accuracy),
        "training": f"{details.train_seconds:.1f} s, {count(round(details.tokens_per_second))} tokens/s",
        "made with": ", ".join(f"{name} {version}" for name, version in details.versions.items()),
    }
    matches = [min(max(line["exact_match"], 0.0), 1.0) for line in details.history if "exact_match" in line]
    if matches:
        facts["exact match"] += "  " + sparkline(console, matches, 20)
    if known := losses.losses_of(details.history):
        facts["loss"] = losses.describe(known)
        facts.update(losses.draw(console, known))
    print_pairs(console, "training", facts)
    for section, values in details.config.items():
        print_pairs(console, section, {key: plain(value) for key, value in values.items()})
    parts = {part: count(number) for part, number in details.parameters_by_part.items()}
    print_pairs(console, "parameters", {**parts, "together": count(details.parameters)})


def print_catalog(console: Console, catalog: Catalog) -> None:
    """Tasks, examples and runs."""
    print_pairs(console, "tasks", catalog.tasks, blank=False)
    print_pairs(console, "examples", catalog.examples)
    print_lines(console)
    print_lines(
        console, Text("runs" if catalog.runs else "no runs yet: tfcli train reverse makes one", "bold")
    )
    if catalog.runs:
        print_runs(console, catalog.runs)


def progress_of(run: RunSummary) -> str:
    """Whether a run has solved its task, or what else there is to say."""
    if run.trained_by is not None:
        return f"in training (pid {run.trained_by})"
    if run.steps == 0 and not run.ended_early:
        return "imported"
    if run.diverged:
        return "diverged"
    return "ended early" if run.ended_early and not run.solved else plain(run.solved)


def print_runs(console: Console, runs: Sequence[RunSummary]) -> None:
    """Print the runs, the newest last, with the values that were asked for."""
    asked = dict.fromkeys(key for run in runs for key in run.values)
    keys = [key for key in asked if key not in ALREADY_SHOWN]
    rows = []
    for run in runs:
        values = [plain(run.values.get(key)) for key in keys]
        if run.problem is not None:
            rows.append([run.run, *"-" * 4, *values])
        else:
            steps, exact = count(run.steps or 0), share(run.exact_match)
            rows.append([run.run, run.task or "-", progress_of(run), steps, exact, *values])
    headings = ["run", "task", "solved", "steps", "exact"]
    for key in keys:
        short = key.rpartition(".")[2]
        headings.append(key if short in headings else short)
    print_columns(console, headings, rows, left=2, indent=2)
    for run in runs:
        if run.problem is not None:
            print_wrapped(console, Text(run.problem, "yellow"))

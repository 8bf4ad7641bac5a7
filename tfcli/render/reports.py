"""Reports as tables: evaluation, training, runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tfcli.records.results import (
    Answer,
    Catalog,
    EvalReport,
    LengthScore,
    RunDetails,
    RunSummary,
    TrainReport,
)
from tfcli.render.tables import (
    count,
    interval,
    nth_attempt,
    plain,
    plain_table,
    print_fitting,
    print_pairs,
    share,
)
from tfcli.render.terminal import can_show, print_block, print_lines, print_wrapped, showable, sparkline

BAR = 8  # columns of a full bar
EXCERPT = 60  # tokens of a wrong answer


def print_train(console: Console, report: TrainReport) -> None:
    """Print the outcome of a training run in three short lines."""
    style = "bold green" if report.solved else "bold yellow"
    at = f" (step {count(report.steps)}{nth_attempt(report.attempts)}, {report.train_seconds:.1f} s)"
    print_wrapped(console, Text.assemble((f"{report.run}: {state(report)}", style), at))
    exact, tokens = share(report.exact_match), share(report.token_accuracy)
    print_wrapped(console, Text(f"held-out exact match {exact}, token accuracy {tokens}"))
    size, rate = count(report.parameters), count(round(report.tokens_per_second))
    print_wrapped(console, Text(f"{size} parameters, {rate} tokens/s"))


def state(run: TrainReport | RunDetails) -> str:
    """How a training ended."""
    return "solved" if run.solved else "interrupted" if run.interrupted else "not solved"


def print_eval(console: Console, report: EvalReport) -> None:
    """Scores by length, then a few wrong answers."""
    from tfcli.render.curve import print_curve  # which no other report needs

    low, high = report.trained_lengths
    print_wrapped(console, Text(f"{report.run}: {report.task}, trained on lengths {low} to {high}", "bold"))
    print_fitting(console, [score_table(console, report.lengths, wide) for wide in (True, False)])
    print_curve(console, report.lengths)
    few = [s for s in report.lengths if s.held_out_of is not None]
    if few:
        seen = ", ".join(f"{s.samples} of {count(s.held_out_of or 0)} at length {s.length}" for s in few)
        print_wrapped(console, Text(f"* every held-out sequence there is: {seen}", "dim"))
    for answer in report.wrong:
        print_wrong(console, answer)


def score_table(console: Console, scores: Sequence[LengthScore], wide: bool) -> Table:
    """Return a row a length; in the wide form with intervals and a bar."""
    table = plain_table()
    intervals = ["95 %"] * wide
    for heading in ("length", "trained", "exact", *intervals, "tokens", *intervals, "floor", "samples"):
        table.add_column(heading if wide or heading != "trained" else "seen", justify="right", no_wrap=True)
    if wide:
        table.add_column(no_wrap=True)
    for i, score in enumerate(scores):
        table.add_row(*score_cells(console, score, wide))
        if i + 1 < len(scores) and scores[i + 1].in_range != score.in_range:
            table.add_row()
    return table


def score_cells(console: Console, score: LengthScore, wide: bool) -> list[Text | str]:
    """Return the cells of one length."""
    style = "green" if score.exact_match == 1 else "yellow" if score.exact_match >= 0.5 else "red"
    filled = round(score.exact_match * BAR)
    full, empty = "█░" if can_show(console, "█░") else "#."
    return [
        str(score.length),
        "yes" if score.in_range else "no",
        Text(share(score.exact_match), style),
        *[interval(score.exact_match_interval)] * wide,
        share(score.token_accuracy),
        *[interval(score.token_accuracy_interval)] * wide,
        f"{score.floor:.2f}",
        f"{score.samples}{'*' if score.held_out_of is not None else ''}",
        *[Text(full * filled + empty * (BAR - filled), style)] * wide,
    ]


def print_wrong(console: Console, answer: Answer) -> None:
    """Print a wrong answer: input, expected, got; of long ones the part around the first mistake."""
    n = max(len(answer.input), len(answer.target), len(answer.prediction))
    pairs = enumerate(zip_longest(answer.prediction, answer.target))
    mistake = next(i for i, (got, wanted) in pairs if got != wanted)
    first = max(0, min(mistake - EXCERPT // 2, n - EXCERPT))
    part = slice(first, first + EXCERPT)
    print_lines(console)
    if n > EXCERPT:
        print_wrapped(console, Text(f"tokens {first} to {min(first + EXCERPT, n) - 1} of {n}", "dim"))
    for name, tokens in (("input", answer.input), ("expected", answer.target), ("got", answer.prediction)):
        text = Text(f"{name:<9}", "bold")
        for i, token in enumerate(tokens[part], first):
            wrong = name == "got" and answer.target[i : i + 1] != [token]
            text.append(showable(console, token), "bold red" if wrong else "not bold")
            text.append(" ")
        print_wrapped(console, text, indent=9)


def print_answer_line(console: Console, answer: Answer) -> None:
    """One prediction as a line: the symbols and nothing else, for other programs to read."""
    print_lines(console, showable(console, " ".join(answer.prediction)))


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
    return "ended early" if run.ended_early and not run.solved else plain(run.solved)


def print_runs(console: Console, runs: Sequence[RunSummary]) -> None:
    """Print the runs, the newest last."""
    table = plain_table()
    for heading in ("run", "task", "solved", "steps", "exact"):
        table.add_column(heading, justify="left" if heading in ("run", "task") else "right", overflow="fold")
    for run in runs:
        if run.problem is not None:
            table.add_row(run.run, "-", "-", "-", "-")
        else:
            steps = count(run.steps or 0)
            table.add_row(run.run, run.task, progress_of(run), steps, share(run.exact_match))
    print_block(console, Padding(table, (0, 0, 0, 2)))
    for run in runs:
        if run.problem is not None:
            print_wrapped(console, Text(run.problem, "yellow"))

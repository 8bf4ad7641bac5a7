"""Sweeps as tables, for a terminal, as Markdown and as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from rich.console import Console
from rich.text import Text

from tfcli.errors import counted
from tfcli.records.sweep import FIRST, Contrast, Group, RunOutcome, SweepPlan, SweepReport
from tfcli.render.bench import columns_of
from tfcli.render.csv_table import line
from tfcli.render.markdown import escape, table_row
from tfcli.render.sweep_progress import duration
from tfcli.render.tables import count, is_fitting, print_columns, print_pairs, share
from tfcli.render.terminal import print_block, print_lines, print_wrapped, showable
from tfcli.render.untrusted import escape_formula

HEADINGS = ("setting", "solved", "exact", "worst", "steps", "seconds")
BRIEF = (0, 1, 2, 4)  # of these, for a narrow terminal
FAILURES = 10  # that are told on a terminal
MOST_ROWS = 40  # settings in a table on a terminal
FIELDS = (
    *("id", "run", "state", "seed", "steps", "seconds", "solved_step", "solved_seconds", "exact_match"),
    *("token_accuracy", "held_out_loss", "parameters", "together", "error"),
)
LEGEND = (
    "Medians over the seeds; worst: of the seeds. exact: match on held-out sequences. steps, seconds: of "
    "training, until it is 1.0 twice in a row, of the runs that come so far."
)
WIDER = "A wider terminal has the worst seed at each length, too."
LEGEND_BRIEF = (
    "Medians over the seeds. exact: match on held-out sequences. steps: of training, until it is 1.0 twice "
    "in a row, of the runs that come so far. A wider terminal has the worst seed and the seconds, too."
)
LEGEND_OF_CONTRASTS = (
    "Mean differences from {baseline}, seed by seed where both have two or more in common; intervals "
    "are Student's, else Welch's. - where one seed gives none, and none where all seeds are alike."
)


def print_sweep(console: Console, report: SweepReport) -> None:
    """Print a table of the settings, their scores by length, their differences, and what failed."""
    print_wrapped(console, Text(title_of_ask(report), "bold"))
    for note in report.notes:
        print_wrapped(console, Text(note, "dim"))
    shown = report.groups[:MOST_ROWS]
    headings, rows = tables_of(shown)
    rows = [[showable(console, cell) for cell in row] for row in rows]
    legend = print_settings(console, headings, rows)
    if len(report.groups) > len(shown):
        more = len(report.groups) - len(shown)
        print_wrapped(console, Text(f"... and {counted(more, 'setting')} more; --save FILE.csv has all runs"))
    print_wrapped(console, Text(legend, "dim"))
    if contrasts := report.contrasts[:MOST_ROWS]:
        print_lines(console)
        rows = [[showable(console, cell) for cell in contrast_row(contrast)] for contrast in contrasts]
        print_columns(console, [showable(console, cell) for cell in contrast_headings(report)], rows, left=2)
        if more := len(report.contrasts) - len(contrasts):
            print_wrapped(console, Text(f"... and {count(more)} more; --save FILE.md has all of them"))
        print_wrapped(console, Text(legend_of_contrasts(report), "dim"))
    print_failures(console, report)


def print_settings(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Print a row for each setting, and return what explains it.

    A narrow terminal has fewer columns: first the worst seed at each length goes.
    """
    medians = range(len(HEADINGS), len(headings), 2)
    without_worst = [*range(len(HEADINGS)), *medians]
    for kept, legend in ((range(len(headings)), LEGEND), (without_worst, f"{LEGEND} {WIDER}")):
        table = columns_of([headings[i] for i in kept], [[row[i] for i in kept] for row in rows])
        if is_fitting(console, table):
            print_block(console, table)
            return legend
    brief = [*BRIEF, *medians]
    print_columns(console, [headings[i] for i in brief], [[row[i] for i in brief] for row in rows], left=1)
    return LEGEND_BRIEF


def print_failures(console: Console, report: SweepReport) -> None:
    """Print which runs failed, and why."""
    failed = [outcome for outcome in report.outcomes if outcome.has_failed]
    if not failed:
        return
    print_lines(console)
    print_wrapped(
        console, Text(f"failed: {count(len(failed))} of {counted(report.planned, 'run')}", "bold yellow")
    )
    for outcome in failed[:FAILURES]:
        print_wrapped(console, Text(showable(console, f"  {name_of(outcome)}: {outcome.error}")), indent=4)
    if len(failed) > FAILURES:
        print_wrapped(console, Text(f"  ... and {count(len(failed) - FAILURES)} more; --json has all"))


def name_of(outcome: RunOutcome) -> str:
    """Return what a run is called in a list."""
    return " ".join(f"{key}={value}" for key, value in outcome.settings.items()) or outcome.id


def title_of(report: SweepReport) -> str:
    """Return how far the whole has come."""
    said = [f"{count(report.done)} of {counted(report.planned, 'run')} done"]
    said.append(f"{count(sum(group.solved for group in report.groups))} solved")
    if failed := sum(group.failed for group in report.groups):
        said.append(f"{count(failed)} failed")
    if dropped := sum(group.dropped for group in report.groups):
        said.append(f"{count(dropped)} dropped by the search")
    return f"{report.sweep}: {', '.join(said)}"


def title_of_ask(report: SweepReport) -> str:
    """Return how far the whole has come, and what of it was done now."""
    before = ""
    if report.skipped:
        scored = f" ({count(report.scored)} of them scored now)" if report.scored else ""
        before = f", {count(report.skipped)} had been done before{scored}"
    return f"{title_of(report)}{before} ({duration(report.seconds)})"


def tables_of(groups: Sequence[Group]) -> tuple[list[str], list[list[str]]]:
    """Return the headings and a row for each setting: with two columns for each length."""
    at_lengths = [[f"at {found.length}", "worst"] for found in groups[0].lengths] if groups else []
    return [*HEADINGS, *chain(*at_lengths)], [row_of(group) for group in groups]


def row_of(group: Group) -> list[str]:
    """Return the cells of a setting."""
    steps, seconds = group.steps_median, group.seconds_median
    return [
        group.label,
        f"{group.solved} of {group.done}" if group.done else "-",
        share(group.exact_match_median),
        share(group.exact_match_worst),
        "-" if steps is None else count(round(steps)),
        "-" if seconds is None else f"{seconds:.2f}",
        *chain(
            *([share(found.exact_match_median), share(found.exact_match_worst)] for found in group.lengths)
        ),
    ]


def contrast_headings(report: SweepReport) -> list[str]:
    """Return the headings of the differences."""
    return ["setting", "of", f"less {report.baseline}", "95 % interval", "seeds"]


def legend_of_contrasts(report: SweepReport) -> str:
    """Return what explains the differences."""
    is_first = report.baseline == FIRST
    counterpart = f"the setting with {report.baseline} that is the same otherwise"
    return LEGEND_OF_CONTRASTS.format(baseline="the first setting" if is_first else counterpart)


def contrast_row(contrast: Contrast) -> list[str]:
    """Return the cells of a difference, as in `contrast_headings`."""
    found, is_steps = contrast.difference, contrast.measure.startswith("steps")
    form = "{:+,.0f}" if is_steps else "{:+.3f}"
    before, after = found.seeds_before, found.seeds_after
    bounds = "all alike" if found.are_alike else "-"
    if found.interval is not None:
        bounds = " to ".join(form.format(bound) for bound in found.interval)
    seeds = str(before) if found.paired else f"{before} and {after}"
    return [contrast.label, contrast.measure, form.format(found.mean), bounds, seeds]


def markdown(report: SweepReport) -> str:
    """Return the same tables as Markdown."""
    blocks = [f"# {escape(title_of(report))}", *map(escape, report.notes)]
    headings, rows = tables_of(report.groups)
    blocks += [table(headings, rows), LEGEND]
    if report.contrasts:
        rows = [contrast_row(contrast) for contrast in report.contrasts]
        blocks += [table(list(map(escape, contrast_headings(report))), rows), legend_of_contrasts(report)]
    failed = [outcome for outcome in report.outcomes if outcome.has_failed]
    if failed:
        rows = [[name_of(outcome), outcome.error or ""] for outcome in failed]
        blocks.append(table(("failed", "why"), rows))
    return "\n\n".join(blocks) + "\n"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, its first column flush left."""
    rules = ["---", *["---:"] * (len(headings) - 1)]
    lines = [table_row(headings), table_row(rules), *(table_row(list(map(escape, row))) for row in rows)]
    return "".join(lines).rstrip("\n")


def csv(report: SweepReport) -> Iterator[str]:
    """Yield a line for each run: what is varied, what it came to, and the exact match at each length."""
    varied = list(dict.fromkeys(key for outcome in report.outcomes for key in outcome.settings))
    lengths = list(dict.fromkeys(length for outcome in report.outcomes for length in outcome.lengths))
    yield line([*varied, *FIELDS, *(f"exact_match at {length}" for length in lengths)]) + "\n"
    for outcome in report.outcomes:
        cells = [outcome.settings.get(key, "") for key in varied] + [
            getattr(outcome, name) for name in FIELDS
        ]
        cells += [outcome.lengths.get(length) for length in lengths]
        yield line(escape_formula(cell) if isinstance(cell, str) else cell for cell in cells) + "\n"


def print_plan(console: Console, plan: SweepPlan) -> None:
    """Print what a sweep would do."""
    settings = f" of {counted(plan.settings, 'setting')}" if plan.settings != plan.runs else ""
    print_wrapped(console, Text(f"{plan.sweep}: {counted(plan.runs, 'run')}{settings}", "bold"))
    facts = dict(plan.axes)
    if plan.done or plan.started:
        scored = f", still to be scored at these lengths: {count(plan.unscored)}" if plan.unscored else ""
        facts["done"] = f"{count(plan.done)}{scored}; begun, and to go on: {count(plan.started)}"
    low, high = plan.parameters
    sizes = count(low) if low == high else f"{count(low)} to {count(high)}"
    some = f", of the {counted(plan.tried, 'setting')} tried" if plan.tried < plan.settings else ""
    facts["parameters"] = sizes + some
    facts["steps"] = f"{count(plan.steps)} at most, of the runs that are left"
    together = f"on {counted(plan.workers, 'worker')}"
    facts["time"] = f"about {duration(plan.seconds)} {together}, {plan.measured}"
    print_pairs(console, "plan", facts)
    for note in plan.notes:
        print_wrapped(console, Text(note, "dim"))

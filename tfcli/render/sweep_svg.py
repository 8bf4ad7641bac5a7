"""A sweep as a vector picture: a row a setting, a dot a seed, a bar at the median."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rich.cells import cell_len

from tfcli.records.sweep import Group, RunOutcome, SweepReport
from tfcli.render.svg import CHARACTER, FONT, document
from tfcli.render.sweep import title_of
from tfcli.render.tables import count
from tfcli.render.terminal import pad_or_cut
from tfcli.render.ticks import whole_ticks
from tfcli.render.untrusted import escape_markup

PLOT = 420  # px, the width of an axis
ROW = 26  # px
GAP = 24  # px, around the whole
TOP = 4 * FONT  # px, the caption
RADIUS = 4  # px
LABEL = 44  # columns of a terminal, the widest label
SPREAD = 9  # px by which dots of one place are moved apart, at most
DOT, BAR, RULE = "#1450c8", "#111", "#ccc"


def render(report: SweepReport) -> str:
    """Return the picture of what each run came to: how fast it was solved, or how right it is.

    Raises:
        ValueError: nothing has come to its end.
    """
    name, rows = figures_of(report)
    if not any(found for _, found in rows):
        raise ValueError("no run has come to its end yet; there is nothing to draw")
    label = max(cell_len(short(group.label)) for group, _ in rows) * CHARACTER + GAP / 2
    left, top = GAP + label, GAP + TOP
    highest = 1.0 if name.startswith("exact") else max(value for _, found in rows for value in found)
    bottom = top + ROW * len(rows)
    shapes = [
        f"<title>{escape_markup(title_of(report))}</title>",
        f'<text x="{GAP}" y="{GAP + FONT}" font-weight="bold">{escape_markup(report.sweep)}</text>',
        f'<text x="{GAP}" y="{GAP + 2.5 * FONT}">{escape_markup(name)}; a dot a seed, a bar the median'
        "</text>",
        *axis(left, top, bottom, highest),
    ]
    for number, (group, found) in enumerate(rows):
        shapes += draw_row(group, found, left, top + (number + 0.5) * ROW, highest)
    return document(left + PLOT + GAP, bottom + 2 * FONT + GAP, shapes)


def figures_of(report: SweepReport) -> tuple[str, list[tuple[Group, list[float]]]]:
    """Return what is drawn, and its figures for each setting."""
    runs = [[o for o in report.outcomes if is_of(o, group)] for group in report.groups]
    ended = [
        [o for o in found if o.has_ended and not group.dropped]
        for found, group in zip(runs, report.groups, strict=True)
    ]
    lengths = [summary.length for summary in report.groups[0].lengths] if report.groups else []
    if lengths:
        name = f"exact match at length {lengths[-1]}"
        found = [scores_at(lengths[-1], *pair) for pair in zip(report.groups, ended, strict=True)]
    elif all(outcome.solved_step is not None for group in ended for outcome in group):
        name = "steps to solved"
        found = [[float(outcome.solved_step or 0) for outcome in group] for group in ended]
    else:
        name = "exact match on held-out sequences"
        found = [[outcome.exact_match_at(None) or 0.0 for outcome in group] for group in ended]
    return name, list(zip(report.groups, found, strict=True))


def scores_at(length: int, group: Group, ended: Sequence[RunOutcome]) -> list[float]:
    """Return the exact match of each run at a length; none where the setting has none in the table."""
    if all(summary.exact_match_median is None for summary in group.lengths if summary.length == length):
        return []
    return [score for outcome in ended if (score := outcome.exact_match_at(length)) is not None]


def is_of(outcome: RunOutcome, group: Group) -> bool:
    """Whether a run is one of a setting."""
    return all(outcome.settings.get(key) == value for key, value in group.settings.items())


def axis(left: float, top: float, bottom: float, highest: float) -> list[str]:
    """Return a scale from 0 on, with its numbers below."""
    shapes = []
    values = [quarter / 4 for quarter in range(5)] if highest == 1 else whole_ticks(0, highest)
    for value in values:
        x = left + PLOT * value / highest
        text = f"{value:.2f}" if highest == 1 else count(round(value))
        shapes.append(
            f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="{RULE}"/>'
            f'<text x="{x:.1f}" y="{bottom + 1.5 * FONT:.1f}" text-anchor="middle">{text}</text>'
        )
    return shapes


def draw_row(group: Group, values: Sequence[float], left: float, y: float, highest: float) -> list[str]:
    """Return the label of a setting, its dots and the bar at their median."""
    label = escape_markup(short(group.label))
    shapes = [f'<text x="{left - 8:.1f}" y="{y + FONT * 0.36:.1f}" text-anchor="end">{label}</text>']
    for number, value in enumerate(values):
        x = left + PLOT * value / highest
        apart = SPREAD * ((number + 0.5) / len(values) * 2 - 1) if len(values) > 1 else 0.0
        shapes.append(
            f'<circle cx="{x:.1f}" cy="{y + apart:.1f}" r="{RADIUS}" fill="{DOT}" fill-opacity="0.55"/>'
        )
    if values:
        x = left + PLOT * median(values) / highest
        shapes.append(f'<path d="M{x:.1f} {y - ROW / 2 + 2:.1f}v{ROW - 4}" stroke="{BAR}" stroke-width="2"/>')
    return shapes


def short(label: str) -> str:
    """Return a label that is no wider than one may be; a ~ marks what is cut."""
    return label if cell_len(label) <= LABEL else pad_or_cut(label, LABEL)

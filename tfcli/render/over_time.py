"""How heads came to be: a table of steps, then the maps of the chosen heads at some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from tfcli.records.inspection import (
    AttentionRecord,
    HeadRecord,
    HeadRoles,
    LayerRecord,
    OverTimeRecord,
    View,
    number_layer,
)
from tfcli.render.attention import Line, cells, choose_layout, columns, legend, print_tables, title_of
from tfcli.render.tables import count, plain_table, share
from tfcli.render.terminal import print_block, print_lines, print_wrapped, showable

FIXED, COLUMN = 20, 10  # columns of the terminal for step and accuracies, for each head
MAPS = 6  # of one head, spread over the training


def print_over_time(console: Console, record: OverTimeRecord) -> None:
    """Print the share of each head's weight on the pattern that it ends with, step by step; then maps."""
    last = record.moments[-1]
    what = f"{count(last.score.samples)} held-out sequences of {record.task}"
    few = len(record.moments) < record.snapshots
    shown = f", at {len(record.moments)} steps of {record.snapshots} snapshots" if few else ""
    print_wrapped(console, Text(f"{record.run}: how its heads came to be{shown}, on {what}", "bold"))
    per_block = max(1, (console.width - FIXED) // COLUMN)
    for first in range(0, len(last.heads), per_block):
        print_lines(console)
        print_steps(console, record, last.heads[first : first + per_block])
    print_lines(console)
    note = "the share of a head's weight on the pattern that it ends with; * where that is clearly its role"
    print_wrapped(console, Text(note, "dim"))
    for layer in last.attention.layers:
        for head in layer.heads:
            print_film(console, record, layer, head.head)


def print_steps(console: Console, record: OverTimeRecord, heads: list[HeadRoles]) -> None:
    """Print a row a step, a column for each of `heads`."""
    table = plain_table()
    patterns = {(head.loop, head.layer, head.head): final_pattern(head) for head in heads}
    words = [
        [f"L{number_layer(loop, layer)} H{head}", *(name or "-").split()]
        for (loop, layer, head), name in patterns.items()
    ]
    lines = max(map(len, words))
    for column in (["step"], ["exact"], ["tokens"], *words):
        padding = [""] * (lines - len(column))
        table.add_column("\n".join(padding + column), justify="right", no_wrap=True)
    for moment in record.moments:
        by_address = {(head.loop, head.layer, head.head): head for head in moment.heads}
        weights = []
        for address, pattern in patterns.items():
            found = by_address[address]
            star = "*" if pattern in found.roles else " "
            weights.append(f"{found.patterns[pattern].weight:.2f}{star}" if pattern else "- ")
        scores = share(moment.score.exact_match), share(moment.score.token_accuracy)
        table.add_row(count(moment.step), *scores, *weights)
    print_block(console, table)


def final_pattern(head: HeadRoles) -> str | None:
    """Return the pattern that a head ends with: its role, or what it gained most on over chance."""
    if head.roles:
        return head.roles[0]
    gains = {name: found.weight - found.chance for name, found in head.patterns.items()}
    return max(gains, key=lambda name: gains[name], default=None)


def print_film(console: Console, record: OverTimeRecord, layer: LayerRecord, head: int | str) -> None:
    """Print the maps of one head, a few of them side by side, all with the same shades."""
    frames = [(moment.step, weights_of(moment.attention, layer, head)) for moment in record.moments]
    chosen = (
        [frames[round(i * (len(frames) - 1) / (MAPS - 1))] for i in range(MAPS)]
        if len(frames) > MAPS
        else frames
    )
    peak = max(weight for _, weights in chosen for row in weights for weight in row)
    tokens = [showable(console, token) for token in record.moments[0].attention.tokens]
    layout = choose_layout(tokens, console.width, numbers=False)
    tables: list[list[Line]] = [
        [Text(f"step {count(step)}", "bold"), *cells(console, layout, weights, peak)]
        for step, weights in chosen
    ]
    width = max(layout.width, *(columns(lines[0]) for lines in tables))
    print_lines(console)
    print_wrapped(console, Text(f"{title_of(layer, head)}, {legend(console, peak)}", "bold"))
    print_tables(console, tables, width)


def weights_of(record: AttentionRecord, layer: LayerRecord, head: int | str) -> Sequence[Sequence[float]]:
    """Return the map of one head in a record that has it."""
    return next(
        found.weights
        for part in record.layers
        if (part.loop, part.layer) == (layer.loop, layer.layer)
        for found in part.heads
        if found.head == head
    )


def views(record: OverTimeRecord) -> list[View]:
    """Return the record as views of a page, one a step."""
    return [View(f"step {moment.step}", moment.attention, moment.step) for moment in record.moments]


def film(record: OverTimeRecord) -> list[View]:
    """Return the record as one picture: a row a head, a column a step."""
    last = record.moments[-1].attention
    rows = [
        LayerRecord(
            layer.layer,
            [
                HeadRecord(
                    f"head {head.head} step {moment.step}",
                    weights_of(moment.attention, layer, head.head),
                )
                for moment in record.moments
            ],
            layer.loop,
        )
        for layer in last.layers
        for head in layer.heads
    ]
    return [View("", replace(last, layers=rows))]

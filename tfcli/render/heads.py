"""The heads of a run as tables: what role each plays, and what becomes of the answers without it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.records.inspection import HeadReport, HeadsReport, RoleReport, name_layer, number_layer
from tfcli.records.results import Score
from tfcli.render.tables import plain_table, print_fitting, share
from tfcli.render.terminal import print_block, print_lines, print_wrapped, showable

BRIEF_LEGEND = "zeroed: exact match with nothing in place of the head's output."
LEGEND = (
    "zeroed: exact match (and token accuracy) with nothing in place of the head's output; mean: with its "
    "mean over all tokens. Entropy: 1 for a uniform row, 0 for one key. Content: its share in what scores "
    "vary by over keys; the rest is position, and - where they can't be told apart."
)
PATTERNS_LEGEND = (
    "* a role: clearly more than chance. source: the token that the answer is read from, source symbol: any "
    "token equal to it. uniform: how far rows overlap with a uniform one."
)
NO_PATTERNS = "patterns need an answer for each token of the input; those of this task have another length"
SHOWN_ROLES = 2
PATTERN, NUMBER = 15, 6  # columns of the terminal for the name of a pattern, for a number


def print_heads(console: Console, report: HeadsReport) -> None:
    """Roles and causes, then what the roles do together, then all weights that the roles were read off."""
    low, high = report.lengths
    which = "held-out sequences" if report.held_out else "sequences from a file"
    asked = f"{report.score.samples} {which} of {report.task}, lengths {low} to {high}"
    print_wrapped(console, Text(f"{report.run}: {asked}", "bold"))
    whole = (
        f"exact match {share(report.score.exact_match)}, token accuracy {share(report.score.token_accuracy)}"
    )
    print_wrapped(console, Text(f"the whole model: {whole}"))
    print_lines(console)
    tables = [causes(report, tokens=True), causes(report, tokens=False), brief(report)]
    brief_only = print_fitting(console, tables) == len(tables) - 1
    print_wrapped(console, Text(BRIEF_LEGEND if brief_only else LEGEND, "dim"))
    print_lines(console)
    for role in report.roles:
        print_wrapped(console, verdict(report, role), indent=2)
    if report.lengths[1] == 1:
        print_wrapped(console, Text("where a head looks shows in two tokens and more; all have one"))
        return
    no_patterns = all(set(head.patterns) <= {"uniform"} for head in report.heads)
    if not report.roles and not no_patterns:
        print_wrapped(console, Text("no head has a role that can be told clearly from chance"))
    for order in report.orders:
        shown = " < ".join(showable(console, symbol) for symbol in order.symbols) or "all symbols alike"
        text = Text.assemble(
            (f"{name_layer(order.loop, order.layer)} head {order.head} ranks ", "bold"), shown
        )
        print_wrapped(console, text.append(f", equal ones {order.ties}"), indent=2)
    if no_patterns:
        print_wrapped(console, Text(NO_PATTERNS))
        return
    for _, heads in groupby(report.heads, key=lambda head: (head.loop, head.layer)):
        print_patterns(console, list(heads))
    print_wrapped(console, Text(PATTERNS_LEGEND, "dim"))


def causes(report: HeadsReport, tokens: bool) -> Table:
    """Return a row a head, then one for each attention and feed-forward; with or without token accuracies."""
    table = plain_table()
    for heading in ("layer", "head", "role", "weight", "chance", "entropy", "content"):
        table.add_column(heading, justify="left" if heading == "role" else "right", no_wrap=True)
    for heading in ("zeroed", "(tokens)", "mean", "(tokens)") if tokens else ("zeroed", "mean"):
        table.add_column(heading, justify="right", no_wrap=True)
    for head in report.heads:
        table.add_row(
            *facts(head), *scores(report, head.zeroed, tokens), *scores(report, head.mean_ablated, tokens)
        )
    for part in report.sublayers:
        table.add_row(
            number_layer(part.loop, part.layer),
            "",
            f"({part.part})",
            *[""] * 4,
            *scores(report, part.removed, tokens),
        )
    return table


def brief(report: HeadsReport) -> Table:
    """Return the form that fits the narrowest terminal."""
    table = plain_table()
    for heading in ("layer", "head", "role", "zeroed"):
        table.add_column(heading, justify="left" if heading == "role" else "right", overflow="fold")
    for head in report.heads:
        table.add_row(
            number_layer(head.loop, head.layer),
            str(head.head),
            role_of(head),
            *scores(report, head.zeroed, tokens=False),
        )
    for part in report.sublayers:
        where = number_layer(part.loop, part.layer)
        table.add_row(where, "", f"({part.part})", *scores(report, part.removed, tokens=False))
    return table


def facts(head: HeadReport) -> list[str]:
    """Return the cells on what a head looks at."""
    entropy = f"{head.entropy / head.entropy_uniform:.2f}" if head.entropy_uniform else "-"
    best = head.patterns.get(head.roles[0]) if head.roles else None
    numbers = [f"{best.weight:.2f}", f"{best.chance:.2f}"] if best else ["", ""]
    content = "-" if head.shares.content is None else f"{head.shares.content:.2f}"
    return [number_layer(head.loop, head.layer), str(head.head), role_of(head), *numbers, entropy, content]


def role_of(head: HeadReport) -> str:
    """Return the clearest roles of a head; a dash if it has none."""
    return ", ".join(head.roles[:SHOWN_ROLES]) or "-"


def scores(report: HeadsReport, score: Score, tokens: bool) -> list[Text | str]:
    """Exact match, coloured by how far it falls, and token accuracy."""
    fall = report.score.exact_match - score.exact_match
    style = "red" if fall > 0.5 else "yellow" if fall > 0.05 else ""
    return [Text(share(score.exact_match), style), *[share(score.token_accuracy)] * tokens]


def verdict(report: HeadsReport, role: RoleReport) -> Text:
    """Whether the heads of a role matter, all together: by the figure that falls most."""
    without, it, matter = (
        ("it", "it", "it matters") if len(role.heads) == 1 else ("all", "them", "they matter")
    )
    whole, zeroed = report.score, role.zeroed
    figures = [
        ("exact match", whole.exact_match, zeroed.exact_match),
        ("token accuracy", whole.token_accuracy, zeroed.token_accuracy),
    ]
    name, before, after = max(figures, key=lambda figure: figure[1] - figure[2])
    if role.matters:
        change = f"{name} falls from {share(before)} to {share(after)}: {matter}"
    else:
        change = f"{name} is {share(after)}, with {it} {share(before)}: no sign that {matter}"
    change += f" (loss {zeroed.loss:.2f}, with {it} {whole.loss:.2f})"
    return Text.assemble(
        (" = ".join(role.roles), "bold"), f" ({name_heads(role.heads)}): without {without}, {change}"
    )


def name_heads(heads: Sequence[tuple[int | None, int, int]]) -> str:
    """`layer 0 heads 1, 2; layer 1 head 0`."""
    by_layer: dict[str, list[str]] = {}
    for loop, layer, head in heads:
        by_layer.setdefault(name_layer(loop, layer), []).append(str(head))
    return "; ".join(
        f"{layer} head{'s' * (len(numbers) > 1)} {', '.join(numbers)}" for layer, numbers in by_layer.items()
    )


def print_patterns(console: Console, heads: Sequence[HeadReport]) -> None:
    """How much of the weight of a layer's heads lies on each pattern; clear ones carry a star."""
    per_block = max(1, (console.width - PATTERN - NUMBER) // (NUMBER + 1))
    for first in range(0, len(heads), per_block):
        block = heads[first : first + per_block]
        print_lines(console)
        print_wrapped(
            console, Text(f"{name_layer(block[0].loop, block[0].layer)}: share of each head's weight", "bold")
        )
        table = plain_table()
        table.add_column("on", no_wrap=True)
        for heading in ("chance", *(f"head {head.head}" for head in block)):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, found in block[0].patterns.items():
            cells = [
                f"{head.patterns[name].weight:.2f}{'*' if name in head.roles else ' '}" for head in block
            ]
            table.add_row(name, f"{found.chance:.2f}", *cells)
        print_block(console, table)

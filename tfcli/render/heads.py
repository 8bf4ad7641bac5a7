"""The heads of a run as tables: what role each plays, and what becomes of the answers without it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.records.inspection import HeadReport, HeadsReport, OrderReport, RoleReport, number_layer
from tfcli.records.results import Score
from tfcli.render.tables import plain_table, print_fitting, share
from tfcli.render.terminal import print_block, print_lines, print_wrapped, showable
from tfcli.texts import ENGLISH, Language

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
VERDICTS = {  # of one head or several, and whether they matter
    (
        True,
        True,
    ): "without it, {figure} falls from {before} to {after}: it matters (loss {loss}, with it {whole})",
    (False, True): (
        "without all, {figure} falls from {before} to {after}: they matter (loss {loss}, with them {whole})"
    ),
    (True, False): (
        "without it, {figure} is {after}, with it {before}: no sign that it matters "
        "(loss {loss}, with it {whole})"
    ),
    (False, False): (
        "without all, {figure} is {after}, with them {before}: no sign that they matter "
        "(loss {loss}, with them {whole})"
    ),
}
SHOWN_ROLES = 2
PATTERN, NUMBER = 15, 6  # columns of the terminal for the name of a pattern, for a number


def print_heads(console: Console, report: HeadsReport, words: Language = ENGLISH) -> None:
    """Roles and causes, then what the roles do together, then all weights that the roles were read off."""
    print_asked(console, report, words)
    print_lines(console)
    tables = [causes(report, words, tokens=True), causes(report, words, tokens=False), brief(report, words)]
    brief_only = print_fitting(console, tables) == len(tables) - 1
    print_wrapped(console, Text(words.translate(BRIEF_LEGEND if brief_only else LEGEND), "dim"))
    print_lines(console)
    for role in report.roles:
        print_wrapped(console, verdict(report, role, words), indent=2)
    if report.lengths[1] == 1:
        few = words.say("where a head looks shows in two tokens and more; all have one")
        print_wrapped(console, Text(few))
        return
    no_patterns = all(set(head.patterns) <= {"uniform"} for head in report.heads)
    if not report.roles and not no_patterns:
        none = words.say("no head has a role that can be told clearly from chance")
        print_wrapped(console, Text(none))
    for order in report.orders:
        print_order(console, order, words)
    if no_patterns:
        print_wrapped(console, Text(words.translate(NO_PATTERNS)))
        return
    for _, heads in groupby(report.heads, key=lambda head: (head.loop, head.layer)):
        print_patterns(console, list(heads), words)
    print_wrapped(console, Text(words.translate(PATTERNS_LEGEND), "dim"))


def print_asked(console: Console, report: HeadsReport, words: Language) -> None:
    """Print what the model was asked, and how the whole of it answers."""
    low, high = report.lengths
    asked = words.say(
        "{count} held-out sequences of {task}, lengths {low} to {high}"
        if report.held_out
        else "{count} sequences from a file of {task}, lengths {low} to {high}",
        count=report.score.samples,
        task=report.task,
        low=low,
        high=high,
    )
    print_wrapped(console, Text(f"{report.run}: {asked}", "bold"))
    whole = words.say(
        "the whole model: exact match {exact}, token accuracy {tokens}",
        exact=share(report.score.exact_match),
        tokens=share(report.score.token_accuracy),
    )
    print_wrapped(console, Text(whole))


def print_order(console: Console, order: OrderReport, words: Language) -> None:
    """Print how a head ranks symbols."""
    shown = " < ".join(showable(console, symbol) for symbol in order.symbols)
    place = name_place(order.loop, order.layer, words)
    title = words.say("{layer} head {head} ranks ", layer=place, head=order.head)
    equal = words.say(", equal ones {ties}", ties=words.translate(order.ties))
    text = Text.assemble((title, "bold"), shown or words.say("all symbols alike"), equal)
    print_wrapped(console, text, indent=2)


def causes(report: HeadsReport, words: Language, tokens: bool) -> Table:
    """Return a row a head, then one for each attention and feed-forward; with or without token accuracies."""
    table = plain_table()
    for heading in ("layer", "head", "role", "weight", "chance", "entropy", "content"):
        table.add_column(
            words.translate(heading), justify="left" if heading == "role" else "right", no_wrap=True
        )
    for heading in ("zeroed", "(tokens)", "mean", "(tokens)") if tokens else ("zeroed", "mean"):
        table.add_column(words.translate(heading), justify="right", no_wrap=True)
    for head in report.heads:
        table.add_row(
            *facts(head, words),
            *scores(report, head.zeroed, tokens),
            *scores(report, head.mean_ablated, tokens),
        )
    for part in report.sublayers:
        table.add_row(
            number_layer(part.loop, part.layer),
            "",
            words.say("({part})", part=words.translate(part.part)),
            *[""] * 4,
            *scores(report, part.removed, tokens),
        )
    return table


def brief(report: HeadsReport, words: Language) -> Table:
    """Return the form that fits the narrowest terminal."""
    table = plain_table()
    for heading in ("layer", "head", "role", "zeroed"):
        justify: Literal["left", "right"] = "left" if heading == "role" else "right"
        table.add_column(words.translate(heading), justify=justify, overflow="fold")
    for head in report.heads:
        table.add_row(
            number_layer(head.loop, head.layer),
            str(head.head),
            role_of(head, words),
            *scores(report, head.zeroed, tokens=False),
        )
    for part in report.sublayers:
        where = number_layer(part.loop, part.layer)
        table.add_row(
            where,
            "",
            words.say("({part})", part=words.translate(part.part)),
            *scores(report, part.removed, tokens=False),
        )
    return table


def facts(head: HeadReport, words: Language) -> list[str]:
    """Return the cells on what a head looks at."""
    entropy = f"{head.entropy / head.entropy_uniform:.2f}" if head.entropy_uniform else "-"
    best = head.patterns.get(head.roles[0]) if head.roles else None
    numbers = [f"{best.weight:.2f}", f"{best.chance:.2f}"] if best else ["", ""]
    content = "-" if head.shares.content is None else f"{head.shares.content:.2f}"
    return [
        number_layer(head.loop, head.layer),
        str(head.head),
        role_of(head, words),
        *numbers,
        entropy,
        content,
    ]


def role_of(head: HeadReport, words: Language) -> str:
    """Return the clearest roles of a head; a dash if it has none."""
    return words.say(", ").join(map(words.translate, head.roles[:SHOWN_ROLES])) or "-"


def scores(report: HeadsReport, score: Score, tokens: bool) -> list[Text | str]:
    """Exact match, coloured by how far it falls, and token accuracy."""
    fall = report.score.exact_match - score.exact_match
    style = "red" if fall > 0.5 else "yellow" if fall > 0.05 else ""
    return [Text(share(score.exact_match), style), *[share(score.token_accuracy)] * tokens]


def verdict(report: HeadsReport, role: RoleReport, words: Language) -> Text:
    """Whether the heads of a role matter, all together: by the figure that falls most."""
    whole, zeroed = report.score, role.zeroed
    figures = [
        ("exact match", whole.exact_match, zeroed.exact_match),
        ("token accuracy", whole.token_accuracy, zeroed.token_accuracy),
    ]
    name, before, after = max(figures, key=lambda figure: figure[1] - figure[2])
    values = {
        "figure": words.translate(name),
        "before": share(before),
        "after": share(after),
        "loss": f"{zeroed.loss:.2f}",
        "whole": f"{whole.loss:.2f}",
    }
    title = " = ".join(map(words.translate, role.roles))
    said = words.say(VERDICTS[len(role.heads) == 1, role.matters], **values)
    heads = words.say(" ({heads}): ", heads=name_heads(role.heads, words))
    return Text.assemble((title, "bold"), heads, said)


def name_heads(heads: Sequence[tuple[int | None, int, int]], words: Language) -> str:
    """`layer 0 heads 1, 2; layer 1 head 0`."""
    by_layer: dict[str, list[str]] = {}
    for loop, layer, head in heads:
        by_layer.setdefault(name_place(loop, layer, words), []).append(str(head))
    return words.say("; ").join(
        words.say(
            "{layer} heads {numbers}" if len(numbers) > 1 else "{layer} head {numbers}",
            layer=layer,
            numbers=words.say(", ").join(numbers),
        )
        for layer, numbers in by_layer.items()
    )


def name_place(loop: int | None, layer: int, words: Language) -> str:
    """`layer 0`, or `loop 1 layer 0` of a model that has loops."""
    if loop is None:
        return words.say("layer {number}", number=layer)
    return words.say("loop {loop} layer {layer}", loop=loop, layer=layer)


def print_patterns(console: Console, heads: Sequence[HeadReport], words: Language) -> None:
    """How much of the weight of a layer's heads lies on each pattern; clear ones carry a star."""
    per_block = max(1, (console.width - PATTERN - NUMBER) // (NUMBER + 1))
    for first in range(0, len(heads), per_block):
        block = heads[first : first + per_block]
        print_lines(console)
        place = name_place(block[0].loop, block[0].layer, words)
        print_wrapped(console, Text(words.say("{layer}: share of each head's weight", layer=place), "bold"))
        table = plain_table()
        table.add_column(words.say("on"), no_wrap=True)
        numbered = [words.say("head {number}", number=head.head) for head in block]
        for heading in (words.say("chance"), *numbered):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, found in block[0].patterns.items():
            cells = [
                f"{head.patterns[name].weight:.2f}{'*' if name in head.roles else ' '}" for head in block
            ]
            table.add_row(words.translate(name), f"{found.chance:.2f}", *cells)
        print_block(console, table)

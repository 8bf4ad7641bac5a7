"""The forward pass on a terminal: what each stage is, its formula, and as many of its numbers as fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tfcli.records.inspection import StageRecord, TraceRecord
from tfcli.records.results import judge
from tfcli.render.shares import name_shares
from tfcli.render.terminal import pad_or_cut, print_lines, print_wrapped, showable

INDENT = 3
ROWS = 8  # of an excerpt
MANY_SYMBOLS, HIGHEST = 256, 8  # of more than so many, so many are shown
PLURALS = {"query": "queries"}


def print_trace(console: Console, record: TraceRecord, *, full: bool, one_row: bool = False) -> None:
    """Every stage, in order; the numbers in excerpts, or `full`; `one_row` if one position was chosen."""
    print_outcome(console, record)
    for stage in record.stages:
        print_lines(console)
        print_stage(console, record, stage, full, one_row)
    print_lines(console)
    read_off = (
        " Read off here: what comes out if the last norm and the unembedding are applied at once, without "
        "what is still to come."
    )
    is_read = any(stage.answer is not None and stage.name != "logits" for stage in record.stages)
    print_wrapped(console, Text(explain_check(record) + read_off * is_read))


def print_summary(console: Console, record: TraceRecord) -> None:
    """Print a line for each stage: number, name, place, size and formula, as far as they fit."""
    print_outcome(console, record)
    print_lines(console)
    names = [f"{stage.number}. {stage.name}" for stage in record.stages]
    sizes = [", ".join([*where(stage), " x ".join(map(str, stage.shape))]) for stage in record.stages]
    name_width, size_width = max(map(len, names)), max(map(len, sizes))
    for stage, name, size in zip(record.stages, names, sizes, strict=True):
        style = "cyan" if stage.agrees else "bold red"
        line = Text.assemble((name.ljust(name_width), style), f"  {size.ljust(size_width)}  {stage.formula}")
        line.truncate(console.width)
        print_lines(console, line)
    print_lines(console)
    print_wrapped(console, Text(explain_check(record)))


def print_outcome(console: Console, record: TraceRecord) -> None:
    """Print what was read and answered, and whether that is right."""
    right = judge(record.prediction, record.target)
    verdict = ", the answer is right" if right else ""
    if right is False:
        verdict = f", the answer is wrong, right is {' '.join(symbol or '.' for symbol in record.target)}"
    line = f"{record.run}: {record.text} -> {' '.join(record.prediction)}{verdict}"
    print_wrapped(console, Text(showable(console, line), "bold"))


def explain_check(record: TraceRecord) -> str:
    """Return how the stages were checked, and how far they were off."""
    verdict = "agrees with what" if record.agrees else "is held against what"
    return (
        f"Each stage was computed again from the ones before it, in double precision, and {verdict} "
        f"the model computed: the largest difference is {record.deviation:.0e}."
    )


def where(stage: StageRecord) -> list[str]:
    """Return the loop, the layer and the head of a stage, as far as it has them."""
    found = (("loop", stage.loop), ("layer", stage.layer), ("head", stage.head))
    return [f"{name} {value}" for name, value in found if value is not None]


def print_stage(console: Console, record: TraceRecord, stage: StageRecord, full: bool, one_row: bool) -> None:
    """Title, explanation, formula, numbers, and what they say."""
    size = " x ".join(f"{n} {plural(axis, n)}" for n, axis in zip(stage.shape, stage.axes, strict=True))
    title = Text.assemble(
        (f"{stage.number}. {stage.name}", "bold cyan"), f"  {', '.join([*where(stage), size])}"
    )
    print_wrapped(console, title, indent=INDENT)
    print_indented(console, Text(stage.explanation))
    print_indented(console, Text(stage.formula, "italic"))
    print_numbers(console, record, stage, full, one_row)
    if not stage.agrees:
        off = f"computed again, it differs by {stage.deviation:.0e}, more than rounding explains"
        print_indented(console, Text(f"warning: {off}", "bold red"))
    if stage.shares is not None:
        print_indented(console, Text(name_shares(stage.shares), "green"))
    for fact in stage.facts:
        print_indented(console, Text(fact, "green"))
    if stage.answer is not None:
        said = showable(console, " ".join(stage.answer))
        here = "the answer" if stage.name == "logits" else "read off here, the answer would be"
        print_indented(console, Text.assemble((f"{here}: ", "dim"), said))


def plural(noun: str, count: int) -> str:
    """`noun`, or many of it."""
    return noun if count == 1 else PLURALS.get(noun, f"{noun}s")


def print_indented(console: Console, text: Text) -> None:
    """Text below a title."""
    for line in text.wrap(console, max(10, console.width - INDENT)):
        print_lines(console, Text(" " * INDENT).append_text(line))


def print_numbers(
    console: Console, record: TraceRecord, stage: StageRecord, full: bool, one_row: bool
) -> None:
    """Print the values with two decimals; columns that don't fit follow below if `full`, else are counted."""
    shown = stage.rows if full else stage.rows[:ROWS]
    of_channels = stage.axes[0] == "channel"
    tokens = [str(row) if of_channels else showable(console, record.tokens[row]) for row in shown]
    label = min(max(map(cell_len, tokens)), max(1, console.width // 4))
    values = stage.values[: len(shown)]
    chosen = choose_columns(stage, values, full)
    texts = [["-" if row[i] is None else f"{row[i]:.2f}" for i in chosen] for row in values]
    heads = column_heads(console, record, stage, chosen)
    highest = len(heads) < stage.shape[1]
    cell = 1 + max(max(map(len, row)) for row in texts)
    cell = max(cell, *(cell_len(head) + 1 for head in heads)) if stage.axes[1] != "channel" else cell
    per_block = max(1, (console.width - INDENT - label) // cell)
    whole = full or (len(shown) == 1 and stage.axes[1] != "channel" and not highest)
    for first in range(0, len(heads) if whole else 1, per_block):
        part = slice(first, first + per_block)
        above = "".join(" " * (cell - cell_len(head)) + head for head in heads[part])
        print_lines(console, Text(" " * (INDENT + label) + above, "dim"))
        for token, row in zip(tokens, texts, strict=True):
            cells = "".join(text.rjust(cell) for text in row[part])
            print_lines(console, " " * INDENT + pad_or_cut(token, label) + cells)
    left_out = []
    if highest:
        count = min(per_block, len(heads))
        left_out.append(f"{count} of {stage.shape[1]} {plural(stage.axes[1], len(heads))}, the highest")
    elif len(heads) > per_block and not whole:
        left_out.append(f"{per_block} of {len(heads)} {plural(stage.axes[1], len(heads))}")
    if len(shown) < len(stage.rows):
        left_out.append(f"{len(shown)} of {len(stage.rows)} {plural(stage.axes[0], len(stage.rows))}")
    if left_out:
        less = "" if one_row or of_channels else ", --position one row"
        print_indented(console, Text(f"shown: {', '.join(left_out)}; --full shows all{less}", "dim"))


def choose_columns(stage: StageRecord, values: Sequence[Sequence[float | None]], full: bool) -> Sequence[int]:
    """Return the columns of an excerpt: of many symbols those with the highest logits, else all."""
    columns = range(stage.shape[1])
    if full or stage.axes[1] != "symbol" or len(columns) <= MANY_SYMBOLS:
        return columns
    highest = [max(row[i] or 0.0 for row in values) for i in columns]
    return sorted(columns, key=lambda i: -highest[i])[:HIGHEST]


def column_heads(
    console: Console, record: TraceRecord, stage: StageRecord, chosen: Sequence[int]
) -> list[str]:
    """Return the headings of the chosen columns: the keys, the symbols, or the numbers of the channels."""
    names = {"key": record.tokens, "symbol": record.symbols}.get(stage.axes[1])
    return [showable(console, str(i) if names is None else names[i]) for i in chosen]

"""The forward pass on a terminal: what each stage is, its formula, and as many of its numbers as fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tfcli.records.inspection import StageRecord, TraceRecord
from tfcli.records.results import judge
from tfcli.render.shares import name_shares
from tfcli.render.terminal import pad_or_cut, print_lines, print_wrapped, showable, wrap_text
from tfcli.texts import ENGLISH, Language

INDENT = 3
ROWS = 8  # of an excerpt
MANY_SYMBOLS, HIGHEST = 256, 8  # of more than so many, so many are shown
PLURALS = {"query": "queries"}


def print_trace(
    console: Console, record: TraceRecord, words: Language = ENGLISH, *, full: bool, one_row: bool = False
) -> None:
    """Every stage, in order; the numbers in excerpts, or `full`; `one_row` if one position was chosen."""
    print_outcome(console, record, words)
    for stage in record.stages:
        print_lines(console)
        print_stage(console, record, stage, full, one_row, words)
    print_lines(console)
    is_read = any(stage.answer is not None and stage.name != "logits" for stage in record.stages)
    read_off = words.say(
        " Read off here: what comes out if the last norm and the unembedding are applied at once, without "
        "what is still to come."
    )
    print_wrapped(console, Text(explain_check(record, words) + read_off * is_read))


def print_summary(console: Console, record: TraceRecord, words: Language = ENGLISH) -> None:
    """Print a line for each stage: number, name, place, size and formula, as far as they fit."""
    print_outcome(console, record, words)
    print_lines(console)
    names = [f"{stage.number}. {words.translate(stage.name)}" for stage in record.stages]
    separator = words.say(", ")
    sizes = [
        separator.join([*where(stage, words), " x ".join(map(str, stage.shape))]) for stage in record.stages
    ]
    name_width, size_width = max(map(cell_len, names)), max(map(cell_len, sizes))
    for stage, name, size in zip(record.stages, names, sizes, strict=True):
        style = "cyan" if stage.agrees else "bold red"
        line = Text.assemble(
            (pad_or_cut(name, name_width), style), f"  {pad_or_cut(size, size_width)}  {stage.formula}"
        )
        line.truncate(console.width)
        print_lines(console, line)
    print_lines(console)
    print_wrapped(console, Text(explain_check(record, words)))


def translate_trace(record: TraceRecord, words: Language) -> TraceRecord:
    """Return a trace whose sentences are in another language; names stay, for programs to go by."""
    stages = [
        replace(
            stage,
            explanation=words.translate(stage.explanation),
            facts=[words.translate(fact) for fact in stage.facts],
        )
        for stage in record.stages
    ]
    return replace(record, stages=stages)


def print_outcome(console: Console, record: TraceRecord, words: Language) -> None:
    """Print what was read and answered, and whether that is right."""
    right = judge(record.prediction, record.target)
    verdict = words.say(", the answer is right") if right else ""
    if right is False:
        answer = " ".join(symbol or "." for symbol in record.target)
        verdict = words.say(", the answer is wrong, right is {answer}", answer=answer)
    line = f"{record.run}: {record.text} -> {' '.join(record.prediction)}{verdict}"
    print_wrapped(console, Text(showable(console, line), "bold"))


def explain_check(record: TraceRecord, words: Language) -> str:
    """Return how the stages were checked, and how far they were off."""
    deviation = f"{record.deviation:.0e}"
    if record.agrees:
        return words.say(
            "Each stage was computed again from the ones before it, in double precision, and agrees with "
            "what the model computed: the largest difference is {deviation}.",
            deviation=deviation,
        )
    return words.say(
        "Each stage was computed again from the ones before it, in double precision, and is held against "
        "what the model computed: the largest difference is {deviation}.",
        deviation=deviation,
    )


def where(stage: StageRecord, words: Language) -> list[str]:
    """Return the loop, the layer and the head of a stage, as far as it has them."""
    found = [
        ("loop {number}", stage.loop),
        ("layer {number}", stage.layer),
        ("head {number}", stage.head),
    ]
    return [words.say(text, number=number) for text, number in found if number is not None]


def print_stage(
    console: Console, record: TraceRecord, stage: StageRecord, full: bool, one_row: bool, words: Language
) -> None:
    """Title, explanation, formula, numbers, and what they say."""
    size = " x ".join(name_count(axis, n, words) for n, axis in zip(stage.shape, stage.axes, strict=True))
    title = Text.assemble(
        (f"{stage.number}. {words.translate(stage.name)}", "bold cyan"),
        f"  {words.say(', ').join([*where(stage, words), size])}",
    )
    print_wrapped(console, title, indent=INDENT)
    print_indented(console, Text(words.translate(stage.explanation)))
    print_indented(console, Text(stage.formula, "italic"))
    print_numbers(console, record, stage, full, one_row, words)
    if not stage.agrees:
        off = words.say(
            "warning: computed again, it differs by {deviation}, more than rounding explains",
            deviation=f"{stage.deviation:.0e}",
        )
        print_indented(console, Text(off, "bold red"))
    if stage.shares is not None:
        print_indented(console, Text(name_shares(stage.shares, words), "green"))
    for fact in stage.facts:
        print_indented(console, Text(words.translate(fact), "green"))
    if stage.answer is not None:
        said = showable(console, " ".join(stage.answer))
        is_last = stage.name == "logits"
        here = words.say("the answer: " if is_last else "read off here, the answer would be: ")
        print_indented(console, Text.assemble((here, "dim"), said))


def name_count(noun: str, count: int, words: Language) -> str:
    """`1 query`, `3 queries`."""
    return words.say(f"{{count}} {noun if count == 1 else PLURALS.get(noun, f'{noun}s')}", count=count)


def print_indented(console: Console, text: Text) -> None:
    """Text below a title."""
    for line in wrap_text(console, text, max(10, console.width - INDENT)):
        print_lines(console, Text(" " * INDENT).append_text(line))


def print_numbers(
    console: Console, record: TraceRecord, stage: StageRecord, full: bool, one_row: bool, words: Language
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
    rows = name_count(stage.axes[0], len(stage.rows), words)
    columns = name_count(stage.axes[1], stage.shape[1], words)
    left_out = []
    if highest:
        left_out.append(
            words.say("{shown} of {all}, the highest", shown=min(per_block, len(heads)), all=columns)
        )
    elif len(heads) > per_block and not whole:
        left_out.append(words.say("{shown} of {all}", shown=per_block, all=columns))
    if len(shown) < len(stage.rows):
        left_out.append(words.say("{shown} of {all}", shown=len(shown), all=rows))
    if left_out:
        text = words.say(
            "shown: {part}; --full shows all"
            if one_row or of_channels
            else "shown: {part}; --full shows all, --position one row",
            part=words.say(", ").join(left_out),
        )
        print_indented(console, Text(text, "dim"))


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

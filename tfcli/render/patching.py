"""Activation patching on a terminal: a row a part, with how much of the clean answer it brings back."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfcli.records.inspection import Patched, PatchRecord, name_layer
from tfcli.render.tables import plain_table, print_fitting
from tfcli.render.terminal import can_show, print_lines, print_wrapped, showable

BAR = 12  # columns of a full bar


def print_patching(console: Console, record: PatchRecord) -> None:
    """Both runs, then what each part of the clean one restores in the corrupt one."""
    what = "the corrupt run, with one part at a time from the clean run"
    print_wrapped(console, Text(f"{record.run}: {what}", "bold"))
    for name, answer in (("clean", record.clean), ("corrupt", record.corrupt)):
        wrong = "" if answer.correct is not False else f" (right is {' '.join(answer.target)})"
        line = f"{name:<8} {answer.text} -> {' '.join(answer.prediction)}{wrong}"
        print_wrapped(console, Text(showable(console, line)), indent=9)
    print_lines(console)
    print_fitting(console, [table(console, record, wide) for wide in (True, False)])
    where = f"position{'s' * (len(record.positions) > 1)} {', '.join(map(str, record.positions))}"
    low, high = record.difference
    legend = (
        f"restored: the logit of the clean answer less that of the corrupt one, at {where} of the answer, "
        f"counted from 0; 0 is the corrupt run ({low:.2f}), 1 the clean run ({high:.2f}). In brackets: "
        "controls, from which all else follows. Parts needn't add up: what comes after them isn't linear"
    )
    print_wrapped(console, Text(legend, "dim"))


def table(console: Console, record: PatchRecord, wide: bool) -> Table:
    """Return a row a part; in the wide form with a bar and the answer."""
    made = plain_table()
    made.add_column("part", no_wrap=True)
    made.add_column("restored", justify="right", no_wrap=True)
    for heading in ("", "answer") if wide else ():
        made.add_column(heading, no_wrap=True)
    full, empty = "█░" if can_show(console, "█░") else "#."
    for patch in record.patches:
        filled = round(min(max(patch.restored, 0.0), 1.0) * BAR)
        style = "green" if patch.restored >= 0.5 else ""
        bar = Text(full * filled + empty * (BAR - filled), style)
        said = Text(showable(console, " ".join(patch.prediction)))
        made.add_row(name_of(patch), Text(f"{patch.restored:.2f}", style), *[bar, said][: 2 * wide])
    return made


def name_of(patch: Patched) -> str:
    """`layer 0 head 1`, `layer 0 attention`; in brackets what restores everything by construction."""
    if patch.layer is None:
        return f"({patch.part})"
    return (
        f"{name_layer(patch.loop, patch.layer)} {patch.part}{'' if patch.head is None else f' {patch.head}'}"
    )

"""What the terminal can show: its width, its characters."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from tfcli.records.doctor import Problem, Stream, Terminal
from tfcli.render.untrusted import escape_controls

OPENING, CLOSING = "（“‘《【", "，。；：、？！）”’》】"
WIDE = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60"  # written without spaces
CHINESE_PROSE = re.compile(f"[{CLOSING}]")
UNBREAKABLE = re.compile(
    rf"\s*(?P<what>[{OPENING}]*(?:[{WIDE}]|[^\s{WIDE}{OPENING}{CLOSING}]+)?[{CLOSING}]*)"
)


class SafeConsole(Console):
    """A console that shows control characters instead of obeying them."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape_controls(segment.text))

    def on_broken_pipe(self) -> None:
        """Whoever reads has seen enough: leave it to the caller what that means."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads the output")

    def out(self, *objects: Any, **options: Any) -> None:
        super().out(*(escape_controls(str(text)) for text in objects), **options)


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that prints what it is given. It honours NO_COLOR, FORCE_COLOR and a sane COLUMNS."""
    environment = dict(os.environ)
    if not re.fullmatch("[1-9][0-9]{0,3}", environment.get("COLUMNS", "80")):
        del environment["COLUMNS"]
    return SafeConsole(stderr=stderr, markup=False, highlight=False, emoji=False, _environ=environment)


def is_live(console: Console) -> bool:
    """Whether what is printed can be drawn over: a console that colour is forced on may be a file."""
    return console.is_terminal and console.file.isatty()


def describe_terminal() -> Terminal:
    """Return what stdout and stderr are, and what can be printed on them."""
    console, stderr = make_console(), make_console(stderr=True)
    streams = {"stdout": describe_stream(console), "stderr": describe_stream(stderr)}
    problems = [
        Problem(
            f"{name} takes {stream.encoding}, not UTF-8, and shows other characters as escapes: "
            "set PYTHONIOENCODING=utf-8",
            stops_work=False,
        )
        for name, stream in streams.items()
        if not stream.encoding.startswith("utf")
    ]
    return Terminal(**streams, width=console.width, colours=console.color_system, problems=problems)


def describe_stream(console: Console) -> Stream:
    """Return where a console prints. That it is a terminal isn't taken from variables that claim so."""
    return Stream(console.file.isatty(), console.encoding.lower())


def print_lines(console: Console, text: Text | str = "") -> None:
    """Print lines that already fit: nothing is wrapped, cut or padded, and no spaces trail."""
    if isinstance(text, str):
        console.out(text.rstrip(), highlight=False)
    else:
        text.rstrip()
        console.print(text, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)


def wrap_text(console: Console, text: Text, width: int) -> list[Text]:
    """Return text in lines of that width: at spaces, and Chinese prose between any two characters.

    No line of it begins with a mark that closes something, or ends with one that opens it.
    """
    if not CHINESE_PROSE.search(text.plain):
        return list(text.wrap(console, width, overflow="fold"))
    breaks, used = [], 0
    for match in UNBREAKABLE.finditer(text.plain):
        taken = cell_len(match[0])
        if used and match["what"] and used + taken > width:
            breaks.append(match.start("what"))
            used = 0
            taken = cell_len(match["what"])
        used += taken
    lines = text.divide(breaks)
    for line in lines:
        line.rstrip()
    return [part for line in lines for part in line.wrap(console, width, overflow="fold")]


def print_wrapped(console: Console, text: Text, indent: int = 0) -> None:
    """Text in as many lines as it takes, the later ones indented; a long word is folded, never cut."""
    if text.cell_len <= console.width:
        print_lines(console, text)
        return
    first, *rest = wrap_text(console, text, console.width)
    print_lines(console, first)
    if rest:
        remaining = text[text.plain.index(rest[0].plain, len(first.plain.rstrip())) :]
        for line in wrap_text(console, remaining, max(1, console.width - indent)):
            print_lines(console, Text(" " * indent).append_text(line))


def print_message(console: Console, message: str) -> None:
    """Print a message, wrapped at words on a terminal; elsewhere a line, for programs to read."""
    if console.is_terminal:
        print_wrapped(console, Text(message))
    else:
        print_lines(console, message)


def print_block(console: Console, block: RenderableType) -> None:
    """Print a table or the like without the spaces that pad its lines."""
    for segments in console.render_lines(block, pad=False):
        line = Text.assemble(*((segment.text, segment.style or "") for segment in segments))
        print_lines(console, line)


def can_show(console: Console, characters: str) -> bool:
    """Whether the console's encoding has all of `characters`."""
    try:
        characters.encode(console.encoding)
    except UnicodeEncodeError:
        return False
    return True


def showable(console: Console, text: str) -> str:
    """`text` with what the console's encoding lacks written as escapes, such as \\u6211."""
    return text.encode(console.encoding, "backslashreplace").decode(console.encoding)


def pad_or_cut(text: str, width: int) -> str:
    """`text` padded to `width` columns; one that is too wide is cut, which a ~ marks."""
    return (
        text + " " * (width - cell_len(text))
        if cell_len(text) <= width
        else set_cell_size(text, width - 1) + "~"
    )


def sparkline(console: Console, values: list[float], width: int) -> str:
    """Return the last `width` of some fractions 0-1 as a line of bars."""
    bars = "▁▂▃▄▅▆▇█" if can_show(console, "▁▂▃▄▅▆▇█") else "_.-~=+*#"
    return "".join(bars[min(int(value * len(bars)), len(bars) - 1)] for value in values[-width:])

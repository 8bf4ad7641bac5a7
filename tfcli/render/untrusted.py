"""Text that others wrote: task names, symbols, file names, comments. On its way out it may change nothing.

What would move the cursor, colour what follows, turn the direction of text or begin another line is written
as an escape that JSON and YAML know, too: `\\u001b`.
"""

from __future__ import annotations

import html
import re

# C0 but for tab and newline, delete and C1; marks, embeddings and isolates of direction; ends of lines.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def escape_controls(text: str) -> str:
    """Return a text with its control characters as escapes."""
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escape_markup(text: str) -> str:
    """Return a text as it stands in XML or HTML."""
    return html.escape(escape_controls(text))


def escape_formula(text: str) -> str:
    """Return a text as a cell of CSV that no spreadsheet takes for a formula."""
    escaped = escape_controls(text)
    is_formula = len(escaped) > 1 and escaped[0] in "=+-@\t" and not re.fullmatch(r"[+-][\d.]+", escaped)
    return f"'{escaped}" if is_formula else escaped

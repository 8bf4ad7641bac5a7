"""HTML pages that need nothing but a browser, each put together into one file from pieces in `web/`.

`web/shell/` is what all pages share: colours and themes, the header, keys, the unpacking of data. Each page
has a folder beside it: `main.html`; `controls.html`, which stands in the header; `keys.html`, the rows of its
list of keys; any number of styles and scripts. Its scripts are joined by name, after those of the shell, and
only declare: `shell/open.js` says what it must have.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfcli.render.untrusted import escape_markup

WEB = Path(__file__).with_name("web")
UNITS = 65535  # of a weight of 1
LARGEST, GAP = 32767, -32768  # units of the largest score; what stands for none
# None of these stands outside strings in JSON, so that escapes may take their place.
SPECIAL = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def assemble(
    folder: str, title: str, data: object, *, lang: str = "en", words: Mapping[str, str] | None = None
) -> str:
    """Return the page of a folder of `web/` as one HTML document. It makes no request and works offline.

    Args:
        folder: that has its pieces.
        title: as plain text.
        data: what its scripts find in the constant `data`; anything that JSON can hold.
        lang: what language it is in, as HTML says it.
        words: the shell's texts in that language, by the English ones.
    """
    shell, own = WEB / "shell", WEB / folder
    parts = {
        "lang": lang,
        "title": escape_markup(title).encode("ascii", "xmlcharrefreplace").decode(),
        "data": script_json(data),
        "words": script_json(words or {}),
        "styles": join_pieces([shell, own], "*.css"),
        "scripts": join_pieces([shell, own], "*.js"),
        **{name: read_piece(own / f"{name}.html") for name in ("controls", "main", "keys")},
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], read_piece(shell / "shell.html"))


def join_pieces(folders: Sequence[Path], pattern: str) -> str:
    """Return all pieces of a kind, folder by folder and by name."""
    return "\n\n".join(read_piece(path) for folder in folders for path in sorted(folder.glob(pattern)))


def read_pieces(folder: str) -> str:
    """Return all that a page is made of, with what is of the shell."""
    return "\n".join(
        read_piece(path) for own in (WEB / "shell", WEB / folder) for path in sorted(own.iterdir())
    )


def read_piece(path: Path) -> str:
    """Return a piece without the newline at its end."""
    return path.read_text(encoding="utf-8").rstrip("\n")


def script_json(data: object) -> str:
    """JSON in ASCII that no HTML parser finds the end of a script, a comment or an entity in."""
    return re.sub("[<>&]", lambda match: SPECIAL[match[0]], json.dumps(data, separators=(",", ":")))


def pack_weights(weights: Sequence[Sequence[float]]) -> str:
    """Return numbers 0-1 as base64 of little-endian uint16 in units of 1/65535, row after row.

    That is 2.7 bytes a number, in which it is off by less than 0.00001.
    """
    units = array("H")
    for row in weights:  # a whole map of Python's integers takes much more memory than the page
        units.extend([int(weight * UNITS + 0.5) for weight in row])
    return encode_units(units)


def pack_scores(scores: Sequence[Sequence[float | None]]) -> dict[str, object]:
    """Return numbers of any sign as base64 of little-endian int16 and their unit; None where there is none.

    A number is off by less than 1/65000 of the largest, which is 32767 units.
    """
    largest = max((abs(score) for row in scores for score in row if score is not None), default=0.0)
    unit = largest / LARGEST
    units = array("h")
    for row in scores:
        units.extend([GAP if score is None else round(score / (unit or 1.0)) for score in row])
    return {"unit": unit, "numbers": encode_units(units)}


def encode_units(units: array[int]) -> str:
    """Return whole numbers of two bytes as base64, the lower byte first."""
    if sys.byteorder == "big":
        units.byteswap()
    return base64.b64encode(units.tobytes()).decode()

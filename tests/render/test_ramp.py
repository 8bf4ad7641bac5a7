"""The colours of weights on a terminal: the larger a weight, the lighter what is printed, on any terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from tests.render.records import record
from tfcli.records.inspection import HeadRecord, LayerRecord
from tfcli.render.attention import print_attention

Rgb = tuple[int, int, int]
WEIGHTS = [i / 20 for i in range(21)]
CUBE = (0, 95, 135, 175, 215, 255)  # the steps of the 256 colours
NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
# black, blue, cyan, white, bright cyan and bright white of well-known themes
THEMES = {
    "vga": ("000000", "0000aa", "00aaaa", "aaaaaa", "55ffff", "ffffff"),
    "xterm": ("000000", "0000ee", "00cdcd", "e5e5e5", "00ffff", "ffffff"),
    "campbell": ("0c0c0c", "0037da", "3a96dd", "cccccc", "61d6d6", "f2f2f2"),
    "tango": ("2e3436", "3465a4", "06989a", "d3d7cf", "34e2e2", "eeeeec"),
    "solarized": ("073642", "268bd2", "2aa198", "eee8d5", "93a1a1", "fdf6e3"),
}
OF_THEME = {30: 0, 34: 1, 36: 2, 37: 3, 96: 4, 97: 5}  # SGR codes of letters; backgrounds are 10 more


def printed_styles(system: str) -> list[list[int]]:
    """The SGR codes of each of WEIGHTS, as they are printed in one row."""
    thing = record([str(i) for i in range(21)], 21, 1, 1)
    rows = [WEIGHTS for _ in WEIGHTS]
    thing = replace(thing, layers=[LayerRecord(0, [HeadRecord(0, rows)])])
    stream = io.StringIO()
    console = Console(file=stream, width=200, force_terminal=True, color_system=system)  # type: ignore[arg-type]
    print_attention(console, thing)
    last = stream.getvalue().splitlines()[-1]
    found = re.findall(r"\x1b\[([\d;]+)m(\d\.\d\d)", last)
    assert [number for _, number in found] == [f"{weight:.2f}" for weight in WEIGHTS]
    return [[int(code) for code in codes.split(";")] for codes, _ in found]


def lightness(rgb: Rgb) -> float:
    """L* of CIELAB, 0 to 100, of an sRGB colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def of_256(number: int) -> Rgb:
    assert number >= 16  # the first 16 depend on the theme
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    number -= 16
    return CUBE[number // 36], CUBE[number // 6 % 6], CUBE[number % 6]


def read_24_bit(codes: list[int], ground: int) -> Rgb:
    at = codes.index(ground)
    assert codes[at + 1] == 2
    red, green, blue = codes[at + 2 : at + 5]
    return red, green, blue


def read_256(codes: list[int], ground: int) -> Rgb:
    at = codes.index(ground)
    assert codes[at + 1] == 5
    return of_256(codes[at + 2])


def read_16(theme: str) -> Callable[[list[int], int], Rgb]:
    def read(codes: list[int], ground: int) -> Rgb:
        [code] = [code - (ground - 38) for code in codes if code - (ground - 38) in OF_THEME]
        text = THEMES[theme][OF_THEME[code]]
        return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)

    return read


SYSTEMS = {
    "truecolor": ("truecolor", read_24_bit, 21),
    "256": ("256", read_256, 10),
    **{f"16 of {theme}": ("standard", read_16(theme), 4) for theme in THEMES},
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_larger_a_weight_the_lighter_it_is(name: str) -> None:
    system, read, levels = SYSTEMS[name]
    grounds = [lightness(read(codes, 48)) for codes in printed_styles(system)]  # each has its own, also 0
    assert grounds == sorted(grounds)
    assert len(set(grounds)) == levels
    assert grounds[-1] - grounds[0] > 40


@pytest.mark.parametrize("name", SYSTEMS)
def test_numbers_are_legible_on_their_background(name: str) -> None:
    system, read, _ = SYSTEMS[name]
    for codes in printed_styles(system):
        assert abs(lightness(read(codes, 48)) - lightness(read(codes, 38))) > 35

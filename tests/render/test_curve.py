"""Curves by length: what they draw is what was measured, on a terminal and in a file."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from rich.console import Console

from tests.conftest import Cli, as_json
from tests.render.records import score
from tfcli.records.results import EvalReport, LengthScore
from tfcli.render.curve import FEWEST, HEIGHT, LEFT, ROWS, TOP, WIDTH, print_curve, render

SVG = "{http://www.w3.org/2000/svg}"


def report(lengths: range, trained: tuple[int, int] = (1, 20)) -> EvalReport:
    """Exact match falls evenly from 1 to 0 over `lengths`."""
    n = len(lengths)
    scores = [score(length, 1 - i / max(1, n - 1), length <= trained[1]) for i, length in enumerate(lengths)]
    return EvalReport("runs/<x>", "copy", trained, scores)


def drawn(scores: list[LengthScore], width: int, encoding: str = "utf-8") -> list[str]:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding)
    print_curve(Console(file=stream, width=width, color_system=None), scores)
    stream.flush()
    return buffer.getvalue().decode(encoding).splitlines()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("n", [6, 20, 300])
def test_a_curve_fits_and_falls(n: int, width: int, encoding: str) -> None:
    lines = drawn(report(range(1, n + 1)).lengths, width, encoding)
    assert all(len(line) <= width for line in lines)
    bars = [line[4:] for line in lines[1 : ROWS + 1]]
    filled = [len(bar.rstrip()) for bar in bars]
    assert filled == sorted(filled)  # each row reaches as far as the one above, or farther
    assert filled[0] < filled[-1]
    assert lines[ROWS + 1].split()[0] == "1"


def test_the_height_of_a_bar_is_the_score() -> None:
    lines = drawn([score(n, share) for n, share in enumerate([0.0, 0.2, 0.5, 0.6, 0.9, 1.0], 1)], 80)
    bars = [line[4:].ljust(18) for line in lines[1 : ROWS + 1]]
    full = [sum(bar[3 * i] == "█" for bar in bars) for i in range(6)]
    assert full == [0, 1, 2, 3, 4, 5]
    assert [bars[2][6], bars[0][12]] == ["▄", "▄"]  # a half above two, and above four


def test_few_lengths_have_no_curve() -> None:
    assert drawn(report(range(1, FEWEST)).lengths, 80) == []


@pytest.mark.parametrize("lengths", [range(1, 41), range(41, 501, 51), range(500, 501), range(10, 12)])
def test_a_picture_has_a_point_for_each_score(lengths: range) -> None:
    thing = report(lengths)
    picture = ElementTree.fromstring(render(thing))
    points = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in picture.iter(f"{SVG}circle")]
    assert len(points) == len(lengths)
    first, last = lengths[0] - 0.5, lengths[-1] + 0.5
    for (x, y), length, scored in zip(points, lengths, thing.lengths, strict=True):
        assert x == pytest.approx(LEFT + (length - first) / (last - first) * WIDTH, abs=0.06)
        assert y == pytest.approx(TOP + (1 - scored.exact_match) * HEIGHT, abs=0.06)
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert "runs/<x>: copy, trained on lengths 1 to 20" in texts
    shaded = next(rect for rect in picture.iter(f"{SVG}rect") if rect.get("fill") == "#eef2fb")
    assert 0 <= float(shaded.attrib["width"]) <= WIDTH
    assert (float(shaded.attrib["width"]) > 0) == (lengths[0] <= 20)


def test_eval_saves_its_curve_and_its_numbers(run_cli: Cli, tmp_path: Path) -> None:
    words = ["eval", "reverse", "--lengths", "1:8", "--samples", "20"]
    printed = run_cli(*words, "--save", str(tmp_path / "curve.svg")).stdout
    assert printed == f"{tmp_path / 'curve.svg'}: {(tmp_path / 'curve.svg').stat().st_size:,} bytes\n"
    assert (tmp_path / "curve.svg").read_text().count("<circle") == 8
    run_cli(*words, "--save", str(tmp_path / "curve.json"))
    assert json.loads((tmp_path / "curve.json").read_text()) == as_json(run_cli, *words)

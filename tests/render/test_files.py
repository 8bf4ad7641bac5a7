"""Saved maps: each format holds the record's numbers, and nothing is overwritten."""

from __future__ import annotations

import csv
import errno
import io
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.conftest import Cli
from tests.render.records import SYMBOLS, record, weights
from tfcli.records.inspection import AttentionRecord, HeadRecord, LayerRecord, View
from tfcli.render import html, svg
from tfcli.render.files import FORMATS, JSON, render

SVG = "{http://www.w3.org/2000/svg}"


def saved(thing: AttentionRecord, suffix: str) -> bytes:
    return b"".join(render(thing, [View("", thing)], Path(f"x{suffix}")))


def with_weights(symbols: Sequence[str], rows: list[list[float]]) -> AttentionRecord:
    tokens = [symbols[i % len(symbols)] for i in range(len(rows))]
    return AttentionRecord(
        "runs/x", tokens, tokens, 0, tokens, tokens, [LayerRecord(0, [HeadRecord(0, rows)])]
    )


@pytest.mark.parametrize("suffix", [*FORMATS, JSON])
@pytest.mark.parametrize("symbols", SYMBOLS)
@pytest.mark.parametrize("n", [1, 5])
def test_every_format_takes_any_symbols(suffix: str, symbols: str, n: int) -> None:
    if suffix == ".png" and symbols in ("chinese", "odd"):
        pytest.skip("a matter of the fonts that are installed")
    assert saved(record(SYMBOLS[symbols], n), suffix)


def test_csv_holds_every_weight() -> None:
    thing = record(SYMBOLS["odd"], 4)
    rows = list(csv.DictReader(io.StringIO(saved(thing, ".csv").decode())))
    assert len(rows) == 2 * 2 * 4 * 4
    for row in rows:
        head = thing.layers[int(row["layer"])].heads[int(row["head"])]
        query, key = int(row["query"]), int(row["key"])
        assert float(row["weight"]) == head.weights[query][key]
        assert (row["query_token"], row["key_token"]) == (thing.tokens[query], thing.tokens[key])


def test_csv_of_several_views_says_which_is_which() -> None:
    views = [View(label, record(SYMBOLS["digits"], 2)) for label in ("step 0", "step 9")]
    rows = list(csv.DictReader(io.StringIO(b"".join(render(None, views, Path("x.csv"))).decode())))
    assert [row["view"] for row in rows] == ["step 0"] * 16 + ["step 9"] * 16


def test_a_page_of_too_many_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_WEIGHTS", 15)
    with pytest.raises(ValueError, match="16 weights are too many for a page"):
        saved(with_weights(SYMBOLS["digits"], [[0.25] * 4] * 4), ".html")


def test_json_is_the_record() -> None:
    thing = record(SYMBOLS["chinese"], 4)
    assert json.loads(saved(thing, ".json")) == json.loads(json.dumps(asdict(thing)))


def test_markdown_has_a_table_a_head() -> None:
    thing = record(["a|b", "*c*", "<b>"], 3)
    text = saved(thing, ".md").decode()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        f"layer {layer} head {head}" for layer in (0, 1) for head in (0, 1)
    ]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| **")]
    assert len(rows) == 4 * 3
    for row, expected in zip(rows, thing.layers[0].heads[0].weights, strict=False):
        assert row[1:] == [f"{weight:.2f}" for weight in expected]
    assert not re.search(r"a\|b|\*c\*|<b>", text)


def shades(picture: bytes, n: int) -> list[list[int]]:
    """Return the shade of each cell of the first map of an SVG, 0 where there is none."""
    found = [[0] * n for _ in range(n)]
    root = ElementTree.fromstring(picture)
    colours = {svg.colour(shade): shade for shade in range(1, svg.SHADES + 1)}
    [cells] = [group for group in root.iter(f"{SVG}g") if "scale" in group.get("transform", "")][:1]
    for path in cells.iter(f"{SVG}path"):
        for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path.attrib["d"]):
            assert found[int(y)][int(x)] == 0
            found[int(y)][int(x)] = colours[path.attrib["fill"]]
    return found


@pytest.mark.parametrize("n", [1, 4, 20])
def test_an_svg_shades_each_cell_by_its_weight(n: int) -> None:
    thing = record(SYMBOLS["digits"], n)
    expected = [[round(weight * svg.SHADES) for weight in row] for row in thing.layers[0].heads[0].weights]
    assert shades(saved(thing, ".svg"), n) == expected


def test_an_svg_of_small_weights_is_scaled_to_the_largest() -> None:
    thing = with_weights(SYMBOLS["digits"], [[0.1] * 10 for _ in range(10)])
    picture = saved(thing, ".svg")
    assert shades(picture, 10) == [[svg.SHADES] * 10] * 10
    assert "0.1" in [text.text for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.parametrize("symbols", SYMBOLS)
def test_an_svg_labels_rows_and_columns(symbols: str) -> None:
    thing = record(SYMBOLS[symbols], 4)
    maps = ElementTree.fromstring(saved(thing, ".svg")).iterfind(f"{SVG}g")
    texts = [text.text for group in maps for text in group.iter(f"{SVG}text")]
    for token in thing.tokens:
        assert texts.count(svg.short(token)) == 2 * 4 * thing.tokens.count(token)
    assert "layer 1 head 1" in texts


def test_an_svg_of_too_many_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "MAX_CELLS", 15)
    uniform = [[0.25] * 4 for _ in range(4)]
    with pytest.raises(ValueError, match="more than 15 weights are too many for shapes"):
        saved(with_weights(SYMBOLS["digits"], uniform), ".svg")


def test_a_png_is_darkest_where_the_weight_is_largest(tmp_path: Path) -> None:
    n = 4
    (tmp_path / "x.png").write_bytes(saved(with_weights(SYMBOLS["digits"], weights(n, 0)), ".png"))
    picture = imread(tmp_path / "x.png")
    red = picture[:, :, 0]
    dark = (red < 0.3) & (picture[:, :, 2] > 0.6)
    columns = np.flatnonzero(dark.any(0))
    width = int(np.argmax(np.append(np.diff(columns), 2) > 1)) + 1  # the legend stands apart, to the right
    map_only = dark[:, columns[0] : columns[0] + width]
    rows = np.flatnonzero(map_only.any(1))
    block = map_only[rows[0] : rows[-1] + 1]
    for query in range(n):
        for key in range(n):
            middle = block[int((query + 0.5) * len(block) / n), int((key + 0.5) * block.shape[1] / n)]
            assert bool(middle) == (query == key)


def test_a_png_with_a_symbol_that_no_font_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no installed font has"):
        saved(record(["\U000e01ef"], 1), ".png")


@pytest.mark.parametrize("suffix", [*FORMATS, JSON])
def test_attn_saves_each_format(run_cli: Cli, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"map{suffix}"
    printed = run_cli("attn", "3 1 2", "--save", str(path)).stdout
    assert printed == f"{path}: {path.stat().st_size:,} bytes\n"
    before = path.read_bytes()
    assert "--force overwrites it" in run_cli("attn", "0 1", "--save", str(path), expect=2).stderr
    assert path.read_bytes() == before
    run_cli("attn", "0 1", "--save", str(path), "--force")
    assert path.read_bytes() != before


def test_attn_opens_the_page_in_a_browser(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", browser)
    run_cli("attn", "3 1", "--save", str(tmp_path / "x.svg"), "--open")
    assert opened == [(tmp_path / "x.svg").as_uri()]
    run_cli("attn", "3 1", "--open")
    assert opened[1].endswith(".html")
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    result = run_cli("attn", "3 1", "--open")
    [page] = re.findall(r"there is no browser to open; the page is (\S+)", result.stderr)
    assert "<html" in Path(page).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("map.gif", "the suffix says the format, one of .html .svg .png .csv .md .json"),
        ("map", "the suffix says the format"),
        ("nowhere/map.svg", "there is no folder"),
        ("a_file/map.svg", "there is no folder"),
    ],
)
def test_a_file_that_cannot_be_made_is_refused(run_cli: Cli, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "a_file").write_text("")
    result = run_cli("attn", "3 1", "--save", str(tmp_path / name), expect=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


def test_a_link_is_written_through(run_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("old")
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")
    assert "exists already" in run_cli("attn", "3 1", "--save", str(tmp_path / "link.md"), expect=2).stderr
    run_cli("attn", "3 1", "--save", str(tmp_path / "link.md"), "--force")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text().startswith("# runs/reverse")
    (tmp_path / "dangling.md").symlink_to(tmp_path / "nowhere.md")
    message = run_cli("attn", "3 1", "--save", str(tmp_path / "dangling.md"), expect=2).stderr
    assert "there is something that isn't a file" in message


def test_a_full_disk_is_no_wrong_usage(run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tfcli.runs.writing.write_atomically", full)
    result = run_cli("attn", "3 1", "--save", str(tmp_path / "x.md"), expect=1)
    assert result.stderr == f"error: --save {tmp_path / 'x.md'}: No space left on device\n"


def test_a_missing_extra_is_named(run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run_cli("attn", "3 1", "--save", str(tmp_path / "x.png"), expect=2)
    assert ".png needs matplotlib: pip install matplotlib, or save as .svg" in result.stderr

"""No text of others moves the cursor, turns the direction or breaks a file."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.conftest import SMALL, Cli, call
from tests.render.pages import record
from tfcli.records.inspection import View
from tfcli.render import csv_table, markdown, svg
from tfcli.render.untrusted import CONTROLS, escape_controls, escape_formula
from tfcli.runs import folders

EVIL = "\x1b[31m\x07\x9b5A\u202eboo\u2028error: forged\u2066\x7f"


def assert_harmless(text: str) -> None:
    assert not CONTROLS.search(text), repr(text)


def test_escapes_say_what_was_there() -> None:
    assert escape_controls("a\x1b[1mb\tc\nd\u202e我") == "a\\u001b[1mb\tc\nd\\u202e我"
    assert json.loads(f'"{escape_controls(EVIL)}"') == EVIL
    assert escape_controls(escape_controls(EVIL)) == escape_controls(EVIL)


@pytest.mark.parametrize(
    "words",
    [
        ["ls"],
        ["ls", "--json"],
        ["train", EVIL],
        ["train", "copy", f"task.name={EVIL}"],
        ["train", "copy", f"model.{EVIL}=1"],
        ["train", "copy", f"{EVIL}=1"],
        ["eval", EVIL],
        ["attn", "good", EVIL],
        ["validate", "evil.yaml"],
        ["validate", "evil.yaml", "--json"],
        ["show", "evil.yaml:good"],
        ["show", "evil.yaml:good", "--json"],
        ["show", f"evil.yaml:{EVIL}"],
        [EVIL],
        ["ls", f"--{EVIL}"],
        ["docs", EVIL],
        ["inspect", f"bad{EVIL}"],
        ["inspect", "labelled"],
    ],
    ids=lambda words: "-".join(re.sub(r"\W+", "", word) for word in words)[:40],
)
def test_nothing_that_is_printed_is_obeyed(words: list[str], cli: Cli, folder: Path) -> None:
    key = json.dumps(EVIL)
    text = "# a comment \u202e turned\ngood:\n  task: {name: copy}\n"
    text += "" if "show" in words else f"# {EVIL[:5]}\n{key}: {{task: {{name: {key}}}}}\n"
    (folder / "evil.yaml").write_text(text, encoding="utf-8")
    cli("train", "copy", *SMALL, "train.steps=2", "-q", "--out", "runs/good")
    bad = folder / "runs" / f"bad{EVIL}"
    bad.mkdir()
    (bad / folders.CONFIG).write_text("task: {name: copy}\n")
    header = json.dumps({"__metadata__": {"format": EVIL}}).encode()
    labelled = folder / "runs/labelled"
    labelled.mkdir()
    (labelled / folders.CONFIG).write_text("task: {name: copy}\n")
    (labelled / folders.WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header)
    result = call(words)
    assert_harmless(result.stdout)
    assert_harmless(result.stderr)
    assert result.output


def test_pictures_and_tables_stay_what_they_are() -> None:
    shown = [View(EVIL, record(["a", EVIL, "=1+1", "+"])), View("b", record(["1", "2", "3", "4"]))]
    picture = svg.render(shown)
    ElementTree.fromstring(picture)
    assert_harmless(picture)
    assert_harmless("".join(markdown.render(shown)))
    table = "".join(csv_table.render(shown))
    assert_harmless(table)
    cells = {row["key_token"] for row in csv.DictReader(io.StringIO(table))}
    assert "'=1+1" in cells
    assert "+" in cells


@pytest.mark.parametrize(
    "text", ["1.000", "-0.616 (-3.088 to +1.855)", "runs/copy-sweep: 9", "-", "model.n_layers"]
)
def test_figures_in_markdown_can_be_read_as_they_stand(text: str) -> None:
    assert markdown.escape(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("*a*", "_a_ b", "`a`", "# a", "- a", "+ a", "1. a", "--", "---", "===", "> a", "a | b", "<b>a</b>"),
        *("[a](b)", "![a](b)", "<http://a.b>", "http://a.b", "www.a.b", "a@b.cd", "~~a~~", "&amp;", "\\*a"),
        *("[a]: b", ":a:", "--5", "-5- 1.", "a - b", "1.2.", "$a$", "a\n-", "__a__", "a__b__", "1) a", "12)"),
    ],
)
def test_what_markdown_would_read_as_markup_is_text(text: str) -> None:
    rendered = MarkdownIt().enable(["table", "strikethrough"]).render(markdown.escape(text))
    assert rendered == f"<p>{html.escape(escape_controls(text), quote=False)}</p>\n"


@pytest.mark.parametrize("text", ["www.a.b", "WWW.a.b", "http://a.b", "a@b.cd", "@a"])
def test_nothing_becomes_a_link_where_addresses_do(text: str) -> None:
    assert not re.search(r"(?i)www\.|://|@", markdown.escape(text))


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=A1", "'=A1"), ("@SUM", "'@SUM"), ("-", "-"), ("-3", "-3"), ("-x", "'-x"), ("a", "a")],
)
def test_only_what_a_spreadsheet_would_compute_is_quoted(text: str, cell: str) -> None:
    assert escape_formula(text) == cell


def test_what_show_prints_is_still_the_configuration(cli: Cli, folder: Path) -> None:
    config = "task: {name: reverse, symbols: [我, 喜欢]}"
    (folder / "wide.yaml").write_text(config, encoding="utf-8")
    assert yaml.safe_load(cli("show", "wide.yaml").stdout)["task"]["symbols"][0] == "我"

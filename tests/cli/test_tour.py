"""`tour`: every stage of self-attention on a sentence, in both languages, on a terminal and into a pipe."""

from __future__ import annotations

import io
import os
import pickle
import re
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.conftest import Cli, as_json
from tests.making import make_tour_once
from tfcli.commands.tour import DROPOUT, SENTENCES, WEIGHT_DECAY
from tfcli.records.tour import TourRecord
from tfcli.render.tour import make_pages, make_sheets, print_tour
from tfcli.texts import Language

pytestmark = pytest.mark.xdist_group("tour")
LANGUAGES = ("en", "zh")


@pytest.fixture(scope="module")
def records(shared: Path) -> dict[str, TourRecord]:
    return {language: make_tour_once(shared, language) for language in LANGUAGES}


@pytest.fixture(params=LANGUAGES)
def record(request: pytest.FixtureRequest, records: dict[str, TourRecord]) -> TourRecord:
    found: TourRecord = records[request.param]
    return found


def words_of(record: TourRecord) -> Language:
    return Language("zh" if record.language == "zh" else "en")


def text_of(record: TourRecord, width: int = 80) -> str:
    stream = io.StringIO()
    print_tour(Console(file=stream, width=width), record, words_of(record))
    return stream.getvalue()


# What the tutorial has -> how the tour shows it, as patterns in English and in Chinese.
ROWS: dict[str, tuple[str, str]] = {
    "the sentence as typed": (SENTENCES["en"], SENTENCES["zh"]),
    "scores": (r"scores  exp\(score\)", r"分数  exp\(score\)"),
    "softmax": (r"Softmax turns scores into weights.*?sum to 1", r"softmax\s*把分数变成权重.*?总和为 1"),
    "weighted sum": (r"z = .*?0\.9\d·v\(apples\)", r"z = .*?0\.9\d·v\(苹果\)"),
    "queries, keys and values": (
        r"q\(eating\) .*?k\(apples\) .*?v\(apples\) ",
        r"q\(吃\) .*?k\(苹果\) .*?v\(苹果\) ",
    ),
    "heads that differ": (r"heads differ.*?head 0 .*?head 1 ", r"各个头不同.*?头 0 .*?头 1 "),
    "concatenation and projection": (
        r"concatenated.*?projection W_o.*?c W_o",
        r"拼接.*?输出投影 W_o.*?c W_o",
    ),
    "residual": (r"residual connection.*?x \+ attention\(x\) ", r"残差连接.*?x \+ attention\(x\) "),
    "LayerNorm": (r"mean 0 and variance 1.*?0\.00 +1\.00\n", r"均值 0、方差 1.*?0\.00 +1\.00\n"),
    "the printed class": (r"class SelfAttention:.*?never applied", r"class SelfAttention:.*?从未使用"),
    "mask": (r"A mask sets scores to -inf.*?0\.00\n", r"掩码在 softmax 之前.*?0\.00\n"),
    "dropout and weight decay": (r"dropout 0\.2, decay 1\.0 ", r"dropout 0\.2，衰减 1\.0 "),
}


@pytest.mark.parametrize("row", ROWS)
def test_every_stage_of_the_tutorial_is_shown_in_both_languages(row: str, record: TourRecord) -> None:
    text = text_of(record)
    pattern = ROWS[row][LANGUAGES.index(record.language)]
    unwrapped = re.sub(r"(?<=[\u4e00-\u9fff])\n(?=\S)", "", re.sub(r"\n(?=[a-z])", " ", text))
    assert re.search(pattern, unwrapped, re.DOTALL), text


def test_the_word_finds_what_it_goes_with_and_the_numbers_add_up(record: TourRecord) -> None:
    assert record.exact_match == 1.0
    weights, scores = record.row("attention weights"), record.row("scores")
    assert weights[record.key] > 0.9
    assert sum(weights) == pytest.approx(1, abs=1e-5)
    query, key = record.row("queries"), record.row("keys", at=record.key)
    assert scores[record.key] == pytest.approx(
        sum(a * b for a, b in zip(query, key, strict=True)) / 8**0.5, rel=1e-4
    )
    values = [record.row("values", at=at) for at in range(4)]
    for channel, z in enumerate(record.row("weighted sum")):
        assert z == pytest.approx(sum(w * v[channel] for w, v in zip(weights, values, strict=True)), abs=1e-4)
    own, other = record.row("attention weights", 0), record.row("attention weights", 1)
    assert sum(abs(a - b) for a, b in zip(own, other, strict=True)) / 2 > 0.3, "heads differ"


def test_both_languages_have_the_same_numbers(records: dict[str, TourRecord]) -> None:
    assert records["en"].row("scores") == pytest.approx(records["zh"].row("scores"), rel=1e-4)


def test_projections_that_are_never_applied_are_missed(record: TourRecord) -> None:
    applied, never = record.simplified
    assert applied.steps == never.steps
    assert applied.exact_match == 1.0 > 0.9 > never.exact_match
    both = (record.query, record.key), (record.key, record.query)
    there, back = (float(never.scores[a][b] or 0) for a, b in both)
    assert there == pytest.approx(back, rel=1e-4)
    assert abs(float(applied.scores[2][3] or 0) - float(applied.scores[3][2] or 0)) > 0.1


def test_dropout_and_weight_decay_help_where_data_is_finite(record: TourRecord) -> None:
    without, regularized = record.finite
    assert (regularized.dropout, regularized.weight_decay) == (DROPOUT, WEIGHT_DECAY)
    assert without.loss < regularized.loss
    assert without.held_out_loss > regularized.held_out_loss


@pytest.mark.parametrize("width", [40, 80, 200])
def test_screens_fit_the_terminal(width: int, record: TourRecord) -> None:
    console = Console(file=io.StringIO(), width=width, height=24)
    sheets = make_sheets(console, record, words_of(record))
    pages = make_pages(console, record, words_of(record))
    for page in pages:
        assert len(page) <= 23
        assert max(line.cell_len for line in page) <= min(width, 100)
    if width >= 80:
        assert len(pages) == 2 * len(sheets) - 1, "a stage a screen, and one more with its answer"
    shown = {line.plain for page in pages for line in page}
    assert shown >= {
        line.plain for sheet in sheets for line in [*sheet.lines, *sheet.question, *sheet.answer]
    }


def test_into_a_pipe_all_of_it_is_printed_and_nothing_is_left_behind(cli: Cli, folder: Path) -> None:
    result = cli("tour", "--lang", "zh")
    for number in range(1, 6):
        assert f"\n{number}/5 " in f"\n{result.stdout}"
    assert result.stdout.count("问题：") == result.stdout.count("回答：") == 5
    assert "正在为导览训练" in result.stderr
    assert "\x1b" not in result.stdout
    assert not list(folder.iterdir())


def test_json_has_the_numbers(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, records: dict[str, TourRecord]
) -> None:
    monkeypatch.setattr("tfcli.commands.tour.make_tour", records.__getitem__)
    found = as_json(cli, "tour")
    assert found["language"] == "en"
    assert found["traces"][0]["tokens"] == SENTENCES["en"].split()
    assert as_json(cli, "tour", "--lang", "zh")["language"] == "zh"


# --- on a terminal ---

RUN = """
import pickle, sys
from tfcli.commands import tour
from tfcli.cli import app
with open(sys.argv[1], "rb") as file:
    records = pickle.load(file)
tour.make_tour = records.__getitem__
app(sys.argv[2:], prog_name="tfcli")
"""


class Terminal:
    """A terminal of 80 x 24 on which the tour runs, with models that are trained already."""

    def __init__(self, record: Path, *words: str, columns: int = 80, **environment: str) -> None:
        import fcntl
        import pty
        import termios

        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        known = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "LINES")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(record), "tour", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**known, "TERM": "xterm-256color", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def read(self, until: str, seconds: float = 60.0) -> str:
        """Return what is printed up to a text, or to the end."""
        found, deadline = b"", time.monotonic() + seconds
        while until.encode() not in found and time.monotonic() < deadline:
            if select.select([self.ours], [], [], 0.1)[0]:
                try:
                    found += os.read(self.ours, 65_536)
                except OSError:  # nobody is there any more
                    break
        return found.decode()

    def press(self, key: str, until: str) -> str:
        """Press a key, again where it was typed before anybody listened, and return the screen after it."""
        for _ in range(10):
            os.write(self.ours, key.encode())
            if until in (found := self.read(until, 2.0)) or self.process.poll() is not None:
                return found
        raise AssertionError(f"nothing came of {key!r}")

    def leave(self, key: str) -> tuple[int, str]:
        """Press a key that leaves; return the exit code and what is printed last."""
        said = self.press(key, "\x1b[?1049l")
        return self.process.wait(20), said


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, records: dict[str, TourRecord]) -> Path:
    path = tmp_path_factory.mktemp("tour") / "records"
    path.write_bytes(pickle.dumps(records))
    return path


@pytest.fixture
def terminals(kept: Path) -> Iterator[Any]:
    made: list[Terminal] = []

    def start(*words: str, **options: Any) -> Terminal:
        made.append(Terminal(kept, *words, **options))
        return made[-1]

    yield start
    for terminal in made:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.ours)


no_terminals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other terminals")


@no_terminals
def test_keys_lead_through_the_tour_and_back(terminals: Any) -> None:
    terminal = terminals("--lang", "en")
    first = terminal.read("1 of 11")
    assert "\x1b[?1049h" in first, "a screen of its own"
    assert "1/5" in first
    assert "Question" in first
    assert "Answer" not in first
    assert "Answer" in terminal.press(" ", "2 of 11")
    assert "2/5" in terminal.press("\x1b[C", "3 of 11")
    assert "Answer" in terminal.press("\r", "4 of 11")
    assert "Answer" not in terminal.press("b", "3 of 11")
    assert "1/5" in terminal.press("\x1b[D", "2 of 11")
    assert "1/5" in terminal.press("\x1b[D", "1 of 11")
    code, said = terminal.leave("q")
    assert code == 0
    assert "\x1b[?25h" in said + terminal.read("\x1b[?25h", 1.0), "the cursor is back"


@no_terminals
def test_space_leads_to_the_end_in_chinese_at_40_columns(terminals: Any) -> None:
    terminal = terminals("--lang", "zh", columns=40, NO_COLOR="1")
    text = terminal.read("q 退出")
    [count] = {int(n) for n in re.findall(r"1/(\d+)：空格", text)}
    for number in range(2, count + 1):
        text += terminal.press(" ", f"{number}/{count}：")
    assert all(f"{number}/5 " in text for number in range(1, 6))
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", text), "no colours"
    code, _ = terminal.leave(" ")
    assert code == 0


@no_terminals
@pytest.mark.parametrize(("key", "code"), [("\x1b", 0), ("\x03", 130)], ids=["escape", "ctrl-c"])
def test_escape_and_ctrl_c_leave_and_restore_the_terminal(key: str, code: int, terminals: Any) -> None:
    terminal = terminals()
    terminal.read("1 of 11")
    found, said = terminal.leave(key)
    assert found == code
    assert "Traceback" not in said
    assert "\x1b[?1049l" in said


@no_terminals
def test_a_terminal_that_cannot_move_its_cursor_gets_all_of_it(terminals: Any) -> None:
    text = terminals("--lang", "en", TERM="dumb").read("import FOLDER")
    assert "\x1b[?1049h" not in text
    assert "5/5" in text

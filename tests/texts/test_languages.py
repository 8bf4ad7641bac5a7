"""What people read is in the language that they ask for, or in that of their locale."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tests.conftest import Cli, as_json, tfcli
from tfcli.render.terminal import CLOSING, wrap_text
from tfcli.texts import ENGLISH, Language, choose_language

CHINESE = Language("zh")


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "zha_CN"}, "en"),
        ({"LANG": "zh_TW.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_CN", "LANG": "de_DE"}, "zh"),
        ({"LC_ALL": "de_DE", "LC_MESSAGES": "zh_CN"}, "en"),
    ],
    ids=str,
)
def test_the_locale_tells_the_language(environment: dict[str, str], code: str) -> None:
    assert choose_language(None, environment).code == code
    assert choose_language("zh", environment) == CHINESE


def test_texts_are_translated_sentence_by_sentence_and_unknown_ones_stay() -> None:
    known = "What each token asks for. It is its vector through the head's W_q."
    assert CHINESE.translate(known) == "每个词元要找什么。由它的向量乘以这个头的 W_q 得到。"
    assert CHINESE.translate(f"My part. {known}") == f"My part. {CHINESE.translate(known)}"
    assert CHINESE.translate("Note: my part turns by 0.5 Hz.") == "Note: my part turns by 0.5 Hz."
    shared = "ends (2 heads): learned numbers for the offsets from both ends."
    assert CHINESE.translate(shared) == "ends（2 个头）：为相对于两端的位置之差学到的数。"
    assert ENGLISH.translate(known) == known


def test_a_text_without_a_translation_is_a_bug() -> None:
    with pytest.raises(KeyError, match="nobody wrote this"):
        CHINESE.say("nobody wrote this")


@pytest.mark.parametrize("width", [12, 21, 40])
def test_chinese_is_wrapped_between_characters_and_marks_stay_with_their_words(width: int) -> None:
    text = "每个符号变成一个向量，即嵌入表中为它学到的一行（见 W_q）。averylongwordthatfitsnowhere，好。"
    lines = wrap_text(Console(file=io.StringIO(), width=width), Text(text), width)
    assert "".join(line.plain for line in lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert line.cell_len <= width
        assert line.plain[0] not in CLOSING
    assert lines[0].cell_len > width - 4


def test_a_trace_in_chinese_lines_up(run_cli: Cli) -> None:
    out = run_cli("trace", "reverse", "3 1 2", "--lang", "zh").stdout
    assert "答案正确" in out
    assert all(cell_len(line) <= 80 for line in out.splitlines())
    summary = run_cli("trace", "reverse", "3 1 2", "--lang", "zh", "--summary").stdout
    lines = [line for line in summary.splitlines() if line[:1].isdigit()]
    [column] = {cell_len(line[: line.index(" x ")].rpartition("  ")[0]) for line in lines if "层" not in line}
    assert {cell_len(line[: line.index("第 0 层，")]) for line in lines if "第 0 层" in line} == {column + 2}


def test_a_stage_is_found_by_its_chinese_name(run_cli: Cli) -> None:
    chinese = run_cli("trace", "reverse", "3 1 2", "--stage", "注意力权重", "--lang", "zh").stdout
    assert ". 注意力权重  第 0 层，头 0，3 个查询 x 3 个键" in chinese
    assert "每行之和为 1" in chinese


def test_each_stage_is_found_by_its_chinese_name() -> None:
    names = ["embedding", "queries", "keys", "values", "position bias", "scores", "attention weights"]
    names += ["weighted sum", "concatenated heads", "projection", "residual", "feed-forward", "layer norm"]
    for name in [*names, "RMS norm", "output head", "logits", "W_q"]:
        assert CHINESE.english_of(CHINESE.translate(name)) == name


def test_heads_are_told_in_chinese(run_cli: Cli) -> None:
    out = run_cli("inspect", "reverse", "--heads", "--samples", "50", "--lang", "zh").stdout
    assert "镜像位置" in out
    assert "随机" in out
    assert "mirrored" not in out
    assert "--lang is about --heads" in run_cli("inspect", "reverse", "--lang", "zh", expect=2).stderr


def test_a_language_that_is_not_there_is_named_with_those_that_are(run_cli: Cli) -> None:
    said = run_cli("trace", "reverse", "3 1 2", "--lang", "fr", expect=2).stderr
    assert said.startswith("error: Invalid value for '--lang': 'fr' is not one of 'en', 'zh'")


def test_json_is_in_english_whatever_the_locale_unless_asked(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("trace", "reverse", "3 1 2")
    english = as_json(run_cli, *words)
    monkeypatch.setenv("LC_MESSAGES", "zh_CN.UTF-8")
    assert "答案正确" in run_cli(*words).stdout
    assert as_json(run_cli, *words) == english
    chinese = as_json(run_cli, *words, "--lang", "zh")
    for stage, original in zip(chinese["stages"], english["stages"], strict=True):
        assert (stage["name"], stage["values"]) == (original["name"], original["values"])
        assert stage["explanation"] == CHINESE.translate(original["explanation"]) != original["explanation"]


def test_where_chinese_cannot_be_shown_it_is_english_and_says_why(trained: Path) -> None:
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    words = ("trace", "reverse", "3 1 2", "--summary", "--lang", "zh")
    result = tfcli(*words, cwd=trained, env=environment)
    assert "the answer is right" in result.stdout
    assert "set PYTHONIOENCODING=utf-8" in result.stderr

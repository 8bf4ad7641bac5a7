"""Tokenizers: vocab.txt as transformers reads it, pieces that can be read, and texts with their segments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pretrained import foreign, tiny
from tfcli.building.texts import build_text, load_tokenizer, make_symbols, show
from tfcli.config.task_section import TaskConfig
from tfcli.errors import UsageError
from tfcli.pretrained.tokenizer import read_tokenizer

tokenizers: Any = pytest.importorskip("tokenizers")

TEXTS = ["the cats sat", "The CAT sat.", "thé dog [MASK] on", "中 the", "xyzzy the", "a\tcat\n sat"]


@pytest.mark.parametrize("settings", [{}, {"do_lower_case": False}, {"strip_accents": False}])
@pytest.mark.parametrize("text", TEXTS)
def test_a_vocabulary_is_read_as_transformers_does(
    text: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    folder = tiny.write(tmp_path / "bert")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    theirs = foreign.transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt"), **settings)
    ours = read_tokenizer(folder)
    assert ours.encode(text).ids == theirs(text)["input_ids"]
    pair = theirs(text, "it was")
    found = ours.encode(text, "it was")
    assert (found.ids, found.type_ids) == (pair["input_ids"], pair["token_type_ids"])


def byte_level(folder: Path) -> Path:
    """A byte-level vocabulary of a few merges, as GPT-2 has one."""
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["the cat sat\n the cat é 中"] * 3, vocab_size=275, min_frequency=1)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_byte_level_pieces_are_shown_as_text(tmp_path: Path) -> None:
    config = TaskConfig(name="subwords", tokenizer="tokenizer.json", vocab_size=280, layout="next")
    task = build_text(config, byte_level(tmp_path))
    shown = task.decode(task.encode("the cat sat é"))
    assert "".join(shown).replace("<20>", "·").startswith("the·cat·sat")
    assert len(set(task.symbols)) == task.vocab_size == 280
    assert task.symbols[279] == "<279>"


@pytest.mark.parametrize(
    ("piece", "is_bytes", "shown"),
    [
        ("Ġcat", True, "·cat"),
        ("Ċ", True, "⏎"),
        ("ÃĹ", True, "×"),
        ("ä¸", True, "ä¸"),
        ("##ing", False, "##ing"),
        ("a b", False, "a·b"),
        ("\u200b", False, "<200B>"),
        ("\x07", False, "<7>"),
    ],
)
def test_what_cannot_be_typed_is_shown_by_marks_and_codes(piece: str, is_bytes: bool, shown: str) -> None:
    assert show(piece, is_bytes) == shown


def test_no_two_pieces_are_shown_alike() -> None:
    pieces = {"a b": 0, "a·b": 1, "é": 2, "e\u0301": 3}
    assert make_symbols(pieces, 5) == ["a·b", "a·b<1>", "é", "é<3>", "<4>"]


def test_a_tokenizer_cuts_nothing_off_and_fills_nothing_up(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(tiny.write(tmp_path / "bert"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert len(load_tokenizer(tmp_path / "tokenizer.json").encode("the cat sat on the mat").ids) == 8


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{}", "tokenizer.json: no tokenizer ("),
        ("tokenizer.json", "\ufeff", "tokenizer.json: no tokenizer ("),
        ("vocab.txt", "the\ncat\n", "vocab.txt: has no [UNK], which BERT's vocabulary has"),
        ("tokenizer_config.json", '{"do_lower_case": 1}', "do_lower_case must be true or false"),
        ("tokenizer_config.json", "[]", "tokenizer_config.json: must hold keys and values"),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_named(
    name: str, content: str, message: str, tmp_path: Path
) -> None:
    folder = tiny.write(tmp_path / "bert")
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_tokenizer(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_needs_a_tokenizer(tmp_path: Path) -> None:
    folder = tiny.write(tmp_path / "bert")
    (folder / "vocab.txt").unlink()
    with pytest.raises(UsageError, match="no tokenizer; it needs"):
        read_tokenizer(folder)
    (folder / "vocab.txt").write_bytes(b"[UNK]\n\xff")
    with pytest.raises(UsageError, match="not UTF-8 text"):
        read_tokenizer(folder)

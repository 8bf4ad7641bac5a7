"""The answers of the lesson hold, and the glossary has the words that are used."""

from __future__ import annotations

import re
from math import exp

import pytest

from tests.conftest import Cli, as_json
from tests.docs.documents import DOCUMENTS
from tfcli.texts import translations

LESSONS = ("lesson", "lesson.zh")
SCORES = [-2.29, -0.53, -0.32, 4.08]  # of exercise 1


def softmax(scores: list[float]) -> list[float]:
    total = sum(map(exp, scores))
    return [exp(score) / total for score in scores]


@pytest.mark.parametrize("name", LESSONS)
def test_what_is_computed_by_hand_comes_out_so(name: str) -> None:
    text = DOCUMENTS[name]
    assert "  ".join(["-2.29", "-0.53", "-0.32"]).replace("  ", " ") in re.sub(" +", " ", text)
    powers = [exp(score) for score in SCORES]
    assert [f"{power:.2f}" for power in powers[:3]] == ["0.10", "0.59", "0.73"]
    for number in (f"{powers[3]:.1f}", f"{sum(powers):.1f}", f"{softmax([*SCORES[:3], -2])[3]:.2f}"):
        assert number in text.partition("\n## A" if name == "lesson" else "\n## 答案")[2], number
    weights = [round(weight, 2) for weight in softmax(SCORES)]
    assert weights == [0.0, 0.01, 0.01, 0.98]
    assert f"{0.01 * 0.41 + 0.01 * -1.73 + 0.98 * -0.90:.2f}" == "-0.90"
    assert "0.98 × -0.90 = -0.90" in text


def test_both_lessons_have_the_same_exercises() -> None:
    numbered = [re.findall(r"^(\d)\. (?!scores|分数)", DOCUMENTS[name], re.MULTILINE) for name in LESSONS]
    assert numbered[0] == numbered[1] == [*"12345678", *"12345678"]


def test_the_numbers_of_the_lesson_are_those_of_the_model(cli: Cli) -> None:
    cli("train", "tour", "-q")
    record = as_json(cli, "trace", "tour", "I like eating apples", "--stage", "scores", "--stage", "values")
    values, scores = (stage["values"] for stage in record["stages"])
    assert scores[2] == pytest.approx(SCORES, abs=0.05)
    assert [row[0] for row in values] == pytest.approx([-0.50, 0.41, -1.73, -0.90], abs=0.05)


def test_some_heads_matter_and_some_do_not(cli: Cli) -> None:
    cli("train", "chinese", "train.threads=1", "-q")
    heads = as_json(cli, "inspect", "--heads", "--samples", "300")["heads"]
    zeroed = sorted(head["zeroed"]["exact_match"] for head in heads)
    assert zeroed[0] < 0.9
    assert zeroed[-1] > 0.99


def test_the_glossary_has_the_chinese_words_of_the_catalogue() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", DOCUMENTS["glossary"], re.MULTILINE)
    known = translations("zh")
    checked = 0
    for word, chinese in rows[1:]:
        name = word if word in known else f"{word}s"
        if name in known:
            assert known[name] == chinese, word
            checked += 1
    assert checked > 20
    used = "".join(known.values())
    for word, chinese in rows[1:]:
        if word in ("residual connection", "post-norm", "weight decay", "dropout", "mask", "token"):
            assert chinese.split("、")[0] in used

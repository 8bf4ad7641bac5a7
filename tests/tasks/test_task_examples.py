"""Each task by examples that can be checked by hand."""

from __future__ import annotations

import pytest

from tasks import TASKS
from tasks.base import IGNORE
from tests.models import layout_of
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig

EXAMPLES = {
    "copy": {"3 1 2": "3 1 2", "7": "7", "0 0 9 1": "0 0 9 1"},
    "reverse": {"3 1 2": "2 1 3", "7": "7", "0 0 9 1": "1 9 0 0"},
    "sort": {"3 1 2": "1 2 3", "7": "7", "9 0 4 0 1": "0 0 1 4 9"},
    "even-pairs": {"0": "0", "0 1": "1", "0 1 0": "0", "0 1 1 0 1": "1", "1 1 1 1": "0"},
    "parity": {"0": "0", "1": "1", "1 1 0": "0", "1 0 1 1": "1"},
    "cycle-navigation": {"=": "0", "+": "1", "-": "4", "+ + = - +": "2", "+ + + + + +": "1", "- - -": "2"},
    "modular-arithmetic": {
        "3": "3",
        "2 + 3 * 4": "4",
        "2 * 3 + 4": "0",
        "1 - 3": "3",
        "1 - 1 - 1": "4",
        "4 - 2 * 3": "3",
    },
    "bracketed-arithmetic": {
        "3": "3",
        "- 1": "4",
        "( 4 )": "4",
        "( - 2 )": "3",
        "( 3 + 4 )": "2",
        "( 2 - ( 1 * - 3 ) )": "0",
        "( ( 2 - 1 ) - ( 3 - 1 ) )": "4",
    },
    "solve-equation": {
        "x = 3": "3",
        "- x = 3": "2",
        "( - x ) = 0": "0",
        "( 2 - x ) = 1": "1",
        "( x + 4 ) = 2": "3",
        "( ( 1 - x ) - 2 ) = 4": "0",
        "( 1 - ( x - 2 ) ) = 4": "4",
    },
    "stack-manipulation": {
        "1": "1 end",
        "0 pop": "end",
        "0 pop pop push1": "1 end",
        "0 1 1 pop push0": "0 1 0 end",
        "1 0 push1 push0": "0 1 0 1 end",
        "1 1 0 pop pop": "1 end",
    },
    "duplicate": {"3 1 2": "3 1 2 3 1 2", "7": "7 7", "0 0": "0 0 0 0"},
    "missing-duplicate": {
        "1 ?": "1",
        "? 0": "0",
        "0 1 1 0 ? 1": "1",
        "0 ? 1 0 0 1": "0",
        "0 ? 0 1 .": "1",
    },
    "odds-first": {
        "7": "7",
        "3 1": "1 3",
        "3 1 2": "1 3 2",
        "3 1 2 5": "1 5 3 2",
        "0 1 2 3 4 5": "1 3 5 0 2 4",
    },
    "binary-addition": {
        "0 + 0": "0 end",
        "1 + 1": "0 1 end",
        "0 1 + 1 1": "1 0 1 end",  # 2 + 3
        "1 + 1 1 1": "0 0 0 1 end",  # 1 + 7
        "0 0 1 0 + 1": "1 0 1 end",  # 4 + 1
    },
    "binary-multiplication": {
        "0 * 1": "0 end",
        "1 * 1": "1 end",
        "0 1 * 1 1": "0 1 1 end",  # 2 * 3
        "1 1 * 1 1": "1 0 0 1 end",  # 3 * 3
        "0 0 1 * 1 0 1": "0 0 1 0 1 end",  # 4 * 5
    },
    "square-root": {
        "0": "0",
        "1 1": "1",  # 3
        "1 0 0": "1 0",  # 4
        "0 1 1 1": "1 0",  # 7
        "1 0 0 1 0 1": "1 1 0",  # 37
        "0 0 0 0 0 1": "0 0 1",  # 1
    },
    "histogram": {"7": "1", "3 1 3 2 3": "3 1 3 1 3", "0 0 0 0 0 0 0 0 0 0 0 4": f"{'10+ ' * 11}1"},
    "lookup": {"a3 a?": "3 3", "c4 a1 b1 a? c?": "4 1 1 1 4", "h0 e4 h? h? e?": "0 4 0 0 4"},
    "brackets": {
        ")": "open",
        "( )": "closed closed",
        "( { [ ) ]": "closed open closed closed closed",
        "】 「 《 」 》": "open closed closed closed closed",
    },
    "collocation": {
        "apples": "apples",
        "I like eating apples": "I like apples eating",
        "tea we coats drinking books": "drinking we coats tea books",
    },
    "collocation-zh": {"我 喜欢 吃 苹果": "我 喜欢 苹果 吃", "书 喝 他们 读": "读 喝 他们 书"},
    "opinion": {
        "我 喜欢 苹果": "正",
        "我 不 喜欢 苹果": "负",
        "我 不 讨厌 吃 苹果": "正",
        "苹果 我 喜欢": "正",
        "买 蛋糕 我们 非常 毫不 怕": "正",
        "他 真的 恨 面条": "负",
    },
    "induction": {"3 1 3 1": "1", "3 1 2 3 1 2": "1 2", "7 0 4 9 7 0 4 9": "0 4 9"},
    "recall": {"3 8 3": "8", "0 7 2 5 1 9 2": "5", "4 6 0 6 0": "6"},
    "translate": {
        "零": "0 end",
        "十": "1 0 end",
        "十五": "1 5 end",
        "一百一十五": "1 1 5 end",
        "三百零五": "3 0 5 end",
        "一千零五十": "1 0 5 0 end",
        "一万零三": "1 0 0 0 3 end",
        "一万三千": "1 3 0 0 0 end",
        "十万零一十": "1 0 0 0 1 0 end",
        "二十万三千": "2 0 3 0 0 0 end",
        "五千万": "5 0 0 0 0 0 0 0 end",
        "九千零六万零七百八十": "9 0 0 6 0 7 8 0 end",
    },
    "sentiment": {
        "very good": "positive",
        "never boring": "positive",
        "hardly a masterpiece": "negative",
        "the plot was not very good": "negative",
        "never less than brilliant": "positive",
        "nobody would say the ending was not moving": "positive",
        "not good but not bad": "positive",
        "not dull but clumsy": "negative",
        "good and not bad": "positive",
        "the script was dull but the cast was no disaster": "positive",
        "the script was dull although the cast was no disaster": "negative",
        "the plot was a gem but i would not say the music was never bad": "negative",
    },
    "spell": {
        "ship": "SH IH P end",
        "phone": "F OW N end",
        "knight": "N AY T end",
        "box": "B AA K S end",
        "quick": "K W IH K end",
        "through": "TH R UW end",
    },
    # The number of a held-out picture; and the row and the column of its corner on a canvas.
    "digits": {"0": "0", "17": "5", "1": "1"},
    "find-digit": {"17 0 0": "5 0,0", "17 8 8": "5 2,2", "0 0 5": "0 0,2"},
}


def test_every_task_has_examples() -> None:
    assert set(EXAMPLES) == set(TASKS)


@pytest.mark.parametrize(
    ("name", "text", "answer"), [(name, *pair) for name, table in EXAMPLES.items() for pair in table.items()]
)
def test_the_answer_is_the_one_in_the_table(name: str, text: str, answer: str) -> None:
    task = build_task(TaskConfig.model_validate({"name": name, "layout": layout_of(name)}))
    [target] = task.target(task.parse(text)[None])
    assert task.decode_answer(target[target != IGNORE].tolist()) == answer.split()

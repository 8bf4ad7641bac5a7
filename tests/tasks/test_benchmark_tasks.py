"""The tasks of the published benchmark, against answers that are found in another way."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable

import pytest
import torch

from tasks import TASKS
from tasks.base import IGNORE, Task
from tests.docs.documents import DOCUMENTS
from tests.models import PICTURES, layout_of
from tfcli.building.models import build_task
from tfcli.config.task_section import TaskConfig

PLACES = {"-": -1, "=": 0, "+": 1}


def make(name: str, **options: object) -> Task:
    return build_task(TaskConfig.model_validate({"name": name, "layout": layout_of(name), **options}))


def stack(symbols: list[str]) -> list[str]:
    """Return a list that is pushed to and popped from."""
    found: list[str] = []
    for symbol in symbols:
        found = found[:-1] if symbol == "pop" else [*found, symbol[-1]]
    return [*reversed(found), "end"]


def binary(apply: Callable[[int, int], int], sign: str) -> Callable[[list[str]], list[str]]:
    """Python's own numbers, read and written with the lowest digit first."""

    def answer(symbols: list[str]) -> list[str]:
        first, second = (int(text[::-1], 2) for text in "".join(symbols).split(sign))
        return [*reversed(format(apply(first, second), "b")), "end"]

    return answer


def hidden(symbols: list[str]) -> list[str]:
    """Return the symbol that makes both halves alike."""
    text = "".join(symbols).rstrip(".")
    fits = [bit for bit in "01" if (whole := text.replace("?", bit)) == 2 * whole[: len(whole) // 2]]
    assert len(fits) == 1
    return fits


def solution(symbols: list[str]) -> list[str]:
    """Return the one digit that makes the equation true in Python's arithmetic."""
    left, right = "".join(symbols).split("=")
    fits = [x for x in "01234" if eval(left.replace("x", x)) % 5 == int(right)]
    assert len(fits) == 1
    return fits


def root(symbols: list[str]) -> list[str]:
    """Return the largest whole number whose square is not too large."""
    number, width = int("".join(symbols), 2), math.ceil(len(symbols) / 2)
    fits = [n for n in range(2**width) if n * n <= number]
    return list(format(max(fits), f"0{width}b"))


ORACLES: dict[str, Callable[[list[str]], list[str]]] = {
    "even-pairs": lambda s: [str(sum(a != b for a, b in itertools.pairwise(s)) % 2)],
    "parity": lambda s: [str(s.count("1") % 2)],
    "cycle-navigation": lambda s: [str(sum(PLACES[symbol] for symbol in s) % 5)],
    "modular-arithmetic": lambda s: [str(eval("".join(s)) % 5)],
    "bracketed-arithmetic": lambda s: [str(eval("".join(s)) % 5)],
    "solve-equation": solution,
    "stack-manipulation": stack,
    "duplicate": lambda s: s + s,
    "missing-duplicate": hidden,
    "odds-first": lambda s: [s[i] for rest in (1, 0) for i in range(len(s)) if i % 2 == rest],
    "binary-addition": binary(int.__add__, "+"),
    "binary-multiplication": binary(int.__mul__, "*"),
    "square-root": root,
    "reverse": lambda s: [*reversed(s)],
    "sort": lambda s: sorted(s),
}


OTHERS = {
    "copy",
    "histogram",
    "lookup",
    "brackets",
    "collocation",
    "collocation-zh",
    "induction",
    "recall",
    "translate",
    "sentiment",
    "opinion",
    "spell",
    *PICTURES,
}


def test_the_benchmark_has_fifteen_tasks_and_all_are_there() -> None:
    assert len(ORACLES) == 15
    assert set(ORACLES) | OTHERS == set(TASKS)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 12, 19, 20])
def test_answers_are_those_of_an_independent_oracle(name: str, length: int) -> None:
    task = make(name)
    inputs = task.draw(40, task.nearest_length(length), torch.Generator().manual_seed(length))
    assert task.valid(inputs).all()
    targets = task.target(inputs)
    assert targets.shape == (40, task.answer_length(inputs.shape[1]))
    for row, target in zip(inputs, targets, strict=True):
        counts = target != IGNORE
        assert counts[: int(counts.sum())].all(), "what doesn't count comes last"
        answer = task.decode_answer(target[counts].tolist())
        assert answer == ORACLES[name](task.decode(row.tolist()))


@pytest.mark.parametrize("name", TASKS)
def test_every_length_that_is_asked_for_has_both_sides(name: str) -> None:
    """No length waits for a held-out sequence that doesn't exist."""
    task = make(name)
    for length in range(1, 16):
        held_out = task.sample_held_out(20, length, torch.Generator().manual_seed(0))
        inputs, targets, _ = task.sample(8, length, torch.Generator().manual_seed(0))
        assert len(held_out.inputs) >= 1
        assert (targets != IGNORE).any(dim=1).all()
        assert inputs.shape[1] == held_out.inputs.shape[1] == task.nearest_length(length)
        learned_from = {tuple(row) for row in inputs.flatten(1).tolist()}
        assert not learned_from & {tuple(row) for row in held_out.inputs.flatten(1).tolist()}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("modular-arithmetic", "1 + +"),
        ("modular-arithmetic", "1 2 3"),
        ("modular-arithmetic", "1 +"),
        ("bracketed-arithmetic", "( 1 + 2"),
        ("bracketed-arithmetic", "1 + 2"),
        ("bracketed-arithmetic", "( )"),
        ("bracketed-arithmetic", ") 1 ("),
        ("bracketed-arithmetic", "( 1 + 2 - 3 )"),
        ("bracketed-arithmetic", "- - 1"),
        ("bracketed-arithmetic", "-"),
        ("solve-equation", "x"),
        ("solve-equation", "( x + x ) = 1"),
        ("solve-equation", "( 1 + 2 ) = 3"),
        ("solve-equation", "x = x"),
        ("solve-equation", "( x + 1 = 2"),
        ("stack-manipulation", "pop 1"),
        ("stack-manipulation", "1 pop 0"),
        ("stack-manipulation", "0 1 1"),
        ("missing-duplicate", "0 1 0 1"),
        ("missing-duplicate", "0 ? 1 1"),
        ("missing-duplicate", "1"),
        ("missing-duplicate", "0 ? 0 1 1"),
        ("binary-addition", "1 0 1"),
        ("binary-addition", "+ 1"),
        ("binary-multiplication", "1 * 1 * 1"),
    ],
)
def test_what_is_no_input_of_a_task_is_refused_with_an_example(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"isn't of the form that this task reads, as is '.+'"):
        make(name).encode(text)


def places_of_x(length: int) -> Counter[int]:
    """How often x stands where in 10,000 equations."""
    task = make("solve-equation")
    drawn = task.draw(10_000, length, torch.Generator().manual_seed(0))
    return Counter((drawn == task.encode("x = 0")[0]).int().argmax(1).tolist())


def test_x_takes_the_place_of_the_next_digit_from_anywhere() -> None:
    found = places_of_x(7)  # ( d + d ): the first digit is next from 0, 1 and 4, the other from 2 and 3
    assert found.keys() == {1, 3}
    assert found[1] / found.total() == pytest.approx(3 / 5, abs=0.02)


def test_each_x_is_equally_likely() -> None:
    task = make("solve-equation")
    found = task.target(task.draw(5_000, 20, torch.Generator().manual_seed(0))).flatten().bincount()
    assert (found / 5_000).tolist() == pytest.approx([1 / 5] * 5, abs=0.02)


@pytest.mark.parametrize("length", [2, 5, 6, 12])
def test_a_stack_is_equally_likely_to_have_each_height(length: int) -> None:
    """Whether the length is enumerated or not, some action follows."""
    task = make("stack-manipulation")
    inputs = task.sample(10_000, length, torch.Generator().manual_seed(0)).inputs
    found = (inputs < task.encode("0 pop")[1]).sum(1).bincount(minlength=length + 1)
    expected = [0, *[1 / (length - 1)] * (length - 1), 0]
    assert (found / 10_000).tolist() == pytest.approx(expected, abs=0.04)  # a tenth is held out


@pytest.mark.parametrize(
    ("name", "length"),
    [("stack-manipulation", 2), ("stack-manipulation", 4), ("solve-equation", 7), ("solve-equation", 8)],
)
def test_lengths_that_are_enumerated_are_sampled_as_they_are_drawn(name: str, length: int) -> None:
    task = make(name)
    assert task.sides(length) is not None
    drawn = task.draw(10_000, length, torch.Generator().manual_seed(0))
    drawn = drawn[~task.is_held_out(drawn)]
    sampled = task.sample(10_000, length, torch.Generator().manual_seed(0)).inputs
    for symbol in range(task.vocab_size):
        shares = [(inputs == symbol).float().mean(0).tolist() for inputs in (drawn, sampled)]
        assert shares[0] == pytest.approx(shares[1], abs=0.02)


@pytest.mark.parametrize(
    ("name", "length", "count"),
    [
        ("stack-manipulation", 1, 2),
        ("stack-manipulation", 3, 30),
        ("solve-equation", 3, 5),
        ("solve-equation", 7, 100),
        ("solve-equation", 8, 200),
    ],
)
def test_short_lengths_have_all_that_can_be_drawn(name: str, length: int, count: int) -> None:
    sides = make(name).sides(length)
    assert sides is not None
    assert len(sides.train) + len(sides.held_out) == count


@pytest.mark.parametrize("name", ["parity", "solve-equation", "binary-addition"])
def test_symbols_of_its_own_can_t_be_exchanged(name: str) -> None:
    for options in ({"vocab_size": 4}, {"symbols": ["a", "b", "c", "d"]}):
        with pytest.raises(Exception, match=r"its symbols are .*; leave vocab_size and symbols out"):
            make(name, **options)


def test_a_task_whose_answer_is_shorter_must_be_appended() -> None:
    for longest in (1, 20):  # an answer to one symbol is as long by chance
        with pytest.raises(Exception, match=r"set task\.layout=appended"):
            make("parity", layout="aligned", max_length=longest)


def test_inputs_that_are_all_too_short_are_refused() -> None:
    with pytest.raises(Exception, match="its inputs have at least 3 symbols"):
        make("binary-addition", max_length=2)


def test_the_documentation_tells_the_answers_of_its_examples() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| `(.+?)` \| `(.+?)` \|", DOCUMENTS["tasks"], re.MULTILINE)
    assert [name for name, _, _ in rows] == list(TASKS)
    for name, text, answer in rows:
        task = make(name)
        [target] = task.target(task.parse(text)[None])
        assert task.decode_answer(target[target != IGNORE].tolist()) == answer.split(), name

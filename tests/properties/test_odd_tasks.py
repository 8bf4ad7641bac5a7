"""Tasks of others whose methods return or raise anything: a training can begin, or a line says why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tasks.base import Task
from tests.properties import odd_tasks
from tests.properties.configurations import anything
from tests.properties.promises import comes_back, examples
from tfcli.building.models import build_for_training
from tfcli.config.files import load_config
from tfcli.errors import UsageError


class UnspeakableError(Exception):
    """One whose message can't be had."""

    def __str__(self) -> str:
        raise RuntimeError("no message")


class SpeechlessError(Exception):
    """One whose message is no text."""

    def __str__(self) -> str:
        return None  # type: ignore[return-value]


ERRORS: list[Callable[[], Exception]] = [
    *(KeyError, MemoryError, RecursionError, StopIteration, AssertionError, NotImplementedError, EOFError),
    *(AttributeError, TypeError, ZeroDivisionError, UnspeakableError, SpeechlessError),
    lambda: OSError(2, "x"),
    lambda: UsageError("theirs"),
    lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "why"),
]
VALUES = [
    *(None, True, 0, -1, 1, 2, 3, 2**62, 2**63, 10**30, 1.5, float("nan")),
    *("", "x", b"x", [], [0], {}, object(), Task),
]
ATTRIBUTES: dict[str, list[Any]] = {
    "SYMBOLS": [
        *(None, 5, "ab", (), ("a",), ("a", "a"), ("a", "b", "c"), ["a", "b"], (1, 2), ("a", ""), ("a", None))
    ],
    "ANSWERS": [None, (), ("a",), ("x", "y", "z"), "xy", 5, ("x", " "), {"x": 1, "y": 2}],
    "END": [None, 0, 1, 99, -1, "x", 1.5],
    "SHORTEST": [1, 0, -1, 2, 21, 2**62, "x", None, 1.5],
}


def shaped(value: Any) -> Callable[[Tensor], Any]:
    return lambda inputs: value


TENSORS: list[Callable[[Tensor], Any]] = [
    lambda x: x,
    lambda x: x.flip(-1),
    lambda x: x + 1,
    lambda x: -x,
    lambda x: x.float(),
    lambda x: x.double() / 0,
    lambda x: x.int(),
    lambda x: x.bool(),
    lambda x: x.to(torch.complex64),
    lambda x: x.to("meta"),
    lambda x: x.to_sparse(),
    lambda x: x[:, :0],
    lambda x: x[:0],
    lambda x: x[0],
    lambda x: x[..., None],
    lambda x: x.sum(),
    lambda x: x.sum(1),
    lambda x: x.float().sum(1).softmax(0),
    lambda x: x.sum(1) > 2,
    lambda x: torch.full_like(x, -100),
    lambda x: torch.rand(x.shape),
    lambda x: torch.randint(4, x.shape),
    lambda x: x.add_(1),
    lambda x: x.resize_(0),
    lambda x: x.numpy(),
    lambda x: np.asarray(x)[:, ::-1],
    lambda x: x.tolist(),
    lambda x: (x, x),
    lambda x: x.float().requires_grad_(),
    lambda x: x.expand(3, *x.shape),
    lambda x: x.as_subclass(torch.nn.Parameter) if x.is_floating_point() else x,
]
METHODS = ["target", "source", "valid", "likelihood", "draw", "answer_length", "nearest_length"]


def method(name: str, answer: Callable[[Tensor], Any]) -> Callable[..., Any]:
    """Return a method that answers about sequences: those that it is given, or that it draws."""

    def draw(self: Task, count: int, length: int, generator: torch.Generator) -> Any:
        return answer(Task.draw(self, count, length, generator))

    def count(self: Task, length: int) -> Any:
        return answer(torch.arange(length)[None])

    def other(self: Task, inputs: Tensor) -> Any:
        return answer(inputs)

    return draw if name == "draw" else count if name.endswith("length") else other


def raising(make: Callable[[], Exception]) -> Callable[[Tensor], Any]:
    def answer(inputs: Tensor) -> Any:
        raise make()

    return answer


answers = (
    st.sampled_from(TENSORS)
    | st.sampled_from(VALUES).map(shaped)
    | st.sampled_from(ERRORS).map(raising)
    | anything.map(lambda text: raising(lambda: ValueError(text)))
)


@st.composite
def odd_classes(draw: st.DrawFn) -> type[Task]:
    """Return a task with some odd methods or attributes."""
    body: dict[str, Any] = {"target": method("target", draw(st.sampled_from(TENSORS[:2])))}
    for name in draw(st.lists(st.sampled_from(METHODS), unique=True, max_size=2)):
        body[name] = method(name, draw(answers))
    for name in draw(st.lists(st.sampled_from(list(ATTRIBUTES)), unique=True, max_size=1)):
        body[name] = draw(st.sampled_from(ATTRIBUTES[name]))
    return type("Odd", (Task,), body)


@given(odd_classes(), st.sampled_from(["aligned", "appended"]))
@examples(100, 0.5)
@pytest.mark.filterwarnings("default")  # what the task of somebody else warns of is theirs
def test_any_task_can_be_trained_on_or_is_refused(folder: Path, chosen: type[Task], layout: str) -> None:
    (folder / "mine.py").write_text(odd_tasks.FILE)
    odd_tasks.CHOSEN[:] = [chosen]
    words = ["task.name=mine.py:Odd", "task.max_length=4", f"task.layout={layout}"]
    problem = None
    try:
        with comes_back():
            task, _ = build_for_training(load_config("copy", words))
            task.sample(4, 3, torch.Generator())
    except UsageError as error:
        problem = str(error)
    assert problem is None or re.fullmatch("task.+", problem)

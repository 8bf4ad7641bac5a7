"""Where tasks and the parts of a model come from: built in, entry points, or `path/to/file.py:ClassName`.

Names are checked without importing torch; only `load` imports the class itself.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tfcli import loggers, model, training
from tfcli.config.class_files import (
    FORM,
    describe_error,
    find_problem_in_file,
    is_file,
    load_from_file,
    split_file_name,
)
from tfcli.config.signatures import find_class, read_settings, settings_of_class
from tfcli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from torch import Tensor

    from tasks.base import Batch, Task


def _import_tasks() -> ModuleType:
    """Return the package of the built-in tasks.

    A wheel holds it as `tfcli.tasks`, where no other distribution can collide with it; a checkout beside
    `tfcli`, from where it is loaded by path, so that a `tasks` in the current folder isn't taken for it.
    """
    if importlib.util.find_spec("tfcli.tasks"):
        return import_module("tfcli.tasks")
    if "tasks" not in sys.modules:
        init = Path(__file__).parent.parent / "tasks" / "__init__.py"
        spec = importlib.util.spec_from_file_location("tasks", init)
        if spec is None or spec.loader is None:
            raise ImportError(f"tfcli is incomplete: {init} is missing")
        sys.modules["tasks"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["tasks"])
    return sys.modules["tasks"]


@cache
def find_entry_points(path: tuple[str, ...]) -> Any:
    """Return all entry points on a path, which takes milliseconds to go through.

    Raises:
        UsageError: those of some distribution can't be read.
    """
    from importlib.metadata import entry_points  # 10 ms, and most commands need no more than what is built in

    try:
        return entry_points()
    except Exception as error:  # a file that is none makes all of them unreadable
        raise UsageError(
            f"the entry points of installed distributions can't be read ({type(error).__name__}: {error}); "
            "uninstall what was installed last"
        ) from error


def name_distribution(point: EntryPoint) -> str:
    """Return the name of the distribution that an entry point is from."""
    return str(point.dist.name) if point.dist else "an unnamed distribution"


def explain_ambiguity(points: Sequence[EntryPoint]) -> str:
    """Say which distributions share a name: which one is found first is up to the order of folders."""
    sources = sorted(f"{name_distribution(point)} ({point.value})" for point in points)
    return f"{' and '.join(sources)} bring the same name; uninstall all but one"


GROUPS = {"task.name": "tfcli.tasks", "train.log": "tfcli.loggers"}  # others are named as their settings are


@dataclass(frozen=True)
class Registry:
    """The classes of one kind, by the names that configurations use.

    Args:
        setting: the key of a configuration that names one.
        kind: what one is called, for people to read.
        package: the package of what is built in.
        built_in: name -> `module:Class` in that package.
        base: `module:Class` in that package, which all of them derive from.
        public: what people who write one import that base class as.
        in_files: whether a class may come from a file that is named.
    """

    setting: str
    kind: str
    package: str
    built_in: dict[str, str]
    base: str
    public: str
    in_files: bool = True

    @property
    def group(self) -> str:
        """Of entry points."""
        return GROUPS.get(self.setting) or f"tfcli.{self.setting.rpartition('.')[2]}"

    def installed(self) -> dict[str, list[EntryPoint]]:
        """Return the entry points of other distributions by their names; only one of a name can be loaded."""
        found: dict[str, list[EntryPoint]] = {}
        for point in find_entry_points(tuple(sys.path)).select(group=self.group):
            found.setdefault(point.name, []).append(point)
        return found

    def names(self) -> list[str]:
        """All that have a name."""
        return [*self.built_in, *sorted(self.installed().keys() - self.built_in.keys())]

    def find_problem(self, name: str) -> str | None:
        """Why nothing of this name can be loaded, as far as that can be seen without loading it."""
        if name in self.built_in:
            return None
        if is_file(name) and self.in_files:
            return find_problem_in_file(*split_file_name(name))
        if points := self.installed().get(name):
            return None if len(points) == 1 else explain_ambiguity(points)
        if name.endswith(".py") and self.in_files:
            return f"name its class, too: {name}:ClassName"
        near = did_you_mean(name, self.names())
        known = ", ".join(self.names())
        if self.setting == "task.name":
            return f"no such task{near} (tasks: {known}, or {FORM})"
        return f"must be one of {known}{f', or {FORM}' * self.in_files}{near}"

    def base_class(self) -> type[Any]:
        """Return the class that all of them derive from."""
        found: type[Any] = self._import(self.base)
        return found

    def load(self, name: str) -> type[Any]:
        """Return the class of that name.

        Raises:
            UsageError: there is none, or several, or it isn't of this kind.
        """
        if problem := self.find_problem(name):
            raise UsageError(f"{self.setting}: {name!r}: {problem}")
        if name in self.built_in:
            cls: Any = self._import(self.built_in[name])
        else:
            try:
                cls = load_from_file(name) if is_file(name) else self.installed()[name][0].load()
            except UsageError as error:
                raise UsageError(f"{self.setting}: {error}") from error
            except Exception as error:  # whatever other people's code may raise
                raise UsageError(f"{self.kind} {name}: {describe_error(error)}") from error
        if not (isinstance(cls, type) and issubclass(cls, self.base_class())) or inspect.isabstract(cls):
            must = f"must be a subclass of {self.public}"
            raise UsageError(
                f"{self.setting}: {name!r}: {must}{' with a target()' * (self.public == 'tfcli.Task')}"
            )
        return cls

    def settings_of(self, name: str) -> type[BaseModel] | None:
        """Return the settings of a part; None where its file would have to be run to tell."""
        if name in self.built_in:
            return read_settings(f"{self.package}.{self.built_in[name]}")
        if is_file(name) or name not in self.installed():
            return None
        return settings_of_class(self.load(name))

    def describe(self, name: str) -> str:
        """Return the first line of its own description, read off its source without running it."""
        if name in self.built_in:
            found = find_class(f"{self.package}.{self.built_in[name]}")
            return (ast.get_docstring(found) or "").partition("\n")[0] if found else ""
        values = sorted(point.value for point in self.installed().get(name, []))
        return f"from {' and '.join(values)}" if values else ""

    def _import(self, where: str) -> Any:
        module, class_name = where.split(":")
        return getattr(import_module(f"{self.package}.{module}"), class_name)


_tasks = _import_tasks()
_symbols = import_module(f"{_tasks.__name__}.symbols")
TASKS = Registry("task.name", "task", _tasks.__name__, _tasks.TASKS, "base:Task", "tfcli.Task")


def _part(
    setting: str, kind: str, table: dict[str, str], base: str, package: str = "tfcli.model"
) -> Registry:
    return Registry(setting, kind, package, table, base, f"tfcli.{base.partition(':')[2]}")


POSITIONS = _part("model.positions", "positional encoding", model.POSITIONS, "positions.base:Positions")
MASKS = _part("model.mask", "mask", model.MASKS, "masks:Mask")
ATTENTIONS = _part("model.attention", "attention", model.ATTENTIONS, "attention:Attention")
ATTENTION_SCALES = _part(
    "model.attention_scale", "attention scale", model.ATTENTION_SCALES, "attention_scale:AttentionScale"
)
ATTENTION_WEIGHTS = _part(
    "model.attention_weights", "attention weights", model.ATTENTION_WEIGHTS, "attention_weights:Softmax"
)
NORMS = _part("model.norm", "norm", model.NORMS, "norms:Norm")
FEED_FORWARDS = _part("model.feed_forward", "feed-forward", model.FEED_FORWARDS, "feed_forward:FeedForward")
TOKEN_TYPES = _part("model.token_types", "token types", model.TOKEN_TYPES, "token_types:TokenTypes")
OUTPUT_HEADS = _part("model.output_head", "output head", model.OUTPUT_HEADS, "output_heads:OutputHead")
OPTIMIZERS = _part(
    "train.optimizer", "optimizer", training.OPTIMIZERS, "optimizers:Optimizer", "tfcli.training"
)
SCHEDULES = _part("train.schedule", "schedule", training.SCHEDULES, "schedules:Schedule", "tfcli.training")
LOGGERS = Registry(
    "train.log", "logger", "tfcli.loggers", loggers.LOGGERS, "base:Logger", "tfcli.Logger", in_files=False
)
PARTS = {
    registry.setting: registry
    for registry in (
        POSITIONS,
        MASKS,
        ATTENTIONS,
        ATTENTION_SCALES,
        ATTENTION_WEIGHTS,
        NORMS,
        FEED_FORWARDS,
        TOKEN_TYPES,
        OUTPUT_HEADS,
        OPTIMIZERS,
        SCHEDULES,
    )
}


SHOWN: dict[str, str] = _symbols.SHOWN  # how what leaves no mark is shown
OF_A_FILE = ("pairs", "text")  # what tasks are called whose sequences stand in a file


def find_problem_of_symbols(symbols: Sequence[str], at_least: int = 2) -> str | None:
    """Return why these can't be the symbols of a task; None if they can."""
    problem: str | None = _symbols.find_problem(symbols, at_least)
    return problem


def load_task(name: str, layout: str, **options: Any) -> Task:
    """Return the task of that name, made with some options, and held against what it promises.

    Raises:
        UsageError: it can't be loaded, doesn't take these options, or breaks a promise.
    """
    try:
        task: Task = TASKS.load(name)(**options)
    except UsageError:
        raise
    except Exception as error:  # whatever other people's code may raise
        problem = describe_error(error)
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        is_ours = name in TASKS.built_in or raised_in == inspect.getfile(TASKS.base_class())
        if isinstance(error, ValueError) and is_ours:
            problem = str(error)  # the options don't suit the task
        raise UsageError(f"task {name}: {problem}") from error
    check_task(task, name, range(task.min_length, task.max_length + 1))
    if task.predicts_next and layout != "next":
        raise UsageError(
            f"task.layout: in {name}, each token answers with what comes next, which it may not see;"
            " set task.layout=next and model.mask=causal"
        )
    if layout == "aligned":
        check_aligned(task, name)
    if layout == "first" and (count := task.answer_length(task.nearest_length(task.max_length))) != 1:
        raise UsageError(
            f"task.layout: first is for answers of one symbol, and {name} has {count} for inputs of "
            f"{task.nearest_length(task.max_length)}"
        )
    return task


def import_task_module(name: str) -> ModuleType:
    """Return a module of the package of tasks."""
    return import_module(f"{TASKS.package}.{name}")


def derive_task(task: Task, objective: str, hidden_share: float) -> Task:
    """Return a task as it is, or one made of its inputs, as an objective says."""
    if objective != "answer" and task.N_FEATURES is not None:
        raise UsageError(
            f"task.objective: {objective} is about symbols, and tokens of this task are made of numbers;"
            " leave it out, or the layout that asks for it"
        )
    objectives = import_task_module("objectives")
    if objective == "masked":
        masked: Task = objectives.MaskedSymbols(task, hidden_share)
        return masked
    if objective == "next" and not task.predicts_next:
        following: Task = objectives.NextSymbol(task)
        return following
    return task


def make_batch(inputs: Tensor, targets: Tensor) -> Batch:
    """Return inputs [B, T] with what counts as right [B, M]."""
    batch: Batch = import_task_module("base").Batch(inputs, targets)
    return batch


def check_task(task: Task, name: str, lengths: Sequence[int]) -> None:
    """Hold a task against what it promises at these lengths; those that are built in are held by the tests.

    How long inputs and answers are is tried at each length. Sequences are tried at each that is short, and
    at some of the longer ones with the longest.

    Raises:
        UsageError: it breaks a promise; the message names the task and the length.
    """
    if name in TASKS.built_in or name in OF_A_FILE:
        return
    task = getattr(task, "task", task)  # of an objective; it is what may break a promise
    contract = import_task_module("contract")
    for length in lengths:
        raise_problem(name, length, contract.find_problem_of_length, task)
    for length in contract.lengths_to_draw(map(task.nearest_length, lengths)):
        raise_problem(name, length, contract.find_problem_of_sequences, task)


def raise_problem(name: str, length: int, find: Callable[[Task, int], str | None], task: Task) -> None:
    """Look for a problem of a task at a length.

    Raises:
        UsageError: there is one.
    """
    try:
        problem, cause = find(task, length), None
    except Exception as error:  # whatever other people's code may raise
        problem, cause = describe_error(error), error
    if problem:
        line = " ".join(problem.split())  # a tensor that it shows may have several
        raise UsageError(f"task {name}, length {length}: {line}") from cause


def find_problem_of_input(task: Task, inputs: object) -> str | None:
    """Return what is wrong with what a task made of a text; None if it can be read."""
    problem: str | None = import_task_module("contract").find_problem_of_input(task, inputs)
    return problem


def check_aligned(task: Task, name: str) -> None:
    """See to it that a task has an answer for each token of its inputs.

    Raises:
        UsageError: it has more or fewer.
    """
    trained = range(task.min_length, task.max_length + 1)
    if name in TASKS.built_in:  # these are alike at all lengths
        trained = range(task.max_length, task.max_length + 1)
    for length in map(task.nearest_length, (*trained, task.max_length + 2)):  # one may be as long by chance
        if (count := task.answer_length(length)) != length:
            raise UsageError(
                f"task.layout: {name} has no answer for each token of the input: {count} for {length};"
                " set task.layout=appended"
            )

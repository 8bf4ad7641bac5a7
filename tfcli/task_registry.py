"""The one module that knows where tasks come from: built in, entry points, or `path/to/file.py:ClassName`.

Names are checked without importing torch; only `load_task` imports the task itself.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tfcli.errors import UsageError
from tfcli.suggestions import did_you_mean

if TYPE_CHECKING:
    from tasks.base import Task
    from tfcli.config import TaskConfig

GROUP = "tfcli.tasks"  # of entry points


def _import_built_in() -> ModuleType:
    """The package of the built-in tasks.

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


_built_in = _import_built_in()
PACKAGE: str = _built_in.__name__
BUILT_IN: dict[str, str] = _built_in.TASKS


def installed() -> dict[str, EntryPoint]:
    """The tasks that other distributions bring."""
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """All tasks that have a name."""
    return [*BUILT_IN, *sorted(installed().keys() - BUILT_IN.keys())]


def problem_with(name: str) -> str | None:
    """Why no task of this name can be loaded, as far as that can be seen without loading it."""
    if name in BUILT_IN:
        return None
    if ".py:" in name:
        path, class_name = split_file_name(name)
        try:
            tree = ast.parse(path.read_bytes())
        except OSError as error:
            return f"can't read {path}: {error.strerror}"
        except SyntaxError as error:
            return f"{path}:{error.lineno}: {error.msg}"
        except (ValueError, MemoryError, RecursionError):
            return f"{path} is no Python"
        classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        return (
            None
            if class_name in classes
            else f"{path} has no class {class_name}{did_you_mean(class_name, classes)}"
        )
    if name in installed():
        return None
    if name.endswith(".py"):
        return f"name its class, too: {name}:ClassName"
    known = ", ".join(names())
    return f"no such task{did_you_mean(name, names())} (tasks: {known}, or path/to/file.py:ClassName)"


def task_class() -> type[Task]:
    """The base class of all tasks."""
    base: type[Task] = import_module(f"{PACKAGE}.base").Task
    return base


def load_task(config: TaskConfig) -> Task:
    """The task of a configuration.

    Raises:
        UsageError: it can't be loaded, or doesn't take these options.
    """
    try:
        cls = _load_class(config.name)
        task = cls(config.vocab_size, config.min_length, config.max_length, config.symbols)
        problem = task.problem()
    except UsageError:
        raise
    except Exception as error:  # whatever other people's code may raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        problem = f"{type(error).__name__}: {error} (at {frame.filename}:{frame.lineno})"
        if isinstance(error, ValueError) and frame.filename == inspect.getfile(task_class()):
            problem = str(error)  # the options don't suit the task
        raise UsageError(f"task {config.name}: {problem}") from error
    if problem:
        raise UsageError(f"task {config.name}: {problem}")
    lengths = (task.fit(task.max_length), task.fit(task.max_length + 2))  # one may be as long by chance
    if config.layout == "aligned" and any(task.answer_length(n) != n for n in lengths):
        raise UsageError(
            f"task.layout: {config.name} has no answer for each token of the input; set task.layout=appended"
        )
    return task


def describe(name: str) -> str:
    """The first line of a task's own description, read off its source without running it."""
    if name in BUILT_IN:
        module, class_name = BUILT_IN[name].split(":")
        spec = importlib.util.find_spec(f"{PACKAGE}.{module}")
        tree = ast.parse(Path(spec.origin).read_bytes()) if spec and spec.origin else ast.Module([], [])
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == class_name:
                return (ast.get_docstring(node) or "").partition("\n")[0]
    return f"from {installed()[name].value}" if name in installed() else ""


def absolute(name: str) -> str:
    """The name with the path of a file made absolute."""
    if ".py:" not in name or name in BUILT_IN:
        return name
    path, class_name = split_file_name(name)
    return f"{path.resolve()}:{class_name}"


def split_file_name(name: str) -> tuple[Path, str]:
    """`path/to/file.py:ClassName` -> (path/to/file.py, ClassName)."""
    path, _, class_name = name.rpartition(":")
    return Path(os.path.expanduser(path)), class_name


def _load_class(name: str) -> type[Task]:
    if problem := problem_with(name):
        raise UsageError(f"task.name: {name!r}: {problem}")
    base = task_class()
    if name in BUILT_IN:
        module, class_name = BUILT_IN[name].split(":")
        cls: Any = getattr(import_module(f"{PACKAGE}.{module}"), class_name)
    elif ".py:" in name:
        cls = _class_in_file(*split_file_name(name))
    else:
        cls = installed()[name].load()
    if not (isinstance(cls, type) and issubclass(cls, base)) or inspect.isabstract(cls):
        raise UsageError(f"task.name: {name!r}: must be a subclass of tfcli.Task with a target()")
    return cls


def _class_in_file(path: Path, class_name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"tfcli_task_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"task.name: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return getattr(module, class_name)

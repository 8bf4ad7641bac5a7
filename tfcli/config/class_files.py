"""Classes in files, as configurations name them: `path/to/file.py:ClassName`.

They are looked for without running the file; only `load_from_file` runs it.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tfcli.config.neighbour_imports import TextLoader, import_neighbours_of
from tfcli.config.reading import read_bytes
from tfcli.errors import UsageError, did_you_mean

ANY = "*"
BINDERS = ("exec", "globals", "locals", "setattr", "vars")  # may bind a name that stands nowhere in the text
FORM = "path/to/file.py:ClassName"


def is_file(name: str) -> bool:
    """Whether a name is that of a class in a file."""
    return ".py:" in name


def split_file_name(name: str) -> tuple[Path, str]:
    """`path/to/file.py:ClassName` -> (path/to/file.py, ClassName)."""
    path, _, class_name = name.rpartition(":")
    return Path(os.path.expanduser(path)), class_name


def absolute(name: str) -> str:
    """Return the name with the path of a file made absolute."""
    if not is_file(name):
        return name
    path, class_name = split_file_name(name)
    return f"{path.resolve()}:{class_name}"


def find_problem_in_file(path: Path, class_name: str) -> str | None:
    """Why a file has no class of that name, as far as that can be seen without running it."""
    try:
        tree = ast.parse(read_bytes(path))
    except OSError as error:
        return f"can't read {path}: {error.strerror}"
    except SyntaxError as error:
        return f"{path}:{error.lineno}: {error.msg}" if error.lineno else f"{path}: {error.msg}"
    except (ValueError, MemoryError, RecursionError):
        return f"{path} is no Python"
    names = set(bound_names(tree))
    return None if class_name in names or ANY in names else name_problem(path, class_name, names)


def name_problem(path: Path, class_name: str, names: Iterable[str]) -> str:
    """Say that a file has no class of that name, and which near one it has."""
    return f"{path} has no class {class_name}{did_you_mean(class_name, names)}"


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Return the names that a module may have once it has run: of classes, imports and assignments.

    `ANY` is among them where only running it tells.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.FunctionDef):
            yield ANY if node.name == "__getattr__" else node.name
        elif isinstance(node, ast.Name) and node.id in BINDERS:
            yield ANY
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def load_from_file(name: str) -> Any:
    """Return the class that a name of a file means; its neighbours can be imported by it.

    Raises:
        UsageError: the file is none of Python's, or has no class of that name once it has run.
    """
    path, class_name = split_file_name(name)
    path = path.resolve()
    loader = TextLoader(f"tfcli_file_{path.stem}", str(path), import_neighbours_of(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    if spec is None:
        raise UsageError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    loader.exec_module(module)
    try:
        return getattr(module, class_name)
    except AttributeError as error:
        raise UsageError(name_problem(path, class_name, vars(module))) from error


def describe_error(error: BaseException) -> str:
    """Describe in a line what somebody else's code raised, and where."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    try:
        message = " ".join(str(error).split())
    except Exception:  # this runs their code, too
        message = "its message can't be read"
    return f"{type(error).__name__}: {message} (at {frame.filename}:{frame.lineno})"

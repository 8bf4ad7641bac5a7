"""The modules that lie beside a file and that it imports: they are run with it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import machinery
from pathlib import Path
from types import CodeType
from typing import Any

from tfcli.config.reading import read_bytes

OURS = {"tfcli", "tasks"}  # never a neighbour, even where they are worked on


def find_neighbours(path: Path) -> set[Path]:
    """Return the files beside a module that Python may load for it, and for these, whatever they are."""
    folder = path.parent
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        for name in imported_names(waiting.pop()) - OURS:
            if is_elsewhere(name, folder):
                continue
            for candidate in [*folder.glob(f"{name}.*"), *(folder / name).rglob("*")]:
                if candidate.is_file() and "__pycache__" not in candidate.parts and candidate not in found:
                    found.add(candidate)
                    waiting.append(candidate)
    return found


def imported_names(module: Path) -> set[str]:
    """Return the first word of each name that a module imports; none where it is no source text."""
    if module.suffix != ".py":
        return set()
    try:
        tree = ast.parse(read_bytes(module))
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
        return set()
    return {name.partition(".")[0] for node in ast.walk(tree) for name in names_in(node)}


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield the names of modules that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from [node.module] if node.module else (alias.name for alias in node.names)


def is_elsewhere(name: str, folder: Path) -> bool:
    """Whether Python finds a module before it looks for it in `folder`."""
    if name in sys.stdlib_module_names:
        return True
    try:
        spec = machinery.PathFinder.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and not (spec.origin and Path(spec.origin).resolve().is_relative_to(folder))


class TextLoader(machinery.SourceFileLoader):
    """Compiles the text of a module itself: bytecode that lies beside it may be that of something else."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        code: CodeType = self.source_to_code(source, self.path)
        return code


def import_neighbours_of(path: Path) -> None:
    """Let a module import its neighbours, from their text."""
    folders = {str(file.parent) for file in (path, *find_neighbours(path))}

    def find_text(folder: str) -> Any:
        if folder not in folders:
            raise ImportError(folder)
        return machinery.FileFinder(
            folder,
            (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
            (TextLoader, machinery.SOURCE_SUFFIXES),
        )

    sys.path_hooks.insert(0, find_text)
    for folder in folders:
        sys.path_importer_cache.pop(folder, None)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))

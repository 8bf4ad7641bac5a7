"""The modules that lie beside a file and that it imports: they are run with it, and trusted with it.

They are found by import statements, and nothing else that lies there can be imported.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from importlib import machinery
from pathlib import Path

from tfcli.config.reading import read_bytes

ROOT = Path(__file__).parents[2]


def find_neighbours(path: Path) -> set[Path]:
    """Return the files beside a module that Python may load for it, and for these, whatever they are."""
    return {file for files in modules_beside(path).values() for file in files}


def modules_beside(path: Path) -> dict[str, set[Path]]:
    """Return what lies beside a module and is imported by it, or by these: the files of each name."""
    folder = path.parent
    found: dict[str, set[Path]] = {}
    waiting = [path]
    while waiting:
        for name in imported_names(waiting.pop()) - found.keys():
            if not is_elsewhere(name, folder):
                found[name] = {*filter(Path.is_file, folder.glob(f"{name}.*")), *files_below(folder / name)}
                waiting += found[name]
    return {name: files for name, files in found.items() if files}


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and in those below it, also through links, but for compiled ones."""
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(here)) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from filter(Path.is_file, (Path(here, name) for name in files))


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
    """Whether Python finds a module without looking for it in `folder`.

    That many modules of the standard library aren't there on this system: such a name may be a neighbour's.
    """
    if name == "tfcli" or (name == "tasks" and (ROOT / "tasks").is_dir()):  # even where they are worked on
        return True
    if name in sys.builtin_module_names or machinery.FrozenImporter.find_spec(name) is not None:
        return True
    others = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != folder]
    try:
        spec = machinery.PathFinder.find_spec(name, others)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None  # a folder without __init__ gives way to a module

"""How a file's own neighbours are imported by it, and by nothing but them.

Two files in two folders may each have a neighbour of the same name, and a neighbour may be changed while a
program goes on: whoever is run has its own, as it is now.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib import machinery
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tfcli.config.neighbours import modules_beside
from tfcli.config.reading import sha256_of


class TextLoader(machinery.SourceFileLoader):
    """Compiles the text of a module itself: bytecode that lies beside it may be that of something else.

    Where it has neighbours, its code imports theirs, whatever other modules of these names there are.
    """

    def __init__(self, fullname: str, path: str, neighbourhood: Neighbourhood | None = None) -> None:
        super().__init__(fullname, path)
        self.neighbourhood = neighbourhood

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        code: CodeType = self.source_to_code(source, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Run it; its functions, too, import by what stands under `__import__` here."""
        if self.neighbourhood is not None:
            vars(module)["__builtins__"] = {**vars(builtins), "__import__": self.neighbourhood.import_module}
        super().exec_module(module)


class NeighbourFinder:
    """Finds the modules beside a file that belong to it, from their text, and no other file below them."""

    def __init__(self, neighbourhood: Neighbourhood) -> None:
        self.folder = neighbourhood.folder
        self.names: set[str] = set()
        self.files: set[str] = set()  # where no link leads on
        self.loaders: Any = (
            (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
            (partial(TextLoader, neighbourhood=neighbourhood), machinery.SOURCE_SUFFIXES),
        )

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> machinery.ModuleSpec | None:
        """Find a module in the folder, or in a package that was found there."""
        if fullname.partition(".")[0] not in self.names:
            return None
        entries = [str(self.folder)] if path is None else path
        if not any(Path(entry).is_relative_to(self.folder) for entry in entries):
            return None  # of a package that belongs to another file
        for entry in entries:
            spec = machinery.FileFinder(entry, *self.loaders).find_spec(fullname)
            if spec is None:
                continue
            if spec.origin is not None and os.path.realpath(spec.origin) not in self.files:
                break
            if spec.loader is None:  # a folder without __init__
                package = machinery.ModuleSpec(fullname, None, is_package=True)
                package.submodule_search_locations = spec.submodule_search_locations
                return package
            return spec
        raise ModuleNotFoundError(f"no module {fullname} belongs to what is run", name=fullname)


class Neighbourhood:
    """The neighbours of the files of a folder, as they were when these were run: each is loaded once.

    Code that is loaded from there imports these, also in functions that are called later. All else sees them
    in `sys.modules`, unless there is another module of that name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts: dict[Path, str] = {}  # the digests of its files
        self.modules: dict[str, ModuleType] = {}  # that are loaded, by their names
        self.finder = NeighbourFinder(self)
        self.is_in_sight = False

    def add(self, files: dict[str, set[Path]], texts: dict[Path, str]) -> None:
        """Have these files belong to it, by the names of the modules."""
        self.texts |= texts
        self.finder.names |= files.keys()
        self.finder.files |= {os.path.realpath(file) for found in files.values() for file in found}

    def import_module(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        """Import for the code of this folder, as `__import__` does."""
        whole = name if level == 0 else (globals or {}).get("__package__") or ""
        is_ours = whole.partition(".")[0] in self.finder.names
        with self.in_sight() if is_ours and not self.is_in_sight else nullcontext():
            return builtins.__import__(name, globals, locals, fromlist, level)

    @contextmanager
    def in_sight(self) -> Iterator[None]:
        """Within this, these are what `sys.modules` has under their names."""
        others = self.take_out()
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self.finder)
        self.is_in_sight = True
        try:
            yield
        finally:
            self.is_in_sight = False
            sys.meta_path.remove(self.finder)
            self.modules = self.take_out()
            taken = {name.partition(".")[0] for name in others}
            free = {name for name in self.modules if name.partition(".")[0] not in taken}
            sys.modules.update({**others, **{name: self.modules[name] for name in free}})

    def take_out(self) -> dict[str, ModuleType]:
        """Take what there is under the names of neighbours out of `sys.modules`."""
        names = [name for name in sys.modules if name.partition(".")[0] in self.finder.names]
        return {name: sys.modules.pop(name) for name in names}

    def adopt(self, files: dict[str, set[Path]]) -> None:
        """Take for its own what the program that runs has itself loaded from these files."""
        for name, found in files.items():
            origin = getattr(sys.modules.get(name), "__file__", None)
            if origin is not None and Path(origin).resolve() in {file.resolve() for file in found}:
                within = [known for known in sys.modules if known.partition(".")[0] == name]
                self.modules.update({known: sys.modules[known] for known in within})


_NEIGHBOURHOODS: dict[Path, Neighbourhood] = {}  # by their folders


def import_neighbours_of(path: Path) -> Neighbourhood | None:
    """Let a module import its neighbours, from their text, and nothing else that lies beside it.

    Returns:
        Where its loader finds them, which are all loaded anew if a text has changed since; None if there are
        none.
    """
    beside = modules_beside(path)
    if not beside:
        return None
    texts = {file: sha256_of(file) for files in beside.values() for file in files}
    known = _NEIGHBOURHOODS.get(path.parent)
    if known is None or any(known.texts.get(file, text) != text for file, text in texts.items()):
        fresh = _NEIGHBOURHOODS[path.parent] = Neighbourhood(path.parent)
        if known is None:
            fresh.adopt(beside)
        elif known.finder in sys.meta_path:
            sys.meta_path.remove(known.finder)
        known = fresh
    known.add(beside, texts)
    if known.finder not in sys.meta_path:
        sys.meta_path.insert(0, known.finder)
    return known

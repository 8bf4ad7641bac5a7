"""How a file imports the modules that lie beside it, and is given its own.

Two files in two folders may each have a neighbour of the same name, and a neighbour may be changed while a
program goes on. So neighbours have names in `sys.modules` that begin with one for their folder, by which code
that is run from there imports them.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import machinery
from importlib.abc import Loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tfcli.config.neighbours import modules_beside
from tfcli.config.reading import sha256_of


class TextLoader(machinery.SourceFileLoader):
    """Compiles the text of a module itself: bytecode that lies beside it may be that of something else.

    Where it has neighbours, its code imports these, also in functions that are called later.
    """

    def __init__(self, fullname: str, path: str, neighbourhood: Neighbourhood | None = None) -> None:
        super().__init__(fullname, path)
        self.neighbourhood = neighbourhood

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        code: CodeType = self.source_to_code(source, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Run it with an `__import__` of its own."""
        if self.neighbourhood is not None:
            vars(module)["__builtins__"] = Builtins(__import__=self.neighbourhood.import_module)
        super().exec_module(module)


class Builtins(dict[str, Any]):
    """What is built in, but for what it has itself."""

    def __missing__(self, name: str) -> Any:
        return vars(builtins)[name]


class Neighbourhood:
    """The neighbours of the files of a folder, as their texts were when these files were run.

    Args:
        adopts: whether what the program that runs has itself imported from there is one of them.
    """

    def __init__(self, folder: Path, *, adopts: bool) -> None:
        self.folder, self.adopts = folder, adopts
        self.package = f"tfcli_beside_{len(_BY_PACKAGE)}"  # their names in `sys.modules` are below it
        sys.modules[self.package] = package = ModuleType(self.package)
        vars(package)["__path__"] = []
        _BY_PACKAGE[self.package] = self
        self.names: set[str] = set()
        self.files: set[str] = set()  # where no link leads on
        self.texts: dict[Path, str] = {}  # digests
        self.loaders: Any = (
            (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
            (partial(TextLoader, neighbourhood=self), machinery.SOURCE_SUFFIXES),
        )

    def add(self, files: dict[str, set[Path]], texts: dict[Path, str]) -> None:
        """Have these files belong to it, by the names of the modules."""
        self.names |= files.keys()
        self.files |= {os.path.realpath(file) for found in files.values() for file in found}
        self.texts |= texts
        for name in files if self.adopts else ():
            self.adopt(name)

    def has_changed(self, texts: dict[Path, str]) -> bool:
        """Whether one of its files is another now, or is gone."""
        return any(texts.get(file, text) != text or not file.is_file() for file, text in self.texts.items())

    def adopt(self, name: str) -> None:
        """Take for its own what the program that runs has itself imported from one of its files."""
        origin = getattr(sys.modules.get(name), "__file__", None)
        if origin is None or os.path.realpath(origin) not in self.files:
            return
        for known in [known for known in sys.modules if known.partition(".")[0] == name]:
            sys.modules.setdefault(f"{self.package}.{known}", sys.modules[known])

    def hide(self) -> None:
        """Leave its modules to the code that has imported them: for all others there are newer ones."""
        for name in [name for name in sys.modules if name.startswith(f"{self.package}.")]:
            plain = name.partition(".")[2]
            if sys.modules.get(plain) is sys.modules[name]:
                del sys.modules[plain]

    def import_module(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Import for code of this folder, as `__import__` does."""
        first = name.partition(".")[0]
        if level or first not in self.names:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist or ())
        return found if fromlist else sys.modules[f"{self.package}.{first}"]

    def find(self, name: str, path: Sequence[str] | None) -> machinery.ModuleSpec:
        """Find a module by its own name: in the folder, or in a package that was found there.

        Raises:
            ModuleNotFoundError: there is none, or it is no neighbour of what is run.
        """
        fullname = f"{self.package}.{name}"
        for entry in path or [str(self.folder)]:
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
        raise ModuleNotFoundError(f"no module {name} belongs to what is run", name=fullname)


class NeighbourFinder:
    """Finds neighbours by the names that they have, and, for all other code, by those of their files."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> machinery.ModuleSpec | None:
        """Find a module; of several of a name that of the file that was run last."""
        first, _, rest = fullname.partition(".")
        if first in _BY_PACKAGE:
            return _BY_PACKAGE[first].find(rest, path)
        for known in reversed(_BY_FOLDER.values()):
            is_there = path is None or any(Path(entry).is_relative_to(known.folder) for entry in path)
            if first in known.names and is_there:
                known.find(fullname, path)
                return machinery.ModuleSpec(fullname, OtherName(known))
        return None


class OtherName(Loader):
    """Loads a neighbour by the name of its file: it is the module that it is by its own name."""

    def __init__(self, neighbourhood: Neighbourhood) -> None:
        self.package = neighbourhood.package

    def create_module(self, spec: machinery.ModuleSpec) -> ModuleType:
        """Return the module, which is loaded if it hasn't been."""
        module = importlib.import_module(f"{self.package}.{spec.name}")
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Put back what it was found by; it has been run."""
        module.__spec__ = self.spec


_BY_PACKAGE: dict[str, Neighbourhood] = {}
_BY_FOLDER: dict[Path, Neighbourhood] = {}  # the latest of each; that of the file that was run last is last
_FINDER: Any = NeighbourFinder()


def import_neighbours_of(path: Path) -> Neighbourhood | None:
    """Let a module import its neighbours, from their text, and nothing else that lies beside it.

    Returns:
        What its loader needs; where a text has changed since, all are loaded anew. None if there are none.
    """
    beside = modules_beside(path)
    texts = {file: sha256_of(file) for files in beside.values() for file in files}
    known = _BY_FOLDER.pop(path.parent, None)
    has_changed = known is not None and known.has_changed(texts)
    if known is not None and has_changed:
        known.hide()
    if known is None or has_changed:
        if not beside:
            return None
        known = Neighbourhood(path.parent, adopts=not has_changed)
    known.add(beside, texts)
    _BY_FOLDER[path.parent] = known
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    return known if beside else None

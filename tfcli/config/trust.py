"""Whose code may run when a run is opened: what was trained with here, and what its user names.

A run names the files that its task and its parts come from, and to open it runs them. A stranger's run must
not run a stranger's code unasked. So each file that a training runs is noted by its digest in a list of the
user's own, outside any run folder, and a run whose files aren't in it is opened only with `--trust FILE`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from tfcli.config.class_files import is_file, split_file_name
from tfcli.config.neighbours import find_neighbours
from tfcli.config.parts import Part
from tfcli.config.reading import read_bytes, sha256_of
from tfcli.config.schema import RunConfig
from tfcli.errors import UsageError


def files_of(config: RunConfig) -> list[tuple[str, Path]]:
    """Return the settings of a configuration that name a class in a file, with these files.

    Where one names several, for heads that are shared out, they have numbers: `model.positions[0]`.
    """
    names = [("task.name", config.task.name)] if is_file(config.task.name) else []
    for section in ("model", "train"):
        for key, value in getattr(config, section):
            if isinstance(value, Part):
                own = [part.name for part in value.named() if is_file(part.name)]
                numbers = [f"[{i}]" for i in range(len(own))] if len(own) > 1 else [""]
                names += [(f"{section}.{key}{i}", name) for i, name in zip(numbers, own, strict=False)]
    return [(setting, split_file_name(name)[0]) for setting, name in names]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file; if it imports its neighbours, of a list of their digests and its own.

    Raises:
        OSError: it can't be read.
    """
    files = sorted({path.resolve(), *find_neighbours(path.resolve())})
    digests = {file: sha256_of(file) for file in files}
    if len(files) == 1:
        return digests[files[0]]
    lines = "".join(f"{digests[file]}  {os.path.relpath(file, path.resolve().parent)}\n" for file in files)
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def list_file() -> Path:
    """Where the list of trusted digests is: in the user's folder for state."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    else:
        base = os.environ.get("XDG_STATE_HOME")
    return Path(base or os.path.expanduser("~/.local/state")) / "tfcli" / "trusted"


def trusted_digests() -> set[str]:
    """Return the digests of all code that was trained with here."""
    with contextlib.suppress(OSError):
        return {line.split(" ")[0] for line in read_bytes(list_file()).decode(errors="replace").splitlines()}
    return set()


def remember(config: RunConfig) -> None:
    """Trust the files of a configuration from now on. Where that can't be noted, it is asked for later."""
    known = trusted_digests()
    with contextlib.suppress(OSError):
        for _, path in files_of(config):
            found = digest(path)
            if found not in known:
                list_file().parent.mkdir(parents=True, exist_ok=True)
                with list_file().open("a", encoding="utf-8", errors="replace") as file:
                    file.write(f"{found}  {path}\n")


def require(config: RunConfig, run: Path, named: Iterable[Path]) -> None:
    """See to it, before any of it runs, that the code of a run was trained with here, or is `named`.

    Raises:
        UsageError: it wasn't.
    """
    consented = {path.resolve() for path in named}
    known = trusted_digests()
    for setting, path in files_of(config):
        try:
            found = digest(path)
        except OSError as error:
            raise UsageError(f"{run}: {setting}: can't read {path}: {error.strerror}") from error
        if found not in known and path.resolve() not in consented:
            raise UsageError(
                f"{run} would run {path} ({setting}), which nothing was trained with here as it is now "
                f"(sha256 {found}); look at it, and if it may run, add --trust {path}"
            )

"""Runs that moved: the files of their classes are looked for where they stand relative to the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tfcli.config.class_files import is_file, split_file_name
from tfcli.config.class_names import rename_classes
from tfcli.config.reading import sha256_of
from tfcli.config.schema import RunConfig
from tfcli.config.trust import digest, files_of


def relocate(config: RunConfig, run: Path, code: dict[str, str]) -> RunConfig:
    """Return a configuration with the files that are no longer where they were as they are found now.

    Args:
        code: the digest of each file when the run was trained; no other file is taken for it.
    """
    moved: dict[str, str] = {}
    for setting, path in files_of(config):
        if not path.exists() and setting in code:
            found = next((near for near in nearby(path, run) if has_digest(near, code[setting])), None)
            if found is not None:
                moved[str(path)] = str(found)

    def rename(name: str) -> str:
        path, class_name = split_file_name(name)
        return f"{moved[str(path)]}:{class_name}" if is_file(name) and str(path) in moved else name

    return rename_classes(config, rename)


def nearby(path: Path, run: Path) -> Iterator[Path]:
    """Return where the end of a path may lie in a folder that the run is in, the nearest first."""
    for folder in run.resolve().parents:
        for count in range(1, len(path.parts)):
            yield folder.joinpath(*path.parts[-count:])


def has_digest(path: Path, wanted: str) -> bool:
    """Whether a path leads to the file that was trained with."""
    with suppress(OSError):
        return path.is_file() and digest(path) == wanted
    return False


def find_changes(config: RunConfig, code: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """Return the settings whose file is there, but is no longer what it was."""
    for setting, path in files_of(config):
        if setting in code and path.exists() and not has_digest(path, code[setting]):
            yield setting, path
    data = Path(config.task.data or "")
    with suppress(OSError):
        if config.task.data and data.is_file() and sha256_of(data) != config.task.digest:
            yield "task.data", data

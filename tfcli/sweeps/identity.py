"""What makes two runs the same one: their settings, and the code and data that these name."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import tfcli
from tfcli.config.class_files import is_file, split_file_name
from tfcli.config.class_names import rename_classes
from tfcli.config.reading import sha256_of
from tfcli.config.schema import RunConfig
from tfcli.config.trust import digest, files_of
from tfcli.errors import UsageError
from tfcli.runs import folders

DIGITS = 12  # hexadecimal; among ten thousand runs two are equal once in a few million sweeps


class Identifier:
    """Gives runs their ids, and reads each file for that once."""

    def __init__(self) -> None:
        self.digests: dict[Path, str] = {}

    def identify(self, config: RunConfig) -> str:
        """Return the id of a run: of its settings, of tfcli's version, of its own classes, data and start.

        Where files lie makes no difference, nor who is told of the training (`train.log`).

        Raises:
            UsageError: a file can't be read.
        """
        settings = rename_classes(config, without_folder).model_dump(mode="json")
        settings["train"]["log"] = []
        content = {setting: self.digest(setting, path) for setting, path in files_of(config)}
        for key in ("data", "test"):
            if (name := getattr(config.task, key)) is not None:
                settings["task"][key] = Path(name).name
                content[f"task.{key}"] = self.digest(f"task.{key}", Path(name))
        if config.train.start is not None:
            settings["train"]["start"] = None
            weights = folders.weights_of(Path(config.train.start))
            content["train.start"] = self.digest("train.start", weights)
        for section in settings.values():  # heads are shared out in the order that is written
            section |= {key: list(value.items()) for key, value in section.items() if is_shared(value)}
        said = json.dumps([tfcli.__version__, settings, content], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:DIGITS]

    def digest(self, setting: str, path: Path) -> str:
        """Return the digest of a file.

        Raises:
            UsageError: it can't be read.
        """
        if path not in self.digests:
            try:
                is_code = not setting.startswith(("task.data", "task.test", "train.start"))
                self.digests[path] = digest(path) if is_code else sha256_of(path)
            except OSError as error:
                raise UsageError(f"{setting}: can't read {path}: {error.strerror}") from error
        return self.digests[path]


def is_id(text: str) -> bool:
    """Whether a text may be the id of a run."""
    return re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", text) is not None


def refuse_changed(config: RunConfig, id: str) -> None:
    """Refuse a run whose code or data is no longer what its id is of.

    Raises:
        UsageError: it isn't, or a file can't be read.
    """
    if Identifier().identify(config) != id:
        raise UsageError("its code or data has changed since the sweep began; ask for the sweep again")


def is_shared(value: object) -> bool:
    """Whether a setting shares heads out among several parts."""
    return isinstance(value, dict) and "name" not in value


def without_folder(name: str) -> str:
    """`path/to/mine.py:Mine` -> `mine.py:Mine`."""
    if not is_file(name):
        return name
    path, class_name = split_file_name(name)
    return f"{path.name}:{class_name}"

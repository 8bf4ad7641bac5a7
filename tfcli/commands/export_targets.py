"""Where an export belongs, seen to before any work is done."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from tfcli.errors import UsageError, did_you_mean
from tfcli.pretrained.folder import CONFIG, SINGLE
from tfcli.pretrained.tokenizer import SETTINGS, TOKENIZER

ENDINGS = {"onnx": ".onnx", "hf": "-hf", "transformer-lens": "-lens"}  # by the format, after the run's name
FILES = {CONFIG, SINGLE, TOKENIZER, SETTINGS}  # all that an exported folder may have
NEEDED = ("onnx", "onnxscript")  # by torch's exporter


def choose_target(run: Path, to: str, out: Path | None, *, padding: bool, force: bool) -> Path:
    """Return where an export belongs, once it is known that it can be made there.

    Raises:
        UsageError: there is no such format, a library isn't installed, or something is there already.
    """
    if to not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise UsageError(f"--to: no such format as {to!r}{did_you_mean(to, ENDINGS)} (formats: {known})")
    if padding and to != "onnx":
        raise UsageError("--padding is about --to onnx; leave it out, for others read padding anyway")
    missing = [name for name in NEEDED if to == "onnx" and find_spec(name) is None]
    if missing:
        raise UsageError(f"--to onnx needs {' and '.join(missing)}: pip install onnx onnxscript onnxruntime")
    path = out or Path(f"{run.resolve().name}{ENDINGS[to]}")
    if not path.parent.is_dir():
        raise UsageError(f"--out {path}: there is no folder {path.parent}")
    (check_file if to == "onnx" else check_folder)(path, force=force)
    return path


def check_file(path: Path, *, force: bool) -> None:
    """See to it that a file can be written.

    Raises:
        UsageError: it is there already, or something that isn't a file.
    """
    if os.path.lexists(path) and not path.is_file():
        raise UsageError(f"--out {path}: there is something that isn't a file; choose another name")
    if path.exists() and path.suffix != ENDINGS["onnx"]:
        raise UsageError(f"--out {path}: exists already, and is no .onnx file; choose another name")
    if path.exists() and not force:
        raise UsageError(f"--out {path}: exists already; --force overwrites it")


def check_folder(path: Path, *, force: bool) -> None:
    """See to it that a folder can be filled. One with files of something else, such as a run, never is.

    Raises:
        UsageError: it is there already, or something that isn't a folder.
    """
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise UsageError(f"--out {path}: there is something that isn't a folder; choose another name")
    if others := sorted({entry.name for entry in path.iterdir()} - FILES):
        raise UsageError(f"--out {path}: holds {others[0]}, which no export has; choose another folder")
    if not force:
        raise UsageError(f"--out {path}: exists already; --force overwrites it")

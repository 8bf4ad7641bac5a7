"""Read the JSON files of a folder as Hugging Face saves it. Nothing in such a folder is ever run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfcli.config.reading import read_bytes
from tfcli.errors import UsageError

CONFIG = "config.json"
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
MOST_JSON = 50_000_000  # bytes; a tokenizer of 65,536 pieces with their merges takes 5 million


def refuse_constant(name: str) -> Any:
    """Refuse NaN and infinities, which Python reads though JSON has none."""
    raise ValueError(f"{name} is no number")


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping that a JSON file holds.

    Raises:
        UsageError: it can't be read, or holds something else.
    """
    try:
        value = json.loads(read_bytes(path, MOST_JSON), parse_constant=refuse_constant)
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error
    except RecursionError as error:
        raise UsageError(
            f"{path}: its values lie too deep within each other; save the model again"
        ) from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise UsageError(f"{path}: no JSON ({error}); save the model again") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}: must hold keys and values; save the model again")
    return value


def check_folder(folder: Path) -> None:
    """See to it that a path leads to the folder of a model.

    Raises:
        UsageError: it doesn't.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder}: no such folder; name one that `save_pretrained` of transformers wrote, or that was "
            "downloaded"
        )
    if not (folder / CONFIG).is_file():
        raise UsageError(f"{folder}: no model, for it has no {CONFIG}; name the folder that has one")

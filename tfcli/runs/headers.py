"""What the header of a checkpoint says: its configuration, its summary, its tensors."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from tfcli.config.messages import explain
from tfcli.config.parts import UNKNOWN
from tfcli.config.schema import RunConfig
from tfcli.config.upgrades import UPGRADES, Upgrade
from tfcli.errors import TfcliError
from tfcli.records.results import TrainSummary
from tfcli.runs.folders import weights_of
from tfcli.runs.locks import find_trainer

FORMAT = "tfcli-2"
MAX_HEADER = 100_000_000  # bytes, the limit of the safetensors format


class TensorEntry(NamedTuple):
    """What the header of a checkpoint says of a tensor."""

    dtype: str  # as safetensors calls it, such as F32
    shape: list[Annotated[int, Field(ge=0)]]
    data_offsets: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]  # in the file's last part


class Adapters(NamedTuple):
    """How pydantic reads what is in a run folder."""

    summary: TypeAdapter[TrainSummary]
    tensors: TypeAdapter[dict[str, TensorEntry]]


@cache
def adapters() -> Adapters:
    """Return them, made when the first run is read: that takes milliseconds."""
    return Adapters(
        TypeAdapter(TrainSummary),
        TypeAdapter(dict[str, TensorEntry]),
    )


class Header(NamedTuple):
    """What the header of a checkpoint says."""

    config: RunConfig
    summary: TrainSummary
    tensors: dict[str, TensorEntry]  # by name
    digest: str | None  # of their bytes; None in a format that has none
    upgrade: Upgrade  # from the format that it was saved in


def read_header(run: Path, path: Path | None = None) -> Header:
    """Return the header of a run's checkpoint, or of a snapshot at `path`.

    Raises:
        TfcliError: there is no checkpoint, it is damaged, or another program wrote it.
    """
    path = path or weights_of(run)
    try:
        header, rest = read_json_header(path)
    except FileNotFoundError as error:
        pid = find_trainer(run)
        ended = "its training ended before it saved any; train it again"
        why = ended if pid is None else f"it is in training (pid {pid}); look again soon"
        raise TfcliError(f"{run} has no weights yet: {why}") from error
    except OSError as error:
        raise TfcliError(f"can't read {path}: {error.strerror}") from error
    if not isinstance(header, dict):
        raise damage_error(path, "it doesn't begin with a safetensors header")
    metadata = header.pop("__metadata__", None)
    found = metadata.get("format") if isinstance(metadata, dict) else None
    if found not in UPGRADES:
        raise TfcliError(unknown_format(path, found))
    upgrade = UPGRADES[found]()
    digest = check_seal(path, metadata) if upgrade.has_digests else None
    try:
        settings = upgrade.rename_settings(json.loads(metadata["config"]))
        config = RunConfig.model_validate_json(json.dumps(settings))
        summary = adapters().summary.validate_json(metadata["summary"])
        tensors = adapters().tensors.validate_python(header)
    except ValidationError as error:
        first = error.errors()[0]
        if digest is not None and first["type"] in ("extra_forbidden", UNKNOWN):
            what = explain(first).partition(" (")[0]
            raise TfcliError(
                f"{path} was written by a newer tfcli: {what}; upgrade tfcli to read it"
            ) from error
        raise damage_error(path, explain(first)) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damage_error(path, "its header is incomplete") from error
    needed = max((tensor.data_offsets[1] for tensor in tensors.values()), default=0)
    if rest != needed:
        raise damage_error(path, f"its tensors take {rest} bytes, and should take {needed}")
    return Header(config, summary, tensors, digest, upgrade)


def read_json_header(path: Path) -> tuple[Any, int]:
    """Return what a checkpoint begins with, eight bytes of length, then JSON, and how many bytes follow.

    None in place of JSON where there is none that a checkpoint would hold.

    Raises:
        OSError: it can't be read.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for somebody to write into it
        return None, 0
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length <= min(MAX_HEADER, status.st_size) else None
        except (ValueError, RecursionError):
            header = None
    return header, status.st_size - 8 - length


def seal_of(config: str, summary: str, digest: str) -> str:
    """Return the digest of what a header says, and of the digest of the tensors."""
    return hashlib.sha256("\0".join((FORMAT, config, summary, digest)).encode()).hexdigest()


def check_seal(path: Path, metadata: dict[str, Any]) -> str:
    """Return the digest of the tensors, if the header is as it was written.

    Raises:
        TfcliError: it isn't.
    """
    config, summary, digest = (str(metadata.get(key)) for key in ("config", "summary", "digest"))
    if metadata.get("seal") != seal_of(config, summary, digest):
        raise damage_error(path, "its header is not as it was written")
    return digest


def unknown_format(path: Path, found: object) -> str:
    """Explain that a checkpoint has a format that isn't known here."""
    if isinstance(found, str) and re.fullmatch(r"tfcli-\d+", found):
        return f"{path} was written by a newer tfcli (format {found}); upgrade tfcli to read it"
    return f"{path} wasn't written by tfcli (its format is {found!r}, not {FORMAT!r})"


def damage_error(path: Path, reason: str) -> TfcliError:
    """Return a checkpoint that can't be used, and why."""
    return TfcliError(f"{path} is damaged: {reason}; train the run again")

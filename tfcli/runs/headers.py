"""What the header of a checkpoint says: its configuration, its summary, its tensors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from tfcli.config.messages import explain
from tfcli.config.parts import SAVED, UNKNOWN
from tfcli.config.reading import check_file
from tfcli.config.schema import RunConfig
from tfcli.config.upgrades import UPGRADES, Upgrade
from tfcli.errors import DamagedError, TfcliError
from tfcli.records.results import TrainSummary
from tfcli.runs.folders import weights_of
from tfcli.runs.locks import find_trainer

if TYPE_CHECKING:
    from tfcli.records.progress import Standing

FORMAT = "tfcli-2"
STATE_FORMAT = "tfcli-state-1"
MAX_HEADER = 10_000_000  # bytes; that of a thousand layers takes two million


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
    return Adapters(TypeAdapter(TrainSummary), TypeAdapter(dict[str, TensorEntry]))


@cache
def standing_adapter() -> TypeAdapter[Standing]:
    """Return how pydantic reads where a training stands; only `--resume` needs it."""
    from tfcli.records.progress import Standing

    return TypeAdapter(Standing)


class Header(NamedTuple):
    """What the header of a checkpoint says."""

    config: RunConfig
    summary: TrainSummary
    tensors: dict[str, TensorEntry]  # by name
    digest: str | None  # of their bytes; None in a format that has none
    upgrade: Upgrade  # from the format that it was saved in


class StateHeader(NamedTuple):
    """What the header of the state of a training says."""

    config: RunConfig
    standing: Standing
    digest: str  # of the bytes of its tensors


def read_header(run: Path, path: Path | None = None) -> Header:
    """Return the header of a run's checkpoint, or of a snapshot at `path`.

    Raises:
        TfcliError: there is no checkpoint, it is damaged, or another program wrote it.
    """
    path = path or weights_of(run)
    try:
        texts, entries, rest = read_texts(path, UPGRADES)
    except FileNotFoundError as error:
        pid = find_trainer(run)
        ended = "its training ended before it saved any; train it again"
        why = ended if pid is None else f"it is in training (pid {pid}); look again soon"
        raise TfcliError(f"{run} has no weights yet: {why}") from error
    upgrade = UPGRADES[texts["format"]]()
    digest = check_seal(path, texts, "config", "summary", "digest") if upgrade.has_digests else None
    with explained(path, is_sealed=digest is not None):
        settings = upgrade.rename_settings(json.loads(texts["config"]))
        config = RunConfig.model_validate_json(json.dumps(settings), context=SAVED)
        summary = adapters().summary.validate_json(texts["summary"])
        check_summary(path, summary)
    return Header(config, summary, read_entries(path, entries, rest), digest, upgrade)


def check_summary(path: Path, summary: TrainSummary) -> None:
    """See to it that a summary can be true.

    Raises:
        TfcliError: it can't.
    """
    shares = (summary.exact_match, summary.token_accuracy)
    counts = (summary.steps, summary.attempts - 1, summary.train_seconds, summary.tokens_per_second)
    if min(counts) < 0 or not all(share is None or 0 <= share <= 1 for share in shares):
        raise damage_error(path, "its summary can't be true")


def read_state_header(path: Path) -> StateHeader:
    """Return the header of the state of a training.

    Raises:
        FileNotFoundError: there is none.
        TfcliError: it is damaged, or another program wrote it.
    """
    texts, entries, rest = read_texts(path, (STATE_FORMAT,))
    digest = check_seal(path, texts, "config", "standing", "digest")
    with explained(path, is_sealed=True):
        config = RunConfig.model_validate_json(texts["config"], context=SAVED)
        standing = standing_adapter().validate_json(texts["standing"])
    read_entries(path, entries, rest)
    return StateHeader(config, standing, digest)


def read_texts(path: Path, formats: Container[str]) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return the texts in the header of a checkpoint, what it says of its tensors, and how many bytes follow.

    Raises:
        FileNotFoundError: there is none.
        TfcliError: it can't be read, or is of none of these formats.
    """
    try:
        header, rest = read_json_header(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TfcliError(f"can't read {path}: {error.strerror}") from error
    if not isinstance(header, dict):
        raise damage_error(path, "it doesn't begin with a safetensors header")
    texts = header.pop("__metadata__", None)
    found = texts.get("format") if isinstance(texts, dict) else None
    if not isinstance(found, str) or found not in formats:
        raise TfcliError(unknown_format(path, found))
    return texts, header, rest


@contextmanager
def explained(path: Path, *, is_sealed: bool) -> Iterator[None]:
    """Explain why a header can't be understood: a sealed one that is strange isn't damaged, but newer."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        if is_sealed and first["type"] in ("extra_forbidden", "unexpected_keyword_argument", UNKNOWN):
            what = explain(first).partition(" (")[0]
            raise TfcliError(
                f"{path} was written by a newer tfcli: {what}; upgrade tfcli to read it"
            ) from error
        raise damage_error(path, explain(first)) from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damage_error(path, "its header is incomplete") from error


def read_entries(path: Path, entries: dict[str, Any], rest: int) -> dict[str, TensorEntry]:
    """Return what a header says of its tensors, held against how many bytes follow it.

    Raises:
        TfcliError: it can't be understood, or they take more or fewer bytes.
    """
    with explained(path, is_sealed=False):
        tensors = adapters().tensors.validate_python(entries)
    needed = max((tensor.data_offsets[1] for tensor in tensors.values()), default=0)
    if rest != needed:
        raise damage_error(path, f"its tensors take {rest} bytes, and should take {needed}")
    return tensors


def read_json_header(path: Path) -> tuple[Any, int]:
    """Return what a checkpoint begins with, eight bytes of length, then JSON, and how many bytes follow.

    None in place of JSON where there is none that a checkpoint would hold.

    Raises:
        OSError: it can't be read.
    """
    size = check_file(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length <= min(MAX_HEADER, size) else None
        except (ValueError, RecursionError):
            header = None
    return header, size - 8 - length


def seal_of(*said: str) -> str:
    """Return the digest of what a header says: its format, its texts, and the digest of the tensors."""
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def check_seal(path: Path, texts: dict[str, Any], *sealed: str) -> str:
    """Return the last of the sealed texts, the digest of the tensors, if the header is as it was written.

    Raises:
        TfcliError: it isn't.
    """
    said = [str(texts.get(key)) for key in ("format", *sealed)]
    if texts.get("seal") != seal_of(*said):
        raise damage_error(path, "its header is not as it was written")
    return said[-1]


def unknown_format(path: Path, found: object) -> str:
    """Explain that a checkpoint has a format that isn't known here."""
    if isinstance(found, str) and re.fullmatch(r"tfcli-(state-)?\d+", found):
        return f"{path} was written by a newer tfcli (format {found}); upgrade tfcli to read it"
    return f"{path} wasn't written by tfcli (its format is {found!r}, not {FORMAT!r})"


def damage_error(path: Path, reason: str) -> DamagedError:
    """Return a checkpoint that can't be used, and why."""
    return DamagedError(f"{path} is damaged: {reason}; train the run again")

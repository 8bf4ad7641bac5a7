"""Run folders: names, listing, and what a run tells without torch.

A run is a folder with `config.yaml`, `metrics.jsonl` and, once something has been saved, `model.safetensors`,
whose header holds the configuration and the summary as text.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from dataclasses import asdict
from functools import cache
from math import prod
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from tfcli.config.messages import explain
from tfcli.config.parts import UNKNOWN
from tfcli.config.schema import RunConfig
from tfcli.config.upgrades import UPGRADES, Upgrade
from tfcli.errors import TfcliError, UsageError, did_you_mean
from tfcli.locks import find_trainer
from tfcli.records.results import RunDetails, RunSummary, TrainSummary

RUNS = Path("runs")
WEIGHTS = "model.safetensors"
CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
SNAPSHOTS = "snapshots"
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
    metrics_line: TypeAdapter[dict[str, float]]


@cache
def adapters() -> Adapters:
    """Return them, made when the first run is read: that takes milliseconds."""
    return Adapters(
        TypeAdapter(TrainSummary),
        TypeAdapter(dict[str, TensorEntry]),
        TypeAdapter(dict[str, Annotated[float, Field(allow_inf_nan=False)]]),
    )


class Header(NamedTuple):
    """What the header of a checkpoint says."""

    config: RunConfig
    summary: TrainSummary
    tensors: dict[str, TensorEntry]  # by name
    digest: str | None  # of their bytes; None in a format that has none
    upgrade: Upgrade  # from the format that it was saved in


def create(name: str, out: Path | None) -> Path:
    """Return a new, empty run folder: `out`, or `runs/NAME`, `runs/NAME-2`, ... Nothing is ever overwritten.

    Raises:
        UsageError: `out` exists, or the folder can't be made.
    """
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    number = 1
    while True:
        path = out or RUNS / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
            return path
        except OSError as error:
            if not os.path.lexists(path):
                hint = "--out PATH puts it elsewhere"
                raise UsageError(f"can't make the folder {path}: {error.strerror}; {hint}") from error
            if out is not None:
                raise UsageError(f"{out} exists already; choose another --out, or leave it out") from error
            number += 1


def all_runs() -> list[Path]:
    """Return the run folders below `runs/`, the newest last."""
    found = [path for path in RUNS.glob("*") if (path / CONFIG).is_file()]
    return sorted(found, key=lambda path: ((path / CONFIG).stat().st_mtime_ns, path.name))


def run_names() -> list[str]:
    """Return the names of the runs below `runs/`."""
    return [path.name for path in all_runs()]


def as_run(name: str) -> Path | None:
    """Return the run folder that `name` means, by its name or its path, if there is one."""
    with contextlib.suppress(OSError, ValueError):  # a long sequence, say, can't be a file's name
        for path in (RUNS / name, Path(name)):
            if name and ((path / CONFIG).is_file() or weights_of(path).is_file()):
                return path
    return None


def find(name: str | None) -> Path:
    """Return the run of that name or path; without a name the newest that has weights.

    Raises:
        UsageError: there is none.
    """
    if name is None:
        trained = [path for path in all_runs() if weights_of(path).is_file()]
        if not trained:
            raise UsageError(f"there is no trained run in {RUNS}/; `tfcli train reverse` makes one")
        return trained[-1]
    path = as_run(name)
    if path is None:
        raise UsageError(f"no run is called {name!r}{did_you_mean(name, run_names())} (`tfcli ls` shows all)")
    return path


def run_and_sequence(first: str | None, second: str | None) -> tuple[Path, str | None]:
    """`[RUN] [SEQUENCE]`: one word alone is a run if there is one of that name, else a sequence.

    Raises:
        UsageError: there is no such run.
    """
    if first is not None and second is None and as_run(first) is None:
        return find(None), first
    return find(first), second


def snapshots(run: Path) -> dict[int, Path]:
    """Return the snapshots of a run by their steps, in order."""
    found = {path.stem.removeprefix("step-"): path for path in (run / SNAPSHOTS).glob("step-*.safetensors")}
    return dict(sorted((int(step), path) for step, path in found.items() if step.isdecimal()))


def weights_of(run: Path) -> Path:
    """Return the file with the weights of a run: the newest snapshot where there is nothing else."""
    weights = run / WEIGHTS
    return weights if weights.exists() else next(reversed(snapshots(run).values()), weights)


def snapshot_path(run: Path, step: int) -> Path:
    """Where the snapshot of that step belongs."""
    return run / SNAPSHOTS / f"step-{step:08}.safetensors"


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


def summarize(run: Path) -> RunSummary:
    """Return a line about a run; a run that can't be read says why."""
    try:
        header = read_header(run)
    except TfcliError as error:
        return RunSummary(run.name, None, None, None, None, problem=str(error))
    summary = header.summary
    return RunSummary(
        run.name,
        header.config.task.name,
        summary.solved,
        summary.steps,
        summary.exact_match,
        trained_by=find_trainer(run),
        ended_early=summary.interrupted,
    )


def details(run: Path) -> RunDetails:
    """All that a run tells without running its model."""
    config, summary, tensors, *_ = read_header(run)
    by_part: dict[str, int] = {}
    for name, tensor in tensors.items():
        if tensor.shape:  # a number that stands alone is kept with the weights, but not learned
            by_part[part_of(name)] = by_part.get(part_of(name), 0) + prod(tensor.shape)
    return RunDetails(
        run=str(run),
        config=config.model_dump(mode="json"),
        parameters=sum(by_part.values()),
        parameters_by_part=by_part,
        history=read_metrics(run),
        snapshots=list(snapshots(run)),
        **asdict(summary),
    )


def part_of(tensor: str) -> str:
    """Return the part a tensor belongs to: `blocks.0.attention.qkv.weight` -> `blocks.0.attention`."""
    words = tensor.split(".")
    if words[0] != "blocks":
        return words[0]
    return ".".join(words[:4] if words[3] == "positions" else words[:3])


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the lines of `metrics.jsonl`, up to the first that a crash or a person left unreadable."""
    lines: list[dict[str, Any]] = []
    unreadable = contextlib.suppress(OSError, ValueError, RecursionError)
    with unreadable, (run / METRICS).open(encoding="utf-8") as file:
        lines.extend(map(adapters().metrics_line.validate_json, file))
    return lines


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Bring a new name in a folder onto the disk, where folders can be synced."""
    with contextlib.suppress(OSError):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)

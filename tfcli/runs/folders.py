"""Run folders: their names, what lies in them, and listing.

A run is a folder with `config.yaml`, `metrics.jsonl` and, once something has been saved, `model.safetensors`,
whose header holds the configuration and the summary as text, and `training.safetensors`, from which the
training can go on.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from tfcli.errors import UsageError, did_you_mean
from tfcli.runs.locks import LOCK

RUNS = Path("runs")
WEIGHTS = "model.safetensors"
STATE = "training.safetensors"
CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
SNAPSHOTS = "snapshots"
JOURNAL = "sweep.jsonl"  # of a folder of runs
OF_A_SWEEP = (JOURNAL, LOCK)  # what lies beside its runs


def create(name: str, out: Path | None) -> Path:
    """Return a new, empty run folder: `out`, or `runs/NAME`, `runs/NAME-2`, ... Nothing is ever overwritten.

    Raises:
        UsageError: `out` exists, or the folder can't be made.
    """
    name = safe_name(name)
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


def safe_name(name: str) -> str:
    """Return a name that a folder can have on any system."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"


def all_runs() -> list[Path]:
    """Return the runs below `runs/`, as `runs_below`."""
    return runs_below(RUNS)


def runs_in(folder: Path) -> list[Path]:
    """Return the run folders in a folder, by name."""
    return sorted(path for path in folder.glob("*") if (path / CONFIG).is_file())


def runs_below(folder: Path) -> list[Path]:
    """Return the run folders in a folder, and in the folders there that are none, the newest last."""
    found: list[tuple[int, str, Path]] = []
    for path in folder.glob("*"):
        for run in [path] if (path / CONFIG).is_file() else path.glob("*"):
            with contextlib.suppress(OSError):
                status = (run / CONFIG).stat()
                if stat.S_ISREG(status.st_mode):
                    found.append((status.st_mtime_ns, name_of(run), run))
    return [path for *_, path in sorted(found)]


def find_problem() -> str | None:
    """Return why the folders below `runs/` can't be listed, where they can't; `all_runs` then has none."""
    try:
        os.scandir(RUNS).close()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{RUNS} can't be read: {error.strerror}"
    return None


def run_names() -> list[str]:
    """Return the names of the runs below `runs/`."""
    return [name_of(path) for path in all_runs()]


def name_of(run: Path) -> str:
    """Return the name of a run below `runs/`, such as `reverse` or `sweep/2`, and the path of another."""
    return (run.relative_to(RUNS) if run.is_relative_to(RUNS) else run).as_posix()


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
            raise UsageError(f"there is no trained run in {RUNS.absolute()}; `tfcli train reverse` makes one")
        return trained[-1]
    path = as_run(name)
    if path is None and (inner := runs_within(name)):
        raise UsageError(f"{name} is a folder of runs; name one of them: {name_of(inner[0])}")
    if path is None:
        near = did_you_mean(name, run_names())
        raise UsageError(
            f"no run is called {name!r}{near} (looked in {looked_in(name)}; `tfcli ls` shows all)"
        )
    return path


def runs_within(name: str, within: Callable[[Path], list[Path]] = runs_in) -> list[Path]:
    """Return the runs `within` a folder of that name or path; none if there is no such folder."""
    below = [] if os.path.normpath(name).startswith(".") else [RUNS / name]
    for folder in [*below, Path(name)] if name else []:
        with contextlib.suppress(OSError, ValueError):
            if inner := within(folder):
                return inner
    return []


def find_all(names: Iterable[str], within: Callable[[Path], list[Path]] = runs_in) -> list[Path]:
    """Return the runs that are named, each once, and for a folder of runs those `within`.

    What a sweep keeps beside its runs is passed over: a shell writes it where somebody wrote `runs/sweep/*`.

    Raises:
        UsageError: something that is named is neither.
    """
    found: dict[tuple[str, str], Path] = {}
    named = list(names)
    meant = [name for name in named if os.path.basename(name) not in OF_A_SWEEP]
    for run in (run for name in meant or named for run in runs_of(name, within)):
        found.setdefault((os.path.realpath(run.parent), run.name), run)
    return list(found.values())


def runs_of(name: str, within: Callable[[Path], list[Path]]) -> list[Path]:
    """Return the run of that name or path, or the runs `within` a folder that is none itself.

    Raises:
        UsageError: there are none.
    """
    run = as_run(name)
    if run is not None:
        return [run]
    if inner := runs_within(name, within):
        return inner
    if name and os.path.lexists(name):
        raise UsageError(f"{name} isn't a run, and holds none")
    return [find(name)]


def looked_in(name: str) -> str:
    """Return where a run of that name or path was looked for."""
    places = [RUNS.absolute(), *([Path(name).absolute().parent] if os.path.basename(name) != name else [])]
    return " and ".join(dict.fromkeys(os.path.normpath(place) for place in places))


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

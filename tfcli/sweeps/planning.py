"""The runs of a sweep: a checked configuration, an id and a folder for each, before anything starts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tfcli.config import files, yaml_reader
from tfcli.config.class_files import is_file
from tfcli.config.files import Entry
from tfcli.config.schema import RunConfig
from tfcli.config.setting_names import is_setting
from tfcli.errors import ConfigError, UsageError
from tfcli.sweeps.axes import SEED, Axis
from tfcli.sweeps.identity import Identifier, is_id
from tfcli.sweeps.points import Point

MOST_TOLD = 20  # combinations that are refused
LONGEST_NAME = 60  # characters of a folder's name, but for the id


@dataclass(frozen=True)
class Trial:
    """A run of a sweep. Its configuration is made when it is trained: that of a thousand takes much room."""

    id: str
    point: Point
    folder: Path
    steps: int  # at most
    seed: int
    eval_every: int

    @property
    def setting(self) -> Point:
        """Return what it is an instance of: all but the seed."""
        return {key: value for key, value in self.point.items() if key != SEED}

    @property
    def label(self) -> str:
        """What sets it apart, in short."""
        return label_of(self.point) or self.id


@dataclass
class Planner:
    """Turns points into trials.

    Args:
        entry: what is varied.
        fixed: settings on top of it that aren't.
        folder: of the sweep.
        axes: what is varied.
        known: the folder of each run that is there, by its id.
    """

    entry: Entry
    fixed: Sequence[str]
    folder: Path
    axes: Sequence[Axis]
    known: dict[str, Path] = field(default_factory=dict)
    identifier: Identifier = field(default_factory=Identifier)

    def __post_init__(self) -> None:
        self.known.update(find_known(self.folder))
        base = self.find_base()
        is_one_task = not any(axis.key.startswith("task.") for axis in self.axes)
        if base is not None and base.task.data is not None and is_one_task:  # what follows from it, only once
            self.entry = with_task(self.entry, base)
            self.fixed = [word for word in self.fixed if not word.startswith("task.")]
        self.check_keys()

    @property
    def first(self) -> Point:
        """Return a point: the first value of each axis."""
        return {axis.key: axis.first for axis in self.axes}

    def find_base(self) -> RunConfig | None:
        """Return the configuration without what is varied; None if that is none, but becomes one with it.

        Raises:
            ConfigError, UsageError: it is refused with it, too, and for the same reason.
        """
        try:
            return files.check(self.entry, list(self.fixed))
        except UsageError as error:
            try:
                self.configure(self.first)
            except UsageError as other:
                if str(other) == str(error):
                    raise
            return None

    def check_keys(self) -> None:
        """See to it that there are such settings, before each of their values is refused for that.

        Raises:
            ConfigError, UsageError: there is none of that name.
        """
        for axis in self.axes:
            if not is_setting(axis.key):
                self.configure({axis.key: axis.first})

    def configure(self, point: Point) -> RunConfig:
        """Return the configuration of a point.

        Raises:
            ConfigError, UsageError: it is refused.
        """
        config = files.check(self.entry, [*self.fixed, *(f"{key}={value}" for key, value in point.items())])
        refuse_seeds(config)
        if config.train.threads is not None:
            return config
        return config.model_copy(update={"train": config.train.model_copy(update={"threads": 1})})

    def make(self, point: Point) -> Trial:
        """Return the run of a point.

        Raises:
            ConfigError, UsageError: it is refused.
        """
        config = self.configure(point)
        found = self.identifier.identify(config)
        folder = self.folder / f"{slug_of(point)}-{found}"
        if found in self.known:  # perhaps by another name, or as a copy of another name
            folder = self.known[found] = folder if folder.is_dir() else self.known[found]
        train = config.train
        return Trial(found, point, folder, train.steps, train.seed, train.eval_every)

    def make_all(self, points: Iterable[Point]) -> list[Trial]:
        """Return the runs of all points.

        Raises:
            UsageError: some are refused, all of which are told; or two are one and the same.
        """
        trials: dict[str, Trial] = {}
        refused: list[str] = []
        for point in points:
            try:
                trial = self.make(point)
            except UsageError as error:
                refused += tell_refusal(point, error)
                continue
            refuse_twin(trials.get(trial.id), trial)
            trials[trial.id] = trial
        if refused:
            raise ConfigError(shorten(list(dict.fromkeys(refused))))
        return list(trials.values())


def with_task(entry: Entry, base: RunConfig) -> Entry:
    """Return an entry with the task of a configuration in full, and all else as it was written.

    Of these something may follow from what a sweep varies, as `model.d_ff` from `model.d_model`.
    """
    return entry._replace(values={**entry.values, "task": base.task.model_dump(mode="json")})


def refuse_twin(twin: Trial | None, trial: Trial) -> None:
    """Refuse a run that is there already, written in another way.

    Raises:
        UsageError: there is such a twin.
    """
    if twin is not None:
        raise UsageError(f"{describe(twin.point)} and {describe(trial.point)} are the same setting")


def refuse_seeds(config: RunConfig) -> None:
    """Refuse a configuration of several trainings.

    Raises:
        UsageError: it is one.
    """
    if (seeds := config.train.seeds) > 1:
        raise UsageError(f"train.seeds = {seeds}: a sweep has a run a seed, {SEED}=0:{seeds - 1}")


def tell_refusal(point: Point, error: UsageError) -> list[str]:
    """Return the problems of a point, with what it consists of where the problem doesn't tell."""
    problems = error.problems if isinstance(error, ConfigError) else [str(error)]
    setting = {key: value for key, value in point.items() if key != SEED}
    return [f"{describe(setting)}: {problem}" if len(setting) > 1 else problem for problem in problems]


def shorten(problems: list[str]) -> list[str]:
    """Return the first of some problems, and how many others there are."""
    more = len(problems) - MOST_TOLD
    return [*problems[:MOST_TOLD], *([f"... and {more:,} more"] if more > 0 else [])]


def describe(point: Point) -> str:
    """`model.positions=rotary train.seed=0`."""
    return " ".join(f"{key}={value}" for key, value in point.items())


def label_of(point: Point) -> str:
    """`rotary, n_layers 2, seed 0`: words as they are, numbers with the name of their setting."""
    return ", ".join(label_value(key, value) for key, value in point.items())


def label_value(key: str, value: str) -> str:
    """Return a value in short, with the name of its setting where it says little by itself."""
    value = shorten_value(value)
    is_word = re.match(r"[^\W\d]", value) and value not in ("true", "false", "none", "null")
    return value if is_word else f"{key.partition('.')[2] or key} {value}"


def shorten_value(value: str) -> str:
    """`path/to/mine.py:Mine` -> `Mine`, and `{name: mine.py:Mine, width: 2}` -> `Mine width=2`."""
    if value.startswith("{"):
        with suppress(UsageError):
            part = yaml_reader.read(value, "").value
            if isinstance(part, dict) and isinstance(part.get("name"), str) and part["name"]:
                settings = [f"{key}={as_word(item)}" for key, item in part.items() if key != "name"]
                return " ".join([shorten_value(part["name"]), *settings])
    return value.rpartition(":")[2] if is_file(value) else value


def as_word(item: object) -> str:
    """Return a value of YAML as people write it."""
    return item if isinstance(item, str) else json.dumps(item, default=str)


def slug_of(point: Point) -> str:
    """Return a point as part of a folder's name: its values."""
    values = "-".join(map(shorten_value, point.values()))
    return re.sub(r"[^\w.]+", "-", values)[:LONGEST_NAME].strip("-.") or "run"


def find_known(folder: Path) -> dict[str, Path]:
    """Return the folders of the runs of a sweep that are there, by their ids."""
    named = {path: path.name.rpartition("-")[2] for path in sorted(folder.glob("*-*"))}
    return {id: path for path, id in named.items() if is_id(id) and path.is_dir()}


def shown(axis: Axis) -> str:
    """Return the values of an axis in short."""
    if axis.span is not None and (not axis.pieces or axis.count > 2):
        step = f", in steps of {axis.span.step}" if axis.span.step not in (None, 1) else ""
        return f"{axis.span.first:g} to {axis.span.last:g}{step}"
    text = ", ".join(axis.values())
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 3]}..."

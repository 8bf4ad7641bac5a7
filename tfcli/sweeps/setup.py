"""From words on a command line to the runs of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tfcli.config import files
from tfcli.config.files import Entry
from tfcli.config.meanings import find_meant
from tfcli.config.misread import explain_override
from tfcli.config.setting_names import takes_fractions
from tfcli.data.lines import STDIN
from tfcli.errors import ConfigError, UsageError, counted
from tfcli.runs import folders
from tfcli.sweeps import points
from tfcli.sweeps.axes import SEED, Axis, split_words
from tfcli.sweeps.blocks import axes_of_block, locate
from tfcli.sweeps.planning import Planner, refuse_seeds, shown
from tfcli.sweeps.points import Point
from tfcli.sweeps.searches import Sampled, Search, draw_trials
from tfcli.sweeps.strategies import All, Drawn, Halving, Strategy

MOST = 1_000  # runs that are planned without being asked for twice
EXAMPLE = "tfcli sweep reverse model.positions=rotary,ends train.seed=0:4"


class Wanted(NamedTuple):
    """What a sweep is to be."""

    words: Sequence[str]  # an example or a file, and settings
    out: Path | None = None  # its folder
    search: Search | None = None  # None for a grid
    halving: bool = False  # whether only the better settings are trained to their end
    seed: int = 0  # of the search
    is_sure: bool = False  # that it is to be so large
    against: Sequence[str] = ()  # values of which settings are held against those that have them


class Prepared(NamedTuple):
    """A sweep before its first run."""

    source: str  # what it varies
    axes: list[Axis]
    planner: Planner
    strategy: Strategy
    against: Point  # values that a setting has which others are held against; none: it is the first


def prepare(wanted: Wanted, note: Callable[[str], None] = lambda remark: None) -> Prepared:
    """Return what is to be trained, all of it checked as far as that goes without torch.

    Args:
        note: is told where that takes long.

    Raises:
        UsageError: something is wrong with it.
    """
    entry, fixed, axes = read(wanted.words)
    axes = points.order(axes)
    block = {axis.key for axis in axes_of_block(entry) if axis in axes}
    against = read_baseline(wanted.against, axes)
    if wanted.search is not None:
        axes = [axis.with_fractions() if takes_fractions(axis.key) else axis for axis in axes]
    if (runs := check_size(axes, wanted)) > MOST:
        note(f"planning {runs:,} runs: each is checked before any is trained")
    try:
        planner = Planner(entry, fixed, find_folder(entry, wanted.out), axes)
        strategy = choose_strategy(planner, axes, wanted)
    except ConfigError as error:
        raise ConfigError([locate(entry, block, problem) for problem in error.problems]) from error
    return Prepared(entry.name, axes, planner, strategy, against)


def choose_strategy(planner: Planner, axes: Sequence[Axis], wanted: Wanted) -> Strategy:
    """Return what says which run comes next.

    Raises:
        UsageError: the settings are refused, or are too few.
    """
    search = wanted.search
    if any(axis.key == SEED and not axis.count for axis in axes):
        raise UsageError(f"{SEED}: seeds are whole numbers, all of which are trained: write {SEED}=0:4")
    if search is not None and search.kind == "optuna":
        if wanted.halving:
            raise UsageError("--halving goes with a grid or --search random, not with optuna")
        return Sampled(planner, axes, search.settings, wanted.seed)
    uneven = [axis.key for axis in axes if axis.key in ("train.steps", "train.eval_every")]
    if wanted.halving and uneven:
        raise UsageError(
            f"--halving judges settings after equally many steps; {uneven[0]} can't be varied with it"
        )
    if search is None:
        trials, notes = planner.make_all(points.grid(axes)), list[str]()
    else:
        trials, notes = draw_trials(planner, axes, search.settings, wanted.seed)
    if not wanted.halving:
        return All(trials) if search is None else Drawn(trials, notes)
    halving = Halving(trials, notes)
    if halving.rungs < 2:
        raise UsageError(
            "--halving needs several settings, and train.steps of 3 times train.eval_every at least"
        )
    return halving


def read(words: Sequence[str]) -> tuple[Entry, list[str], list[Axis]]:
    """Return what is varied, the settings that are fixed for all runs, and those that have several values.

    Raises:
        UsageError: nothing is varied, or something can't be read.
        ConfigError: nothing is varied, and something is wrong with the rest.
    """
    sources = [word for word in words if "=" not in word]
    if not sources:
        names = ", ".join(files.example_names())
        raise UsageError(f"name an example or a file first: {EXAMPLE} (examples: {names})")
    for word in sources[1:]:
        if "." in (find_meant(word) or ""):
            raise UsageError(explain_override(words, words.index(word), ()))
    fixed, axes = split_words([word for word in words if "=" in word])
    if len(sources) > 1:
        raise UsageError(
            f"one example at a time, not {sources[1]!r}, too; task.name=copy,reverse varies the task"
        )
    entry = files.find_entry(sources[0])
    if sources[0] == STDIN:
        raise UsageError(
            "a sweep reads its data more than once: write what stdin has to a file, and name that"
        )
    said = {axis.key for axis in axes} | {word.partition("=")[0] for word in fixed}
    axes = [*(axis for axis in axes_of_block(entry) if axis.key not in said), *axes]
    if not axes:
        refuse_seeds(files.check(entry, fixed))  # a word that is wrong is likelier to be the reason
        raise UsageError(f"nothing varies: give a setting several values, as in {EXAMPLE}")
    return entry, fixed, axes


def read_baseline(words: Sequence[str], axes: Sequence[Axis]) -> Point:
    """Return the values of what settings are to be held against.

    Raises:
        UsageError: the sweep doesn't vary such a setting, or not so.
    """
    varied = {axis.key: axis for axis in axes if axis.key != SEED}
    found: Point = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--against {word}: write KEY=VALUE, with a value that the sweep gives to KEY")
        if key == SEED:
            raise UsageError(f"--against {word}: differences are over the seeds; name another setting")
        if key not in varied:
            raise UsageError(
                f"--against {word}: the sweep doesn't vary {key}, but {', '.join(varied) or SEED}"
            )
        if key in found:
            raise UsageError(
                f"--against {word}: {key} stands there twice; settings are held against one value"
            )
        if value not in varied[key]:
            raise UsageError(f"--against {word}: of {key} the sweep has {shown(varied[key])}")
        found[key] = value
    return {key: found[key] for key in varied if key in found}


def check_size(axes: Sequence[Axis], wanted: Wanted) -> int:
    """Return how many runs there are; ask again where these are more than anybody is likely to mean.

    Raises:
        UsageError: it is, and nobody has said so.
    """
    fewer = "fewer"
    if wanted.search is None:
        runs, said = points.count(axes), points.describe_count(axes)
        if any(axis.key != SEED for axis in axes):
            fewer = "draw some: --search random:50"
    else:
        seeds = next((axis.count for axis in axes if axis.key == SEED), 1)
        runs = wanted.search.settings * seeds
        said = f"{runs:,} runs: {counted(wanted.search.settings, 'setting')} x {SEED} {seeds:,}"
    if runs > MOST and not wanted.is_sure:
        raise UsageError(f"{said}; add --yes if so many are meant, or {fewer}")
    return runs


def find_folder(entry: Entry, out: Path | None) -> Path:
    """Return the folder of a sweep.

    Raises:
        UsageError: a run lies there.
    """
    folder = out or folders.RUNS / f"{folders.safe_name(entry.name)}-sweep"
    if (folder / folders.CONFIG).exists():
        raise UsageError(f"{folder} is a run; a sweep needs a folder of its own, --out runs/NAME")
    return folder

"""Where a run goes on: its configuration, what may be changed in it, and the state that it saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from tfcli.checkpoints.states import SavedState, load_state
from tfcli.commands.outcome import is_over
from tfcli.config import files
from tfcli.config.comparison import MAY_CHANGE, differences
from tfcli.config.relocation import find_changes, relocate
from tfcli.config.schema import RunConfig
from tfcli.devices import choose_device, list_versions, with_threads
from tfcli.errors import UsageError
from tfcli.records.progress import Standing
from tfcli.runs import folders, headers, locks, moving
from tfcli.runs.edits import find_edits


def read_config(path: Path) -> RunConfig:
    """Return the configuration with which a run would go on.

    Raises:
        TfcliError: what it saved is damaged.
    """
    return read_standing(path)[0]


def read_standing(path: Path) -> tuple[RunConfig, Standing | None]:
    """Return the configuration with which a run would go on, and where it stands; None if nothing was saved.

    Raises:
        UsageError: it kept no state.
        TfcliError: what it saved is damaged.
    """
    state = path / folders.STATE
    if state.exists():
        header = headers.read_state_header(state)
        return header.config, header.standing
    refuse_without_state(path)
    return files.load_config(str(path / folders.CONFIG)), None


@contextmanager
def hold_alone(path: Path) -> Iterator[None]:
    """Hold the lock of a run.

    Raises:
        UsageError: somebody else does.
    """
    with locks.hold(path) as is_alone:
        if not is_alone:
            raise UsageError(f"{path} is in training (pid {locks.find_trainer(path)}); --resume is for later")
        yield


def refuse_without_state(path: Path) -> None:
    """Refuse to let a run begin anew over weights that it has.

    Raises:
        UsageError: there are some.
    """
    if (path / folders.WEIGHTS).exists():
        raise UsageError(f"{path} kept no state from which it could go on; train it again")


def find_start(
    path: Path, overrides: Sequence[str], warn: Callable[[str], None]
) -> tuple[RunConfig, SavedState | None]:
    """Return the configuration with which a run goes on, and what it saved; None if that was nothing yet.

    Raises:
        UsageError: it is over, it kept no state, or an override would make it another run.
        TfcliError: what it saved is damaged.
    """
    saved = load_state(path)
    if saved is None:
        refuse_without_state(path)
        before = with_threads(files.load_config(str(path / folders.CONFIG)))
        return change(before, overrides, path), None
    for edit in find_edits(path, saved.config):
        warn(edit)
    before = relocate(saved.config, path, saved.standing.code)
    refuse_changed_code(path, before, saved.standing)
    config = change(before, overrides, path)
    tell_moves(path, config, saved.standing, warn)
    saved = saved._replace(standing=saved.standing.extended(config.train.steps))
    if why := why_over(path, config, saved.standing):
        raise UsageError(why)
    return config, saved


def change(config: RunConfig, overrides: Sequence[str], path: Path) -> RunConfig:
    """Return the configuration of a run with overrides on top of it.

    Raises:
        UsageError: one of them would make it another run.
    """
    changed = files.override(config, list(overrides), str(path))
    for key, old, _ in differences(config, changed):
        if key not in MAY_CHANGE:
            allowed = "train.steps, upwards, train.stop_when_solved, train.log and train.device may change"
            raise UsageError(f"{path} was trained with {key} = {old}, and stays so; only {allowed}")
    longer = (config.train.steps, config.train.stop_when_solved)
    if (changed.train.steps, changed.train.stop_when_solved) != longer and moving.tell_swept(path):
        raise UsageError(
            f"{path} is one of the sweep in {path.parent}, which knows it by its settings; "
            f"`tfcli mv {quote(folders.name_of(path))} NAME` takes it out, to be resumed then"
        )
    if changed.train.steps < config.train.steps:
        raise UsageError(f"{path} has train.steps = {config.train.steps}; --resume can only raise that")
    return changed


def refuse_changed_code(path: Path, config: RunConfig, standing: Standing) -> None:
    """Refuse to go on with other code.

    Raises:
        UsageError: a file isn't what it was.
    """
    for setting, file in find_changes(config, standing.code):
        raise UsageError(f"{path}: {setting}: {file} has changed since; put it back as it was, or train anew")


def tell_moves(path: Path, config: RunConfig, standing: Standing, warn: Callable[[str], None]) -> None:
    """Warn where a run goes on in other surroundings, in which the same steps may give other numbers."""
    device = choose_device(config.train.device).type
    trained_on = standing.device.partition(":")[0]
    if device != trained_on:
        warn(f"{path} was trained on {trained_on}; on {device} the sequences to come are others")
    for name, version in list_versions().items():
        before = standing.versions.get(name)
        if before not in (None, version):
            warn(f"{path} was trained with {name} {before}; with {version} the last digits may be others")


def is_unfinished(path: Path) -> bool:
    """Whether a run lacks the weights of its end: a kill fell between its state and them, say."""
    return not (path / folders.WEIGHTS).is_file() or headers.read_header(path).summary.interrupted


def why_over(path: Path, config: RunConfig, standing: Standing) -> str | None:
    """Return why there is nothing to go on with, where a run has come to its end, and is saved as such."""
    progress = standing.progress
    if not is_over(progress, config.train) or is_unfinished(path):
        return None
    changes = []
    if progress.solved and config.train.stop_when_solved:
        changes.append("train.stop_when_solved=false")
    if progress.step >= config.train.steps:
        changes.append(f"train.steps={2 * config.train.steps}")
    ended = f"{'solved ' * progress.solved}at step {progress.step:,}"
    return f"{path} is over, {ended}; to go on all the same, add {' '.join(changes)}"

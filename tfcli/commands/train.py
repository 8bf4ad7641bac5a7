"""`train`: a configuration -> a run, and a run that goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfcli.building.models import build_for_training, build_task
from tfcli.building.trainings import Training
from tfcli.checkpoints.loading import check_claim
from tfcli.checkpoints.saving import count_parameters
from tfcli.checkpoints.sealing import describe
from tfcli.checkpoints.states import SavedState
from tfcli.checkpoints.transfer import starter_of
from tfcli.checkpoints.transfer import summarize as summarize_transfer
from tfcli.commands.ending import save_what_there_is, summarize_at_end
from tfcli.commands.interrupts import Interrupt, defer_interrupt
from tfcli.commands.outcome import ending, is_over
from tfcli.commands.recording import Recorder
from tfcli.commands.resume import find_start, hold_alone
from tfcli.commands.watching import make_observer, picture_often
from tfcli.config.schema import RunConfig
from tfcli.config.trust import remember, require
from tfcli.devices import prepare, with_threads
from tfcli.errors import TfcliError, UsageError
from tfcli.model.encoder import Encoder
from tfcli.records.inspection import Choice
from tfcli.records.progress import Progress, Standing
from tfcli.records.results import TrainReport, TransferRow
from tfcli.runs import folders, headers, locks
from tfcli.training.faults import locating_faults
from tfcli.training.loop import part_of
from tfcli.training.monitor import held_out_of_training, monitor
from tfcli.training.ranks import Ranks
from tfcli.training.stack import Place, Stack

if TYPE_CHECKING:
    from tasks.base import Batch, Task


@dataclass(frozen=True)
class Audience:
    """Who is told how a training goes."""

    show: Callable[[Progress], None] = lambda progress: None  # each step's record
    watch: Choice | None = None  # heads whose attention on a held-out sequence the records have
    often: bool = False  # whether they have it after many steps, not only when the model is evaluated
    note: Callable[[str], None] = lambda remark: None  # where it goes on
    warn: Callable[[str], None] = lambda problem: None  # what can't be kept, or is no longer the same
    transferred: Callable[[list[TransferRow]], None] = lambda rows: None  # from another run's weights
    debug: bool = False  # whether to say which value first wasn't finite, for which steps take longer
    stop: Callable[[Progress], bool] = lambda progress: False  # whether to end after that step, and save


SILENCE = Audience()


def train_run(
    config: RunConfig,
    name: str,
    out: Path | None,
    audience: Audience = SILENCE,
    ranks: Ranks | None = None,
) -> TrainReport:
    """Train as configured into a new run folder, as the first of several processes if there are `ranks`.

    Ctrl-C ends the training after the step it falls into; what was learned is saved.

    Raises:
        UsageError: the device, the task or the folder isn't to be had.
        DivergedError: the loss is no longer a number.
        BrokenOffError: Ctrl-C came again.
        LostProcessError: another process has ended.
    """
    starter = telling_starter_of(config, audience)
    training, held_out = make_training(with_threads(config), None, starter, ranks=ranks)
    remember(config)
    with defer_interrupt() as interrupt:
        recorder = Recorder(folders.create(name, out), training, audience.warn)
        return to_end(follow_from_start(training, held_out, recorder, interrupt, audience))


def telling_starter_of(config: RunConfig, audience: Audience) -> Callable[[Encoder, Task], object]:
    """Return what gives a model the weights that it starts from, and tells what was taken."""
    start = starter_of(config)

    def tell_start(model: Encoder, task: Task) -> None:
        if start is not None:
            audience.transferred(summarize_transfer(start(model, task)))

    return tell_start


def resume_run(
    path: Path,
    overrides: Sequence[str],
    trust: Iterable[Path] = (),
    audience: Audience = SILENCE,
    ranks: Ranks | None = None,
) -> TrainReport:
    """Let a run go on where its training stopped, to the same end, or to one that `overrides` put off.

    Raises:
        UsageError: it is in training, or over; or an override would make it another run; or as `train_run`.
        TfcliError: what it has saved is damaged.
        DivergedError, BrokenOffError, LostProcessError: as `train_run`.
    """
    with defer_interrupt() as interrupt, hold_alone(path):
        config, saved = find_start(path, overrides, audience.warn)
        require(config, path, trust)
        training, held_out = make_resumed(path, config, saved, ranks=ranks)
        recorder = Recorder(path, training, audience.warn)
        if saved is None:
            audience.note(f"{path} had saved nothing yet and begins anew")
            recorder.begin()
        else:
            audience.note(f"{path} goes on after step {saved.standing.progress.step:,}")
            recorder.go_on(saved.standing)
        return to_end(follow(training, held_out, recorder, interrupt, audience))


def make_resumed(
    path: Path,
    config: RunConfig,
    saved: SavedState | None,
    held_out: list[Batch] | None = None,
    ranks: Ranks | None = None,
) -> tuple[Training, list[Batch]]:
    """Return the training of a run that goes on, as `make_training`.

    Raises:
        UsageError: as `make_training`.
        TfcliError: what it has saved is damaged.
    """
    if saved is not None:
        check_weights(path / folders.STATE, config, saved)
    try:
        return make_training(config, saved, held_out=held_out, ranks=ranks)
    except ValueError as error:
        raise headers.damage_error(path / folders.STATE, str(error)) from error


def check_weights(file: Path, config: RunConfig, saved: SavedState) -> None:
    """Hold the weights that were saved against the model that will go on with them, before that is made.

    Raises:
        TfcliError: they aren't those of such a model.
    """
    weights = part_of(saved.tensors, "model.")
    claimed = {name: describe(tensor) for name, tensor in weights.items()}
    check_claim(file, config, build_task(config.task), claimed)


def make_training(
    config: RunConfig,
    saved: SavedState | None,
    start: Callable[[Encoder, Task], object] | None = None,
    held_out: list[Batch] | None = None,
    ranks: Ranks | None = None,
) -> tuple[Training, list[Batch]]:
    """Return a training, from its start or from what it had saved, and the held-out set that it is scored on.

    That is drawn, unless it is given.

    Raises:
        UsageError: the device or a part isn't to be had, or it can't be shared out to the `ranks`.
        ValueError: what it had saved isn't of such a training.
    """
    device = prepare(config.train)
    device = device if ranks is None else ranks.prepare(device, config.train)
    task, model = build_for_training(config)
    try:
        held_out = held_out or held_out_of_training(task, config.train.eval_samples, device)
    except ValueError as error:  # of the user's own data, or what brings a task's sequences isn't installed
        where = f"task {config.task.name}" if config.task.data is None else "task.data"
        raise UsageError(f"{where}: {error}") from error
    standing, tensors = (None, None) if saved is None else (saved.standing, saved.tensors)
    if saved is None or saved.standing.has_attempts_left:  # which alone start from weights of another run
        start = start or starter_of(config)
    training = Training(model.to(device), task, config, start, standing, tensors, ranks)
    if ranks is not None:
        ranks.meet(training.trainer.optimizer.values, config.model_dump_json())
    return training, held_out


Following = Generator[None, None, TrainReport]  # of a training, step by step


def to_end(following: Following) -> TrainReport:
    """Follow a training to its end."""
    try:
        while True:
            next(following)
    except StopIteration as end:
        report: TrainReport = end.value
        return report


def follow_from_start(
    training: Training,
    held_out: list[Batch],
    recorder: Recorder,
    interrupt: Interrupt,
    audience: Audience,
    stack: Stack | None = None,
) -> Following:
    """Begin a run in its new folder, and follow it."""
    with locks.hold(recorder.path):
        try:
            recorder.begin()
        except TfcliError:
            shutil.rmtree(recorder.path, ignore_errors=True)
            raise
        return (yield from follow(training, held_out, recorder, interrupt, audience, stack))


def follow_on(recorder: Recorder, standing: Standing, following: Following) -> Following:
    """Go on in the folder of a run, whose lock is held, and follow it."""
    recorder.go_on(standing)
    return (yield from following)


def follow(
    training: Training,
    held_out: list[Batch],
    recorder: Recorder,
    interrupt: Interrupt,
    audience: Audience,
    stack: Stack | None = None,
) -> Following:
    """Follow a training to its end, or until somebody wants to stop, and save what it has come to.

    Args:
        stack: that it is in.
    """
    config, model = training.config, training.model
    observe = None if audience.watch is None else make_observer(training, audience.watch)
    place = None if stack is None else Place(stack, training.trainer)
    latest = recorder.latest
    locating = locating_faults(model, lambda: training.trainer.step) if audience.debug else nullcontext()
    with locating, save_what_there_is(recorder):
        if latest is None or not is_over(latest, config.train):
            records = monitor(training, model, held_out, observe, latest, interrupt.check, place)
            for progress in picture_often(records, observe) if observe and audience.often else records:
                recorder.record(progress)
                audience.show(progress)
                if interrupt.caught or is_over(progress, config.train) or audience.stop(progress):
                    break
                yield
        final = summarize_at_end(recorder, held_out)
        path = recorder.save(final)
        recorder.tell_end(ending(final))
    made_with = ("versions", "device", "code", "architecture")
    figures_and_state = {key: value for key, value in asdict(final).items() if key not in made_with}
    return TrainReport(
        run=str(path), task=config.task.name, parameters=count_parameters(model), **figures_and_state
    )

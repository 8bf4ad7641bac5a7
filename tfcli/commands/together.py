"""Trainings that differ in their seed alone, as one program; each becomes a run as if it had been alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tfcli.building.trainings import Training
from tfcli.checkpoints.states import SavedState
from tfcli.commands.ending import BrokenOffError
from tfcli.commands.interrupts import Interrupt, RoundInterrupt, defer_interrupt
from tfcli.commands.recording import Recorder
from tfcli.commands.train import (
    SILENCE,
    Audience,
    Following,
    follow,
    follow_from_start,
    follow_on,
    make_resumed,
    make_training,
    telling_starter_of,
)
from tfcli.config.schema import RunConfig
from tfcli.config.together import may_go_together
from tfcli.config.trust import remember
from tfcli.devices import threads_together, with_threads
from tfcli.errors import TfcliError
from tfcli.model.encoder import Encoder
from tfcli.records.progress import Progress
from tfcli.records.results import TrainReport
from tfcli.runs import folders
from tfcli.training.agreement import find_disagreement
from tfcli.training.stack import Stack

if TYPE_CHECKING:
    from tasks.base import Batch, Task

Outcome = TrainReport | TfcliError
Show = Callable[[Sequence[Progress | None]], None]  # is told where each training stands; None: not begun


class Planned(NamedTuple):
    """A training that is to become a run: `out`, or `runs/NAME`; or that of the run `out` which goes on."""

    config: RunConfig
    name: str
    out: Path | None = None
    audience: Audience = SILENCE
    saved: SavedState | None = None  # from which it goes on; whoever has read that holds the run's lock


class NotTogetherError(TfcliError):
    """Trainings can't be one program, or not a faster one; nothing was written."""


@dataclass(eq=False)
class Member:
    """One of several trainings that are followed together."""

    training: Training
    following: Following
    latest: Progress | None = None
    outcome: Outcome | None = None


def train_together(planned: Sequence[Planned], show: Show = lambda latest: None) -> list[Outcome]:
    """Train configurations that differ in their seed alone into a run folder each, all at once.

    Those that go on stand at the same step.

    A training that fails does not end the others: its error is its outcome. Ctrl-C ends all of them after
    the step it falls into; what was learned is saved. Nothing is watched, and no fault located.

    Args:
        show: is told after each step where all of them stand; each one's audience hears of its own.

    Raises:
        NotTogetherError: they can't be trained so, or not faster.
        UsageError: the device, the task or a folder isn't to be had.
        BrokenOffError: Ctrl-C came again.
    """
    trainings, held_out = make_trainings(planned)
    threads = partial(threads_together, planned[0].config)
    stack = Stack([training.trainer for training in trainings], threads)
    if problem := find_disagreement(stack):
        raise NotTogetherError(problem)
    if planned[0].saved is None:
        remember(planned[0].config)
    with defer_interrupt() as whole:
        interrupt = RoundInterrupt(whole)
        members = [
            begin(one, training, held_out, stack, interrupt)
            for one, training in zip(planned, trainings, strict=True)
        ]
        follow_all(members, stack, show, interrupt)
    return [member.outcome for member in members if member.outcome is not None]


def make_trainings(planned: Sequence[Planned]) -> tuple[list[Training], list[Batch]]:
    """Return a training of each, and the held-out set that all are scored on.

    Raises:
        NotTogetherError: it is known that they can't be trained together, or not faster.
        UsageError: the device or a part isn't to be had.
    """
    if reason := why_in_turn([one.config for one in planned]):
        raise NotTogetherError(reason)
    starter = telling_starter_of(planned[0].config, planned[0].audience)
    first, held_out = make_planned(planned[0], starter)
    others = (make_planned(one, held_out=held_out)[0] for one in planned[1:])
    return [first, *others], held_out


def make_planned(
    one: Planned,
    starter: Callable[[Encoder, Task], object] | None = None,
    held_out: list[Batch] | None = None,
) -> tuple[Training, list[Batch]]:
    """Return the training of one of several, and the held-out set."""
    config = with_threads(one.config)
    if one.saved is not None and one.out is not None:
        return make_resumed(one.out, config, one.saved, held_out)
    return make_training(config, None, starter, held_out)


def why_in_turn(configs: Sequence[RunConfig]) -> str | None:
    """Return why trainings can't be one program here, or not a faster one, as `may_go_together`."""
    return may_go_together(configs, threads_together(configs[0], len(configs)))


def begin(
    one: Planned, training: Training, held_out: list[Batch], stack: Stack, interrupt: Interrupt
) -> Member:
    """Make the folder of a run, unless it has one and goes on, and what follows its training."""
    path = one.out if one.saved is not None and one.out is not None else folders.create(one.name, one.out)
    recorder = Recorder(path, training, one.audience.warn)

    def note(progress: Progress) -> None:
        member.latest = progress
        one.audience.show(progress)

    audience = replace(one.audience, show=note, watch=None, debug=False)
    if one.saved is None:
        following = follow_from_start(training, held_out, recorder, interrupt, audience, stack)
    else:
        whole = follow(training, held_out, recorder, interrupt, audience, stack)
        following = follow_on(recorder, one.saved.standing, whole)
    member = Member(training, following)
    return member


def follow_all(members: Sequence[Member], stack: Stack, show: Show, interrupt: RoundInterrupt) -> None:
    """Follow trainings to their ends, all at the same step. What breaks one off breaks off all."""
    living = list(members)
    try:
        while living:
            interrupt.look()
            for member in living:
                take_turn(member, stack)
            living = [member for member in living if member.outcome is None]
            show([member.latest for member in members])
    except BaseException as error:
        broken = isinstance(error, KeyboardInterrupt | BrokenOffError)
        for member in living:
            with suppress(BaseException):
                member.following.throw(KeyboardInterrupt() if broken else error)
        if broken:
            what = f"of each of the {len(members)} runs there is what was last saved"
            raise BrokenOffError(f"broken off: {what}") from None
        raise


def take_turn(member: Member, stack: Stack) -> None:
    """Follow a training for a step, or find it at its end."""
    try:
        next(member.following)
    except StopIteration as end:
        member.outcome = end.value
    except BrokenOffError:
        raise
    except TfcliError as error:
        member.outcome = error
    if member.outcome is not None:
        stack.drop(member.training.trainer)

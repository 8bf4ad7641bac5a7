"""Trainings that differ in their seed alone, as one program; each becomes a run as if it had been alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from tfcli.building.trainings import Training
from tfcli.commands.interrupts import defer_interrupt
from tfcli.commands.recording import Recorder
from tfcli.commands.train import (
    SILENCE,
    Audience,
    BrokenOffError,
    Following,
    follow_from_start,
    make_training,
    telling_starter_of,
)
from tfcli.config.comparison import differences
from tfcli.config.schema import RunConfig
from tfcli.config.trust import remember
from tfcli.devices import choose_device, with_threads
from tfcli.errors import TfcliError
from tfcli.records.progress import Progress
from tfcli.records.results import TrainReport
from tfcli.runs import folders
from tfcli.training import OPTIMIZERS
from tfcli.training.agreement import find_disagreement
from tfcli.training.stack import Stack

LARGE = 6e6  # multiplications of a layer in a forward pass, from which on a stack is no faster
FEWEST = 4  # trainings; with fewer, what is done once for all of them is hardly less
Outcome = TrainReport | TfcliError


class Planned(NamedTuple):
    """A training that is to become a run: `out`, or `runs/NAME`."""

    config: RunConfig
    name: str
    out: Path | None = None


class NotTogetherError(TfcliError):
    """Trainings can't be one program, or not a faster one; nothing was written."""


@dataclass(eq=False)
class Member:
    """One of several trainings that are followed together."""

    training: Training
    following: Following
    latest: Progress | None = None
    outcome: Outcome | None = None


def may_go_together(configs: Sequence[RunConfig]) -> str | None:
    """Return why trainings can't be one program, or not a faster one; None if they can, as far as is known.

    What the parts of their models say to it is only known when `train_together` has tried.
    """
    first, *others = configs
    train, model = first.train, first.model
    differing = {key for other in others for key, _, _ in differences(first, other)} - {"train.seed"}
    reasons = {
        f"they differ in {', '.join(sorted(differing))}": bool(differing),
        f"there are fewer than {FEWEST}": len(configs) < FEWEST,
        "with train.attempts each may begin anew at another step": train.attempts > 1,
        "model.dropout draws other numbers for several at once": model.dropout > 0,
        "model.indices=randomized draws other numbers for several at once": model.indices == "randomized",
        f"train.precision={train.precision} rounds too coarsely": train.precision != "float32",
        f"train.optimizer={train.optimizer.name} may keep what can't be stacked": train.optimizer.name
        not in OPTIMIZERS,
        "they aren't trained on the CPU": choose_device(train.device).type != "cpu",
        "a step is so much work that it would take no less time": work_of(first) > LARGE,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def work_of(config: RunConfig) -> float:
    """Return about how many multiplications a layer does in a forward pass, with those for the answers."""
    model, task = config.model, config.task
    tokens = config.train.batch_size * task.max_length
    symbols = len(task.symbols or ()) or task.vocab_size or 10
    inside = 4 * model.d_model + 2 * model.d_ff + 2 * task.max_length
    return tokens * model.d_model * (inside + symbols / model.n_layers)


def train_together(
    planned: Sequence[Planned],
    audience: Audience = SILENCE,
    show: Callable[[Sequence[Progress | None]], None] = lambda latest: None,
) -> list[Outcome]:
    """Train configurations that differ in their seed alone into a run folder each, all at once.

    A training that fails does not end the others: its error is its outcome. Ctrl-C ends all of them after
    the step it falls into; what was learned is saved. Nothing is watched, and no fault located.

    Args:
        show: is told after each step where all of them stand.

    Raises:
        NotTogetherError: they can't be trained so, or not faster.
        UsageError: the device, the task or a folder isn't to be had.
        BrokenOffError: Ctrl-C came again.
    """
    configs = [with_threads(one.config) for one in planned]
    if reason := may_go_together(configs):
        raise NotTogetherError(reason)
    first, held_out = make_training(configs[0], None, telling_starter_of(configs[0], audience))
    others = (make_training(config, None, held_out=held_out)[0] for config in configs[1:])
    trainings = [first, *others]
    stack = Stack([training.trainer for training in trainings])
    if problem := find_disagreement(stack):
        raise NotTogetherError(problem)
    remember(configs[0])
    members: list[Member] = []
    with defer_interrupt() as interrupt:
        for training, one in zip(trainings, planned, strict=True):
            recorder = Recorder(folders.create(one.name, one.out), training, audience.warn)
            number = len(members)

            def note(progress: Progress, number: int = number) -> None:
                members[number].latest = progress

            alone = replace(audience, show=note, watch=None, debug=False)
            following = follow_from_start(training, held_out, recorder, interrupt, alone, stack)
            members.append(Member(training, following))
        follow_all(members, stack, show)
    return [member.outcome for member in members if member.outcome is not None]


def follow_all(
    members: Sequence[Member], stack: Stack, show: Callable[[Sequence[Progress | None]], None]
) -> None:
    """Follow trainings to their ends, all at the same step. What breaks one off breaks off all."""
    living = list(members)
    try:
        while living:
            for member in living:
                take_turn(member, stack)
            living = [member for member in living if member.outcome is None]
            show([member.latest for member in members])
    except BaseException as error:
        for member in living:
            with suppress(BaseException):
                member.following.throw(KeyboardInterrupt() if isinstance(error, BrokenOffError) else error)
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

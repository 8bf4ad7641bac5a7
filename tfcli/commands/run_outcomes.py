"""What a run of a sweep has come to, as its folder tells it; an error is one, too. Free of torch."""

from __future__ import annotations

import re
import traceback

from tfcli.config.class_files import describe_error
from tfcli.errors import NO_MEMORY, DivergedError, TfcliError
from tfcli.records.results import RunDetails
from tfcli.records.sweep import RunOutcome, State
from tfcli.runs import summaries
from tfcli.sweeps.orders import Order


def read_outcome(order: Order, why: str | None) -> RunOutcome:
    """Return what a run came to, from its folder."""
    details = summaries.details(order.folder)
    history = details.history
    if order.until is not None:  # what came later, if anything did, wasn't known at that step
        history = [line for line in history if line["step"] <= order.until]
    last = history[-1] if history else {}
    state, error = state_of(order, details, why)
    solved = None if state in ("not solved", "diverged") else summaries.find_solved(history)
    return RunOutcome(
        id=order.id,
        run=str(order.folder),
        settings=order.settings,
        state=state,
        seed=order.config.train.seed,
        steps=min(details.steps, order.until or details.steps),
        most_steps=order.config.train.steps,
        seconds=last.get("train_seconds", details.train_seconds) if order.until else details.train_seconds,
        solved_step=None if solved is None else int(solved["step"]),
        solved_seconds=None if solved is None else solved["train_seconds"],
        exact_match=last.get("exact_match") if order.until else details.exact_match,
        token_accuracy=last.get("token_accuracy") if order.until else details.token_accuracy,
        held_out_loss=last.get("held_out_loss"),
        parameters=details.parameters,
        together=details.together,
        until=order.until,
        error=error,
    )


def state_of(order: Order, details: RunDetails, why: str | None) -> tuple[State, str | None]:
    """Return how a run stands, and why it counts as failed, if it does."""
    if not details.interrupted:
        return "solved" if details.solved else "diverged" if details.diverged else "not solved", None
    if why == "interrupted":
        return "interrupted", None
    if order.until is not None and details.steps >= order.until:
        return "dropped", None
    return "failed", why or "its training was broken off"


def failure(order: Order, error: BaseException) -> RunOutcome:
    """Return what a run came to that ended with an error."""
    is_known = isinstance(error, TfcliError | OSError)
    history = summaries.read_metrics(order.folder)
    return RunOutcome(
        id=order.id,
        run=str(order.folder),
        settings=order.settings,
        state="diverged" if isinstance(error, DivergedError) else "failed",
        seed=order.config.train.seed,
        steps=int(history[-1]["step"]) if history else 0,
        most_steps=order.config.train.steps,
        until=order.until,
        error=name_error(error),
        traceback=None if is_known else "".join(traceback.format_exception(error)),
    )


def name_error(error: BaseException) -> str:
    """Return an error in a line."""
    if isinstance(error, TfcliError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename or 'output'}: {error.strerror}"
    if isinstance(error, MemoryError) or re.search(NO_MEMORY, str(error)):
        return "not enough memory for this; try a smaller model, batch, length or number of samples"
    return describe_error(error)

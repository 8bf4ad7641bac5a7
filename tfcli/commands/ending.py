"""How a training ends: it is scored and summarized, and whatever ends it, what it has come to is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tfcli.commands.outcome import is_over, summarize
from tfcli.commands.recording import Recorder
from tfcli.errors import DivergedError, StoppedError, TfcliError
from tfcli.evaluation import score
from tfcli.model.encoder import Encoder
from tfcli.records.results import Score, TrainSummary
from tfcli.training.ranks import LostProcessError

if TYPE_CHECKING:
    from tasks.base import Batch

PATIENCE = 0.3  # seconds


class BrokenOffError(TfcliError):
    """Somebody wouldn't wait for the end of a step."""

    exit_code = 130


def summarize_at_end(recorder: Recorder, held_out: list[Batch]) -> TrainSummary:
    """Summarize a training after its last step; what is saved is scored as it is."""
    progress, training = recorder.latest, recorder.training
    if progress is None:
        raise RuntimeError("a training without a step")
    over = is_over(progress, training.config.train)
    if not progress.fresh:
        progress = replace(progress, score=score_soon(training.model, held_out), streak=0)
    return summarize(training, progress, interrupted=not over)


def score_soon(model: Encoder, held_out: list[Batch]) -> Score | None:
    """Score a model, unless that takes longer than somebody likes to wait who has stopped a training."""
    started = time.monotonic()

    def check(answered: int) -> None:
        if time.monotonic() - started > PATIENCE:
            raise StoppedError

    try:
        return score(model, held_out, tick=check)
    except StoppedError:
        return None


@contextmanager
def save_what_there_is(recorder: Recorder) -> Iterator[None]:
    """Whatever ends a training, keep the weights that it has come to, if they are numbers."""
    try:
        yield
    except KeyboardInterrupt:  # within a step, whose weights may be half of the old and half of the new
        recorder.tell_end("interrupted")
        raise BrokenOffError(f"broken off: {recorder.saver.kept}") from None
    except DivergedError:
        recorder.saver.mark_diverged()
        recorder.tell_end("diverged")
        raise
    except LostProcessError as error:
        kept = recorder.save_as_it_stands()
        recorder.tell_end("error")
        raise LostProcessError(f"{error}; {kept}") from error
    except Exception:
        with suppress(TfcliError):
            recorder.save_weights()
        recorder.tell_end("error")
        raise
    finally:
        recorder.close()

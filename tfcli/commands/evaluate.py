"""`eval` and `predict`: how a run answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from tfcli import registry
from tfcli.checkpoints import LoadedRun
from tfcli.config.schema import check_device
from tfcli.devices import choose_device
from tfcli.errors import UsageError
from tfcli.evaluation import make_answer, predict_ids, score_length, spread
from tfcli.records.results import (
    Answer,
    EvalReport,
    LengthScore,
)


def evaluate_run(
    loaded: LoadedRun, lengths: list[int] | None, samples: int, seed: int, device: str, wrong: int
) -> EvalReport:
    """Score a run length by length; without `lengths` those it was trained on and some beyond.

    Raises:
        UsageError: a length that the model can't take, or at which the task breaks a promise.
    """
    low, high = loaded.task.min_length, loaded.task.max_length
    if lengths is None:
        lengths = default_lengths(loaded)
    try:
        model = loaded.model.to(choose_device(check_device(device)))
    except ValueError as error:
        raise UsageError(f"--device {device}: {error}") from error
    lengths = list(dict.fromkeys(map(loaded.task.nearest_length, lengths)))
    check_beyond(loaded, lengths)
    scores: list[LengthScore] = []
    mistakes: list[Answer] = []
    for length in lengths:
        try:
            result, wrong_answers = score_length(model, loaded.task, length, samples, seed)
        except ValueError as error:
            raise UsageError(f"{loaded.path}: {error}; choose other --lengths") from error
        scores.append(result)
        mistakes += islice(wrong_answers, wrong - len(mistakes))
    return EvalReport(str(loaded.path), loaded.config.task.name, (low, high), scores, mistakes)


def check_beyond(loaded: LoadedRun, lengths: Iterable[int]) -> None:
    """Hold the task against what it promises at lengths that it wasn't trained on, and wasn't tried at.

    Raises:
        UsageError: it breaks a promise.
    """
    trained = range(loaded.task.min_length, loaded.task.max_length + 1)
    beyond = [length for length in lengths if length not in trained and loaded.model.takes(length)]
    registry.check_task(loaded.task, loaded.config.task.name, beyond)


def default_lengths(loaded: LoadedRun) -> list[int]:
    """Up to 20 of the trained lengths, then 1.5, 2 and 3 times the longest, where the model can take them."""
    high = loaded.task.max_length
    beyond = filter(loaded.model.takes, (high * 3 // 2, high * 2, high * 3))
    return sorted(
        {loaded.task.nearest_length(n) for n in (*spread(loaded.task.min_length, high, 20), *beyond)}
    )


def answer_sequences(loaded: LoadedRun, sequences: Iterable[tuple[str, str]]) -> Iterator[Answer]:
    """Answer each sequence as they come. Each has a word before it on where it is from.

    Raises:
        UsageError: a sequence that the run can't take.
    """
    for origin, sequence in sequences:
        if not sequence.strip() and origin:  # a blank line is answered by one, so that lines stay paired
            yield Answer([], [], [], correct=True)
            continue
        inputs = loaded.encode(sequence, origin, may_be_run=not origin)[None]
        try:
            predictions = predict_ids(loaded.model, inputs)
        except ValueError as error:
            raise UsageError(f"{loaded.path}: {origin}{error}") from error
        yield make_answer(loaded.task, inputs[0], predictions[0], loaded.task.target(inputs.clone())[0])

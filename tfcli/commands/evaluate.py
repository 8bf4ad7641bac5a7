"""`eval` and `predict`: how a run answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

from tfcli import registry
from tfcli.checkpoints.loading import LoadedRun
from tfcli.config.train_section import check_device
from tfcli.devices import choose_device, few_threads, make_generator
from tfcli.errors import UsageError
from tfcli.evaluation import make_answer, predict_ids, score_length, spread
from tfcli.intervals import wilson
from tfcli.ngrams import NGrams
from tfcli.records.events import LengthScored, emit
from tfcli.records.results import (
    Answer,
    AnswerScore,
    EvalReport,
    LengthScore,
)

MOST_ANSWERS = 30  # different ones that are told apart
SEED = 0  # of the sequences that runs are scored on, where nobody chooses it


class Listener:
    """Who is told how an evaluation goes; this one does nothing with it."""

    def begin(self, report: EvalReport, lengths: list[int]) -> None:
        """Take note of what will be scored; `report` has no scores yet."""

    def count(self, length: int, answered: int) -> None:
        """Take note of how many sequences of a length are answered."""

    def add(self, score: LengthScore) -> None:
        """Take note of the score of a length."""


def evaluate_run(
    loaded: LoadedRun,
    lengths: list[int] | None,
    samples: int,
    seed: int,
    device: str,
    wrong: int,
    listener: Listener | None = None,
    by_answer: bool = False,
) -> EvalReport:
    """Score a run length by length; without `lengths` those it was trained on and some beyond.

    If asked for, the answers are told apart `by_answer`, too: by the one that is right.

    Raises:
        UsageError: a length that the model can't take, or at which the task breaks a promise.
    """
    listener = listener or Listener()
    if not loaded.task.DRAWS:
        raise UsageError(f"{loaded.path}: nobody knows the right answers to a text; `predict` answers one")
    trained = (loaded.task.min_length, loaded.task.max_length)
    try:
        model = loaded.model.to(choose_device(check_device(device)))
    except ValueError as error:
        raise UsageError(f"--device {device}: {error}") from error
    lengths = choose_lengths(loaded, lengths)
    text = loaded.task.text_to_count(make_generator(next(model.parameters()).device, seed))
    ngrams = None if text is None else NGrams(text, loaded.task.vocab_size)
    report = EvalReport(str(loaded.path), loaded.config.task.name, trained, [], is_text=text is not None)
    tally = Tally()
    listener.begin(report, lengths)
    for length in lengths:
        tick = partial(listener.count, length)
        with few_threads(loaded.config.model, samples * length, length):
            result, answers = score_length(model, loaded.task, length, samples, seed, tick, ngrams)
        emit(LengthScored(report.run, str(next(model.parameters()).device), result))
        report.lengths.append(result)
        report.wrong.extend(islice(answers.wrong(), wrong - len(report.wrong)))
        if by_answer:
            tally.add(answers.all())
        listener.add(result)
    report.answers.extend(tally.scores())
    return report


def exact_match_at(
    loaded: LoadedRun, length: int, samples: int, device: str, listener: Listener | None = None
) -> float | None:
    """Return the exact match of a run at a length, as `eval` scores it.

    None where it can't read so long an input, or its task has none of that length.

    Raises:
        UsageError: as `evaluate_run`.
    """
    if not loaded.task.has_length(length) or not loaded.model.takes(length):
        return None
    return evaluate_run(loaded, [length], samples, SEED, device, 0, listener).lengths[0].exact_match


class Tally:
    """Counts how answers are given, by the one that is right."""

    def __init__(self) -> None:
        self.said: dict[tuple[str, ...], Counter[tuple[str, ...]]] = {}

    def add(self, answers: Iterable[Answer]) -> None:
        """Count some answers."""
        for answer in answers:
            self.said.setdefault(tuple(answer.target), Counter())[tuple(answer.prediction)] += 1

    def scores(self) -> list[AnswerScore]:
        """Return the score of each answer, of the most frequent ones if they are many."""
        frequent = sorted(self.said.items(), key=lambda item: (-item[1].total(), item[0]))[:MOST_ANSWERS]
        found = []
        for right, said in frequent:
            n = said.total()
            others = Counter({other: times for other, times in said.items() if other != right})
            mistaken = list(others.most_common(1)[0][0]) if others else []
            share = said[right] / n
            found.append(AnswerScore(list(right), n, share, wilson(share, n), mistaken))
        return found


def choose_lengths(loaded: LoadedRun, lengths: list[int] | None) -> list[int]:
    """Return the lengths that exist nearest to those asked for, or a choice of them.

    Raises:
        UsageError: a length that the model can't take, or at which the task breaks a promise.
    """
    found = list(dict.fromkeys(map(loaded.task.nearest_length, lengths or default_lengths(loaded))))
    try:
        for length in found:
            loaded.model.check(length)
    except ValueError as error:
        raise UsageError(f"{loaded.path}: {error}; choose other --lengths") from error
    check_beyond(loaded, found)
    return found


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
        length = inputs.shape[1]
        try:
            with few_threads(loaded.config.model, length, length):
                predictions = predict_ids(loaded.model, inputs)
        except ValueError as error:
            raise UsageError(f"{loaded.path}: {origin}{error}") from error
        yield make_answer(loaded.task, inputs[0], predictions[0], loaded.task.target(inputs.clone())[0])

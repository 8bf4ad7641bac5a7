"""How well a model answers: exact match and token accuracy by length, beside what chance would score.

Axes: B batch, T position of the input, M position of the answer, V symbols.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from tfcli.devices import make_generator
from tfcli.errors import NO_MEMORY
from tfcli.intervals import wilson
from tfcli.model.layout import Layout
from tfcli.model.softmax import cross_entropy
from tfcli.model.trace import Intervention
from tfcli.ngrams import NGrams
from tfcli.records.results import Answer, LengthScore, Score, judge

if TYPE_CHECKING:
    from tasks.base import Batch, Task

TOKENS_A_PASS = 2**15  # a forward pass holds at most about this many tokens
SCORES_A_PASS = 2**26  # ... and about this many scores of a layer, which may have to be in memory together
MAX_LENGTHS = 20  # a held-out set for training is spread over at most this many lengths
FLOOR_TOKENS = 2**20  # the floor is fitted to about this many tokens

IGNORE = -100  # a target that doesn't count, as in tasks and in F.cross_entropy
HELD_OUT_SEED = 2**40  # apart from the seeds that people choose


Tick = Callable[[int], None]  # is told how many sequences are answered; may raise StoppedError


def ignore(answered: int) -> None:
    """Nothing to do."""


class Answerer(Protocol):
    """What evaluation asks of a model."""

    n_heads: int
    training: bool
    layout: Layout

    def __call__(
        self,
        inputs: Tensor,
        may_attend: Tensor | None = None,
        *,
        intervention: Intervention | None = None,
    ) -> Tensor:
        """Logits [B, M, V] for `inputs` [B, T]."""

    def train(self, mode: bool = True) -> object:
        """Go into training mode, or out of it."""

    def eval(self) -> object:
        """Go into evaluation mode."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the weights."""


def spread(low: int, high: int, count: int) -> list[int]:
    """At most `count` whole numbers from `low` to `high`, both included, evenly spaced."""
    count = min(count, high - low + 1)
    return [low + round(i * (high - low) / max(1, count - 1)) for i in range(count)]


def held_out_set(task: Task, samples: int, device: torch.device, seed: int = HELD_OUT_SEED) -> list[Batch]:
    """About `samples` held-out sequences spread over the task's lengths.

    Lengths with few sequences give all they have, and the longer ones make up for it.
    """
    generator = make_generator(device, seed)
    lengths = sorted({task.nearest_length(n) for n in spread(task.min_length, task.max_length, MAX_LENGTHS)})
    batches: list[Batch] = []
    for i, length in enumerate(lengths):
        left = samples - sum(len(batch.inputs) for batch in batches)
        quota = math.ceil(left / (len(lengths) - i))
        if quota > 0:
            batches.append(task.sample_held_out(quota, length, generator))
    return batches


def draw_example(task: Task, device: torch.device, seed: int = 0) -> Tensor:
    """Return a held-out sequence [T] of the longest trained length up to 8."""
    length = max(task.min_length, min(task.max_length, 8))
    return task.sample_held_out(1, length, make_generator(device, seed)).inputs[0]


def predict_ids(
    model: Answerer, inputs: Tensor, intervention: Intervention | None = None, tick: Tick = ignore
) -> Tensor:
    """Answer `inputs` [B, T] with the model, as ids [B, M]. Its mode is left as it was.

    As many sequences go through together as are fast, and fewer where there is no memory for them. `tick` is
    called before each such batch.

    Raises:
        RuntimeError: there is no memory for one.
    """
    return torch.cat([logits.argmax(-1) for logits in run(model, inputs, None, intervention, tick)])


def run(
    model: Answerer,
    inputs: Tensor,
    may_attend: Tensor | None = None,
    intervention: Intervention | None = None,
    tick: Tick = ignore,
    n_models: int = 1,
) -> Iterator[Tensor]:
    """Yield the logits [b, M, V] for some of `inputs` [B, T] after the other; otherwise as `predict_ids`.

    Those [S, b, M, V] of S models where it is so many that answer.
    """
    L = model.layout.sequence_length(inputs.shape[1])
    rows = max(1, min(TOKENS_A_PASS // L, SCORES_A_PASS // (model.n_heads * L * L)) // n_models)
    start = 0
    with evaluating(model), torch.inference_mode():
        while start < len(inputs):
            tick(start)
            part = slice(start, start + rows)
            padding = {} if may_attend is None else {"may_attend": may_attend[part]}
            try:
                logits = model(inputs[part], intervention=intervention, **padding)
            except RuntimeError as error:
                if rows == 1 or not re.search(NO_MEMORY, str(error)):
                    raise
                rows //= 2
                continue
            yield logits
            start += rows


@contextmanager
def evaluating(model: Answerer) -> Iterator[None]:
    """Bring a model into evaluation mode, and back into the one it was in."""
    if not model.training:  # to tell every module takes longer than a small batch
        yield
        return
    model.eval()
    try:
        yield
    finally:
        model.train()


def score(
    model: Answerer,
    batches: Sequence[Batch],
    intervention: Intervention | None = None,
    tick: Tick = ignore,
) -> Score:
    """Return the model's score over all of `batches` together."""
    return make_score(add_up(model, batches, intervention, tick), batches)


def make_score(sums: Tensor, batches: Sequence[Batch]) -> Score:
    """Return a model's score over `batches` from what `add_up` has found of it."""
    samples = sum(len(batch.inputs) for batch in batches)
    exact, right, tokens, nats = sums.tolist()
    return Score(samples, exact / samples, right / tokens, nats / tokens)


def add_up(
    model: Answerer,
    batches: Sequence[Batch],
    intervention: Intervention | None = None,
    tick: Tick = ignore,
    n_models: int = 1,
) -> Tensor:
    """Return how many answers, and how many symbols of how many, are right in `batches`, and the nats, [4].

    Those of each [S, 4] where it is so many models that answer.
    """
    with evaluating(model):
        found = [
            sums_of(mark(logits.argmax(-1), targets), nats_of(logits, targets))
            for batch in batches
            for logits, targets in answers_to(batch, model, intervention, tick, n_models)
        ]
    return torch.stack(found).sum(0)


def sums_of(marks: Marks, nats: Tensor) -> Tensor:
    """Return how many answers, and how many symbols of how many, are right, and the nats [...], [..., 4]."""
    tokens = marks.tokens.expand_as(marks.right)
    return torch.stack([marks.exact.sum(-1).double(), marks.right.double(), tokens.double(), nats], -1)


def nats_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Return minus the logarithm of the probability of targets [B, M], [...], by logits [..., B, M, V]."""
    targets = targets.expand(logits.shape[:-1])
    each = cross_entropy(logits.float(), targets, "none")
    return each.view(*logits.shape[:-3], -1).sum(-1, dtype=torch.float64)


def answer(
    model: Answerer, batch: Batch, intervention: Intervention | None = None, tick: Tick = ignore
) -> tuple[Tensor, Marks]:
    """Return the model's answers to a batch, as ids [B, M], and what is right of them."""
    ids, nats = [], []
    for logits, targets in answers_to(batch, model, intervention, tick):
        ids.append(logits.argmax(-1))
        nats.append(nats_of(logits, targets))
    found = torch.cat(ids)
    return found, mark(found, batch.targets)._replace(nats=torch.stack(nats).sum())


def answers_to(
    batch: Batch, model: Answerer, intervention: Intervention | None, tick: Tick, n_models: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield logits as `run`, and the targets [b, M] that they are held against."""
    start = 0
    for logits in run(model, batch.inputs, batch.may_attend, intervention, tick, n_models):
        rows = logits.shape[-3]
        yield logits, batch.targets[start : start + rows]
        start += rows


class Marks(NamedTuple):
    """What is right of some answers."""

    exact: Tensor  # bool [..., B], of whole answers
    right: Tensor  # [...], how many symbols are
    tokens: Tensor  # [], of how many
    nats: Tensor = torch.zeros(())  # [], minus the logarithm of the probability of what is right

    @property
    def exact_match(self) -> float:
        """The share of answers that are right as a whole."""
        return int(self.exact.sum()) / len(self.exact)

    @property
    def token_accuracy(self) -> float:
        """The share of symbols that are right."""
        return int(self.right) / int(self.tokens)


def mark(predictions: Tensor, targets: Tensor) -> Marks:
    """Predictions [..., B, M] or [M] held against targets [B, M], as far as these go."""
    if predictions.shape[-1] != targets.shape[-1]:
        raise ValueError(
            f"answers of {predictions.shape[-1]} symbols can't be held against {targets.shape[-1]}"
        )
    counts = targets != IGNORE
    right = (predictions == targets) & counts
    return Marks((right | ~counts).all(dim=-1), right.sum((-2, -1)), counts.sum())


class Answers(NamedTuple):
    """The answers [B, M] to a batch, and which are right as a whole, bool [B]."""

    task: Task
    batch: Batch
    predictions: Tensor
    exact: Tensor

    def all(self) -> Iterator[Answer]:
        """Yield each."""
        return map(self.make, range(len(self.exact)))

    def wrong(self) -> Iterator[Answer]:
        """Yield each that is wrong."""
        return map(self.make, (~self.exact).nonzero()[:, 0].tolist())

    def make(self, i: int) -> Answer:
        """Return the answer to a sequence of the batch."""
        return make_answer(self.task, self.batch.inputs[i], self.predictions[i], self.batch.targets[i])


def score_length(
    model: Answerer,
    task: Task,
    length: int,
    samples: int,
    seed: int,
    tick: Tick = ignore,
    ngrams: NGrams | None = None,
) -> tuple[LengthScore, Answers]:
    """Return the score on held-out sequences of one length, and the answers.

    With `ngrams`, the score is in bits per symbol, too, beside theirs.
    """
    device = next(model.parameters()).device
    generator = make_generator(device, HELD_OUT_SEED + 1 + seed)  # not the set that training looked at
    batch = task.sample_held_out(samples, length, generator)
    predictions, marks = answer(model, batch, tick=tick)
    exact, accuracy, n = marks.exact_match, marks.token_accuracy, len(predictions)
    length = batch.inputs.shape[1]
    blind = mark(input_blind(task, length, generator), batch.targets)
    few = task.n_held_out(length) == n
    result = LengthScore(
        length=length,
        in_range=task.nearest_length(task.min_length) <= length <= task.nearest_length(task.max_length),
        samples=n,
        held_out_of=task.n_sequences(length) if few else None,
        exact_match=exact,
        exact_match_interval=wilson(exact, n),
        token_accuracy=accuracy,
        token_accuracy_interval=wilson(accuracy, n),
        floor=blind.token_accuracy,
        exact_match_floor=blind.exact_match,
    )
    if ngrams is not None:
        result = replace(
            result,
            bits=float(marks.nats / marks.tokens) / math.log(2),
            unigram_bits=ngrams.bits(batch.inputs, batch.targets, 1),
            trigram_bits=ngrams.bits(batch.inputs, batch.targets, 3),
        )
    return result, Answers(task, batch, predictions, marks.exact)


def make_answer(
    task: Task, inputs: Tensor, predictions: Tensor, targets: Tensor, *, each: bool = False
) -> Answer:
    """One answered sequence in symbols: `inputs` [T], `predictions` and `targets` [M].

    Where answers of the task have an end, the model's goes as far as its own; else as far as the target.
    Where only some positions count, these make up the answer, unless `each` is asked for: then the right
    answer is "" at the others.
    """
    counts = targets != IGNORE
    is_known = bool(counts.any())
    said, right = task.fill(inputs, predictions), targets[counts]
    if task.END is not None:
        ends = (predictions == task.END).nonzero()[:, 0].tolist()
        said = predictions[: ends[0] + 1 if ends else None]
    elif is_known and not each:
        said = predictions[counts]
    shown = task.decode_answer(right.tolist())
    if each and is_known and task.END is None:
        symbols = iter(shown)
        shown = [next(symbols) if counted else "" for counted in counts.tolist()]
    got = task.decode_answer(said.tolist())
    return Answer(task.show(inputs), got, shown, judge(got, shown), task.picture(inputs))


def input_blind(task: Task, length: int, generator: torch.Generator) -> Tensor:
    """Return the best answer that ignores the input, as ids [M]: each position's most frequent symbol.

    It is fitted to sequences to train on; the held-out ones then judge it as they judge the model.
    """
    samples = max(64, min(4096, FLOOR_TOKENS // length))
    targets = task.blind_targets(samples, length, generator)
    counts = targets.new_zeros(targets.shape[1], len(task.answer_symbols))
    counts.scatter_add_(1, targets.T.clamp(min=0), (targets.T != IGNORE).long())
    return counts.argmax(dim=1)

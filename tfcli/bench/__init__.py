"""How fast examples are solved, beside a plain recipe, and how far that carries: each over several seeds.

Axes: D d_model, L position of all that is read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch import nn

from tfcli.bench.plain import PlainEncoder, train_plainly
from tfcli.building.models import build_for_training, build_layout
from tfcli.building.trainings import Training
from tfcli.checkpoints.transfer import starter_of
from tfcli.config.schema import RunConfig
from tfcli.devices import prepare, threads_together, with_threads
from tfcli.errors import UsageError
from tfcli.evaluation import score_length
from tfcli.model.encoder import Encoder
from tfcli.records.bench import BenchEntry, LengthSpread, Machine, SolveRecord
from tfcli.records.progress import Progress
from tfcli.records.results import LengthScore
from tfcli.training.agreement import find_disagreement
from tfcli.training.loop import Attempt
from tfcli.training.monitor import held_out_of_training, monitor
from tfcli.training.stack import Place, Stack

if TYPE_CHECKING:
    from tasks.base import Task

SAMPLES = 256  # held-out sequences a length
EVALUATION_SEED = 1  # of those sequences
MATRIX = 1024  # side of the matrices that the machine's rate is measured with


def measure(
    name: str,
    configs: Sequence[RunConfig],
    lengths: Sequence[int],
    plain: bool,
    machine: Machine,
    samples: int = SAMPLES,
    tell: Callable[[SolveRecord], None] = lambda record: None,
    *,
    together: bool = False,
) -> BenchEntry:
    """Train an example as configured for each seed, and the plain recipe in turn; `tell` of each.

    With `lengths`, ours is scored at each of them when its training is over, on `samples` sequences. If all
    seeds are trained `together`, the seconds of each are its share of what all took.

    Raises:
        UsageError: they can't be trained together.
    """
    ours: list[SolveRecord] = []
    plainly: list[SolveRecord] = []
    scores: list[list[LengthScore]] = []
    outcomes = train_together if together else train_in_turn
    for training, record in outcomes(configs, lengths, machine):
        config, task, model = training.config, training.task, training.model
        device, fitted = training.trainer.device, dict.fromkeys(map(task.nearest_length, lengths))
        ours.append(record)
        tell(record)
        scores.append([score_length(model, task, n, samples, EVALUATION_SEED)[0] for n in fitted])
        if plain:
            held_out = held_out_of_training(task, config.train.eval_samples, device)
            prepare(config.train)
            rival = PlainEncoder(build_layout(config, task), task.max_length).to(device)
            records = train_plainly(rival, task, config.train)
            progress = monitor([Attempt(rival.STEPS, records)], rival, held_out)
            plainly.append(follow(config, progress, True, None, machine))
            tell(plainly[-1])
    spreads = [spread_of(list(column)) for column in zip(*scores, strict=True)]
    first = configs[0]
    return BenchEntry(
        name,
        first.task.name,
        ours,
        plainly,
        ratio(ours, plainly),
        spreads,
        first.train.start,
        first.train.train_samples,
        together,
    )


def make_training(config: RunConfig, lengths: Sequence[int]) -> Training:
    """Return a training at its start, of a model that can read `lengths`."""
    device = prepare(config.train)
    task, model = build_for_training(config, lengths)
    return Training(model.to(device), task, config, starter_of(config))


def train_in_turn(
    configs: Sequence[RunConfig], lengths: Sequence[int], machine: Machine
) -> Iterator[tuple[Training, SolveRecord]]:
    """Train one after the other."""
    for config in map(with_threads, configs):
        training = make_training(config, lengths)
        task, model = training.task, training.model
        held_out = held_out_of_training(task, config.train.eval_samples, training.trainer.device)
        progress = monitor(training, model, held_out)
        stop = config.train.stop_when_solved
        yield training, follow(config, progress, stop, flops(model, task), machine)


def train_together(
    configs: Sequence[RunConfig], lengths: Sequence[int], machine: Machine
) -> Iterator[tuple[Training, SolveRecord]]:
    """Train all at once; the seconds of each are its share of what all took.

    Raises:
        UsageError: that can't be done.
    """
    trainings = [make_training(with_threads(config), lengths) for config in configs]
    threads = partial(threads_together, configs[0])
    stack = Stack([training.trainer for training in trainings], threads)
    if problem := find_disagreement(stack):
        raise UsageError(f"--together: {problem}")
    first = trainings[0]
    held_out = held_out_of_training(first.task, configs[0].train.eval_samples, first.trainer.device)
    living = {}
    for training in trainings:
        place = Place(stack, training.trainer)
        progress = monitor(training, training.model, held_out, place=place)
        stop, work = training.config.train.stop_when_solved, flops(training.model, training.task)
        living[training] = following(training.config, progress, stop, work, machine)
    done: dict[Training, SolveRecord] = {}
    while living:
        for training, steps in list(living.items()):
            if (record := next_record(steps)) is not None:
                done[training] = record
                stack.drop(training.trainer)
                del living[training]
    yield from ((training, done[training]) for training in trainings)


def next_record(steps: Generator[None, None, SolveRecord]) -> SolveRecord | None:
    """Go on by a step, and return what has come of the training if that was the last."""
    try:
        next(steps)
    except StopIteration as end:
        record: SolveRecord = end.value
        return record
    return None


def follow(
    config: RunConfig, records: Iterator[Progress], stop: bool, flops_a_token: float | None, machine: Machine
) -> SolveRecord:
    """Follow a training until it is solved, or to its end if it doesn't stop there."""
    steps = following(config, records, stop, flops_a_token, machine)
    while True:
        if (record := next_record(steps)) is not None:
            return record


def following(
    config: RunConfig, records: Iterator[Progress], stop: bool, flops_a_token: float | None, machine: Machine
) -> Generator[None, None, SolveRecord]:
    """Do so step by step."""
    solved: Progress | None = None
    for progress in records:
        if solved and solved.attempt < progress.attempt:  # it was lost again
            solved = None
        solved = solved or (progress if progress.solved else None)
        if solved and stop:
            break
        yield
    until = solved or progress
    rate = progress.tokens_per_second
    return SolveRecord(
        seed=config.train.seed,
        solved=solved is not None,
        steps=until.step,
        seconds=until.seconds,
        whole_seconds=progress.seconds,
        tokens_per_second=rate,
        share_of_machine=None
        if flops_a_token is None
        else rate * flops_a_token / (machine.matmul_gflops * 1e9),
        attempts=until.attempt,
        exact_match=None if until.score is None else until.score.exact_match,
    )


def flops(model: Encoder, task: Task) -> float:
    """Floating-point operations of the matrix products of a training step, per symbol of an answer.

    Six for each weight of a matrix and token that is read, and 12 L D a layer for the products of attention.
    """
    unembedding = model.layout.n_answers * model.embedding.embedding_dim
    read_off = 0 if model.unembedding is None else unembedding
    once = count_weights(model) - count_weights(model.blocks) - read_off
    weights = once + model.loops * count_weights(model.blocks)
    per_score = 12 * model.embedding.embedding_dim * model.loops * model.n_layers
    inputs = [task.nearest_length(n) for n in range(task.min_length, task.max_length + 1)]
    read = [model.layout.sequence_length(n) for n in inputs]
    answered = sum(map(task.answer_length, inputs))
    return 6 * unembedding + sum(L * (6 * weights + per_score * L) for L in read) / answered


def count_weights(module: nn.Module) -> int:
    """Count the weights of the matrices of linear layers."""
    return sum(part.weight.numel() for part in module.modules() if isinstance(part, nn.Linear))


def measure_machine() -> Machine:
    """Cores, load, and the rate of a large float32 matrix product: the best of some."""
    a = torch.randn(MATRIX, MATRIX)
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - started)
    return Machine(
        cores=os.cpu_count() or 1,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        torch=str(torch.__version__),
        matmul_gflops=2 * MATRIX**3 / min(seconds) / 1e9,
    )


def spread_of(scores: Sequence[LengthScore]) -> LengthSpread:
    """Median and worst over the seeds."""
    exact, tokens = [s.exact_match for s in scores], [s.token_accuracy for s in scores]
    return LengthSpread(
        scores[0].length, median(exact), min(exact), median(tokens), min(tokens), scores[0].floor
    )


def ratio(ours: Sequence[SolveRecord], plainly: Sequence[SolveRecord]) -> float | None:
    """How many times as long the plain recipe takes, by medians; where it doesn't get there, at least."""
    if not plainly or not all(record.solved for record in ours):
        return None
    return median(r.seconds for r in plainly) / median(r.seconds for r in ours)

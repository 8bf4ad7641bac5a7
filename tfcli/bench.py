"""How fast examples are solved, beside a plain recipe, and how far that carries: each over several seeds.

Axes: B batch, T position, D d_model, V vocabulary.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.building.models import build_for_training, build_layout
from tfcli.building.trainings import Training
from tfcli.checkpoints.transfer import starter_of
from tfcli.config.schema import RunConfig
from tfcli.config.train_section import TrainConfig
from tfcli.devices import make_generator, prepare, with_threads
from tfcli.evaluation import score_length
from tfcli.model.embedding import make_embedding
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.positions.sinusoidal import SinusoidalPositions
from tfcli.model.sizes import Sizes
from tfcli.records.bench import BenchEntry, LengthSpread, Machine, SolveRecord
from tfcli.records.progress import Progress, StepRecord
from tfcli.records.results import LengthScore
from tfcli.training.loop import Attempt
from tfcli.training.monitor import held_out_of_training, monitor

if TYPE_CHECKING:
    from tasks.base import Task

SAMPLES = 256  # held-out sequences a length
EVALUATION_SEED = 1  # of those sequences
MATRIX = 1024  # side of the matrices that the machine's rate is measured with


class PlainEncoder(nn.Module):
    """What people write who have torch and a tutorial: its own encoder, with sinusoids."""

    D_MODEL, N_HEADS, N_LAYERS, D_FF = 32, 1, 1, 64
    LEARNING_RATE, WARMUP_STEPS, BATCH_SIZE, CLIP_NORM, STEPS = 5e-4, 50, 128, 5.0, 3000

    def __init__(self, layout: Layout, max_length: int) -> None:
        super().__init__()
        self.layout = layout
        self.n_heads = self.N_HEADS
        self.embedding = make_embedding(layout.n_tokens, self.D_MODEL, layout.n_features)
        longest = layout.longest(max_length)
        sizes = Sizes(self.D_MODEL, self.N_HEADS, self.D_MODEL, self.D_FF, longest, longest)
        self.positions = SinusoidalPositions(sizes)
        layer = nn.TransformerEncoderLayer(
            self.D_MODEL, self.N_HEADS, self.D_FF, dropout=0.0, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, self.N_LAYERS, enable_nested_tensor=False)
        self.unembedding = nn.Linear(self.D_MODEL, layout.n_answers)

    def forward(
        self, inputs: Tensor, may_attend: Tensor | None = None, *, intervention: None = None
    ) -> Tensor:
        """Logits [B, M, V] for `inputs` [B, T]."""
        at = self.layout.coordinates(inputs, may_attend)
        padding = None if at.may_attend is None else ~at.may_attend
        tokens, numbers = self.layout.tokens(inputs), self.layout.numbers(inputs)
        x = self.positions.embed(self.embedding(tokens, numbers), at)
        read = self.encoder(x, src_key_padding_mask=padding)
        logits: Tensor = self.unembedding(self.layout.answers(read, inputs.shape[1]))
        return logits


def train_plainly(model: PlainEncoder, task: Task, config: TrainConfig) -> Iterator[StepRecord]:
    """Adam with a linear warm-up, a record a step; the loss is read as often as ours is."""
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), lr=model.LEARNING_RATE)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / model.WARMUP_STEPS, 1.0, model.WARMUP_STEPS)
    generator, lengths, tokens = make_generator(device, config.seed), random.Random(config.seed), 0
    for step in range(1, model.STEPS + 1):
        length = lengths.randint(task.min_length, task.max_length)
        inputs, targets, _ = task.sample(model.BATCH_SIZE, length, generator)
        model.train()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), model.CLIP_NORM)
        optimizer.step()
        warmup.step()
        tokens += targets.numel()
        yield StepRecord(step, tokens, None if step % config.eval_every else loss.item())


def measure(
    name: str,
    configs: Sequence[RunConfig],
    lengths: Sequence[int],
    plain: bool,
    machine: Machine,
    samples: int = SAMPLES,
    tell: Callable[[SolveRecord], None] = lambda record: None,
) -> BenchEntry:
    """Train an example as configured for each seed, and the plain recipe in turn; `tell` of each.

    With `lengths`, ours is scored at each of them when its training is over, on `samples` sequences.
    """
    ours: list[SolveRecord] = []
    plainly: list[SolveRecord] = []
    scores: list[list[LengthScore]] = []
    for config in map(with_threads, configs):
        device = prepare(config.train)
        task, model = build_for_training(config, lengths)
        model = model.to(device)
        fitted = dict.fromkeys(map(task.nearest_length, lengths))
        stop = config.train.stop_when_solved
        held_out = held_out_of_training(task, config.train.eval_samples, device)
        progress = monitor(Training(model, task, config, starter_of(config)), model, held_out)
        ours.append(follow(config, progress, stop, flops(model, task), machine))
        tell(ours[-1])
        scores.append([score_length(model, task, n, samples, EVALUATION_SEED)[0] for n in fitted])
        if plain:
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
    )


def follow(
    config: RunConfig, records: Iterator[Progress], stop: bool, flops_a_token: float | None, machine: Machine
) -> SolveRecord:
    """Follow a training until it is solved, or to its end if it doesn't stop there."""
    solved: Progress | None = None
    for progress in records:
        if solved and solved.attempt < progress.attempt:  # it was lost again
            solved = None
        solved = solved or (progress if progress.solved else None)
        if solved and stop:
            break
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

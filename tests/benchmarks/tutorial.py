"""Time to solve reversal of digits, beside a published tutorial's own recipe, trained in turn.

    python tests/benchmarks/tutorial.py [--seeds 100:104] [--length 16]

The recipe is that of the reverse task in tutorial 6 of the UvA deep learning course (Lippe 2020), written
anew: one-hot digits through a linear layer, sinusoids, one post-norm layer with one head, d_model 32 and d_ff
64, Xavier weights in attention, a two-layer head; Adam at 5e-4 with a warm-up of 50 steps and half a cosine
over 3,900, batches of 128, gradients clipped to 5. Ours is the example `reverse`, and the same with encodings
that have no mirror image built in. Each is trained until it answers 1,000 held-out sequences right at two
evaluations in a row. Prints a Markdown table: seeds solved, medians of steps and of seconds, and a ratio.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tasks.base import Task
from tfcli.bench import follow, measure_machine
from tfcli.building.models import build_for_training
from tfcli.building.trainings import Training
from tfcli.cli.ranges import parse_seeds
from tfcli.config.files import check, find_entry
from tfcli.config.schema import RunConfig
from tfcli.devices import make_generator, prepare
from tfcli.evaluation import held_out_set
from tfcli.model.layout import Layout
from tfcli.records.progress import StepRecord
from tfcli.training.loop import Attempt
from tfcli.training.monitor import monitor

DIGITS = 10
D_MODEL, N_HEADS, D_FF = 32, 1, 64
LEARNING_RATE, WARMUP_STEPS, STEPS, BATCH_SIZE, CLIP_NORM = 5e-4, 50, 3900, 128, 5.0
OURS = {
    "`reverse`": [],
    "`reverse`, `model.positions=learned`": ["model.positions=learned", "train.steps=2000"],
    "`reverse`, `model.positions=sinusoidal`": ["model.positions=sinusoidal", "train.steps=2000"],
}


class TutorialEncoder(nn.Module):
    """The tutorial's model."""

    n_heads = N_HEADS

    def __init__(self, length: int) -> None:
        super().__init__()
        self.layout = Layout(DIGITS)
        self.embedding = nn.Linear(DIGITS, D_MODEL)
        layer = nn.TransformerEncoderLayer(D_MODEL, N_HEADS, D_FF, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        for block in self.encoder.layers:
            nn.init.xavier_uniform_(block.self_attn.in_proj_weight)
            nn.init.xavier_uniform_(block.self_attn.out_proj.weight)
        self.head = nn.Sequential(
            nn.Linear(D_MODEL, D_MODEL), nn.LayerNorm(D_MODEL), nn.ReLU(), nn.Linear(D_MODEL, DIGITS)
        )
        position = torch.arange(length)[:, None]
        angles = position * torch.exp(torch.arange(0, D_MODEL, 2) * (-math.log(10000.0) / D_MODEL))
        self.sinusoids: Tensor
        waves = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)
        self.register_buffer("sinusoids", waves, persistent=False)

    def forward(self, inputs: Tensor, *, intervention: None = None) -> Tensor:
        """Logits [B, T, V] for `inputs` [B, T]."""
        x = self.embedding(F.one_hot(inputs, DIGITS).float()) + self.sinusoids
        logits: Tensor = self.head(self.encoder(x))
        return logits


def learning_rate(step: int) -> float:
    """Return the rate of a step, counted from 0."""
    factor = 0.5 * (1 + math.cos(math.pi * step / STEPS))
    return LEARNING_RATE * factor * min(1.0, step / WARMUP_STEPS)


def train_as_taught(model: nn.Module, task: Task, seed: int, eval_every: int) -> Iterator[StepRecord]:
    """Train by the tutorial's recipe, a record a step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    generator, tokens = make_generator(torch.device("cpu"), seed), 0
    for step in range(1, STEPS + 1):
        inputs, targets, _ = task.sample(BATCH_SIZE, task.max_length, generator)
        optimizer.param_groups[0]["lr"] = learning_rate(step - 1)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        tokens += targets.numel()
        yield StepRecord(step, tokens, None if step % eval_every else loss.item())


def configure(settings: list[str], seed: int) -> RunConfig:
    """Return the example `reverse` with some settings."""
    return check(find_entry("reverse"), [*settings, f"train.seed={seed}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("100:104"))
    parser.add_argument("--length", type=int, default=16)
    options = parser.parse_args()
    seeds, length = options.seeds, options.length
    fixed = [f"task.min_length={length}", f"task.max_length={length}"]
    machine = measure_machine()
    found: dict[str, list[tuple[bool, int, float]]] = {name: [] for name in (*OURS, "the tutorial's recipe")}
    for seed in seeds:
        for name in found:
            config = configure([*fixed, *OURS.get(name, [])], seed)
            device = prepare(config.train)
            task, ours = build_for_training(config)
            held_out = held_out_set(task, config.train.eval_samples, device)
            if name in OURS:
                progress = monitor(Training(ours, task, config), ours, held_out)
            else:
                theirs = TutorialEncoder(length)
                records = train_as_taught(theirs, task, seed, config.train.eval_every)
                progress = monitor([Attempt(STEPS, records)], theirs, held_out)
            record = follow(config, progress, True, None, machine)
            found[name].append((record.solved, record.steps, record.seconds))
    first = median(seconds for _, _, seconds in next(iter(found.values())))
    print("| model | solved | steps | seconds | times ours |", "|---|---:|---:|---:|---:|", sep="\n")
    for name, records_of in found.items():
        solved, steps_of, seconds_of = zip(*records_of, strict=True)
        row = [
            name,
            f"{sum(solved)} of {len(seeds)}",
            f"{median(steps_of):,.0f}",
            f"{median(seconds_of):.2f}",
        ]
        print(f"| {' | '.join(row)} | {median(seconds_of) / first:.1f} |")


if __name__ == "__main__":
    main()

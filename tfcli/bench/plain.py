"""The plain recipe that examples are held against.

Axes: B batch, T position, M position of the answer, V vocabulary.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.config.train_section import TrainConfig
from tfcli.devices import make_generator
from tfcli.model.embedding import make_embedding
from tfcli.model.layout import Layout
from tfcli.model.positions.sinusoidal import SinusoidalPositions
from tfcli.model.sizes import Sizes
from tfcli.records.progress import StepRecord

if TYPE_CHECKING:
    from tasks.base import Task


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

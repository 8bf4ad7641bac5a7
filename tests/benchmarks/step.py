"""One training step of our encoder against `torch.nn.TransformerEncoder` of equal size, in turn in one run.

    python tests/benchmarks/step.py [--steps 30] [--sizes small large] [--threads N]

Both sides do the same work on the same batches: embedding, learned positions, pre-norm blocks with GELU,
logits, cross entropy, gradient clipping and AdamW; theirs with torch's fused one, and always in float32.
A row `by MKL` or `by oneDNN` has our matrices multiplied by the one that isn't taken here. Both sides keep
the memory that a step gives back, as tfcli does where it trains; not so with GLIBC_TUNABLES in the
environment, even if it is empty.
Prints the median step of each and the median of the ratios of neighbouring steps; above 1 ours is faster.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tfcli.building.models import build_encoder
from tfcli.building.trainings import build_optimizer
from tfcli.config.model_section import ModelConfig
from tfcli.config.train_section import TrainConfig
from tfcli.devices import keep_memory, matmul_precision
from tfcli.model import linear
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.model.softmax import cross_entropy

SIZES = {  # batch, length, and the model's sizes
    "small": (64, 16, {"d_model": 64, "n_layers": 2, "n_heads": 4}),
    "large": (64, 128, {"d_model": 128, "n_layers": 4, "n_heads": 4}),
    "wide": (64, 20, {"d_model": 256, "n_layers": 4, "n_heads": 8}),
}
VOCAB = 10


class TorchEncoder(nn.Module):
    """The usual model around torch's own encoder."""

    def __init__(self, config: ModelConfig, length: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            config.d_model,
            config.n_heads,
            config.d_ff,
            dropout=0.0,
            activation=config.feed_forward.settings["activation"],
            batch_first=True,
            norm_first=True,
        )
        self.embedding = nn.Embedding(VOCAB, config.d_model)
        self.positions = nn.Embedding(length, config.d_model)
        norm = nn.LayerNorm(config.d_model)
        self.encoder = nn.TransformerEncoder(layer, config.n_layers, norm, enable_nested_tensor=False)
        self.unembedding = nn.Linear(config.d_model, VOCAB)

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.embedding(inputs) + self.positions.weight[: inputs.shape[1]]
        logits: Tensor = self.unembedding(self.encoder(x))
        return logits


def our_step(model: Encoder, precision: str) -> Callable[[Tensor], float]:
    """Return a function that trains our encoder on a batch and returns the seconds it took."""
    optimizer = build_optimizer(TrainConfig(), model)

    def step(inputs: Tensor) -> float:
        started = time.perf_counter()
        with matmul_precision(torch.device("cpu"), precision):
            loss = cross_entropy(model(inputs), inputs.flip(1))
        optimizer.zero_gradients()
        torch.autograd.backward(loss)
        optimizer.step(1e-3)
        return time.perf_counter() - started

    return step


def their_step(model: nn.Module) -> Callable[[Tensor], float]:
    """Return the same for a model with torch's optimizer."""
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, fused=True)

    def step(inputs: Tensor) -> float:
        started = time.perf_counter()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), inputs.flip(1).flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return time.perf_counter() - started

    return step


def compare(config: ModelConfig, precision: str, batch: int, length: int, steps: int) -> str:
    """Take steps of both in turn, and say how they compare."""
    pair = (
        our_step(build_encoder(config, Layout(VOCAB), length), precision),
        their_step(TorchEncoder(config, length)),
    )
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(steps + 5):
        inputs = torch.randint(VOCAB, (batch, length))
        for side in (0, 1) if number % 2 else (1, 0):
            seconds = pair[side](inputs)
            if number >= 5:  # the first ones warm up
                times[side].append(seconds)
    ours, theirs = (1e3 * median(found) for found in times)
    speedup = median(theirs / ours for ours, theirs in zip(*times, strict=True))
    return f"{ours:7.1f} ms, theirs {theirs:7.1f} ms, {speedup:.2f} x as fast"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    keep_memory()
    mkl_is_slow = linear.mkl_is_slow()
    rows = [("float32", "float32", mkl_is_slow), ("bfloat16", "bfloat16", mkl_is_slow)]
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # as torch leaves it
        rows.append(("by MKL" if mkl_is_slow else "by oneDNN", "float32", not mkl_is_slow))
    for name in options.sizes:
        batch, length, sizes = SIZES[name]
        config = ModelConfig.model_validate({**sizes, "positions": "learned"})
        print(f"{name} (batch {batch}, length {length}, {sizes}):")
        for label, precision, as_found in rows:
            with patch.object(linear, "mkl_is_slow", return_value=as_found):
                print(f"  {label:<10}{compare(config, precision, batch, length, options.steps)}", flush=True)


if __name__ == "__main__":
    main()

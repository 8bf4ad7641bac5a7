"""A model and a sequence -> what every head attended to, from the same forward pass that gave the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.evaluation import answer
from tfcli.model import Encoder
from tfcli.results import AttentionRecord, HeadRecord, LayerRecord
from tfcli.traces import ForwardTrace

if TYPE_CHECKING:
    from tasks.base import Task

MAX_TOKENS = 2048  # a trace keeps several [H, T, T] tensors a layer


def attention(
    model: Encoder,
    task: Task,
    inputs: Tensor,
    *,
    run: str,
    layers: list[int] | None = None,
    heads: list[int] | None = None,
    mean: bool = False,
) -> AttentionRecord:
    """The attention weights of `inputs` [T] and the answer they led to; all layers and heads if not chosen.

    Raises:
        ValueError: a layer or head that isn't there, or a sequence that is too long for the model or to show.
    """
    n_layers, n_heads = len(model.blocks), model.n_heads
    if len(inputs) > MAX_TOKENS:
        raise ValueError(f"attention is shown for up to {MAX_TOKENS} tokens, not {len(inputs)}")
    trace = ForwardTrace()
    model.eval()
    with torch.inference_mode():
        predictions = model(inputs[None], trace=trace).argmax(-1)[0]
        targets = task.target(inputs[None])[0]
    shown = answer(task, inputs, predictions, targets)
    layer_records = []
    for layer in chosen(layers, n_layers, "layer"):
        weights = trace.layers[layer].attn_weights[0]  # [H, T, T]
        kept = chosen(heads, n_heads, "head")
        if mean:
            name = f"mean of heads {', '.join(map(str, kept))}" if heads else "mean"
            records = [HeadRecord(name, weights[kept].mean(0).tolist())]
        else:
            records = [HeadRecord(head, weights[head].tolist()) for head in kept]
        layer_records.append(LayerRecord(layer, records))
    return AttentionRecord(run, shown.input, shown.prediction, shown.target, layer_records)


def chosen(numbers: list[int] | None, count: int, kind: str) -> list[int]:
    """The chosen layers or heads, or all `count` of them."""
    for number in numbers or []:
        if not 0 <= number < count:
            there_are = f"'s {kind}s are 0 to {count - 1}" if count > 1 else f" has only {kind} 0"
            raise ValueError(f"there is no {kind} {number}; this model{there_are}")
    return sorted(set(numbers)) if numbers else list(range(count))

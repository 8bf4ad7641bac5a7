"""What every head attended to, from the same forward pass that gave the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.evaluation import answer
from tfcli.internals import AttentionRecord, Choice, HeadRecord, LayerRecord, OrderReport
from tfcli.model import Encoder
from tfcli.positions import RankPositions
from tfcli.traces import ForwardTrace

if TYPE_CHECKING:
    from tasks.base import Task

COMBINE = ("each", "mean", "rollout")
MAX_SYMBOLS = 256  # in an order that is shown
MAX_TOKENS = 2048  # a trace keeps several [H, T, T] tensors a layer


def attention(model: Encoder, task: Task, inputs: Tensor, run: str, choice: Choice) -> AttentionRecord:
    """The attention weights of `inputs` [T] and the answer they led to.

    Raises:
        ValueError: a layer or head that isn't there, or a sequence that is too long for the model or to show.
    """
    if choice.combine not in COMBINE:
        raise ValueError(f"maps are combined as {', '.join(COMBINE)}, not {choice.combine!r}")
    if choice.combine == "rollout" and choice.heads:
        raise ValueError("a rollout is over all heads; leave the heads out")
    layers = chosen(choice.layers, len(model.blocks), "layer")
    heads = chosen(choice.heads, model.n_heads, "head")
    trace, predictions = traced(model, inputs)
    shown = answer(task, inputs, predictions, task.target(inputs[None])[0])
    weights = [layer.attn_weights[0] for layer in trace.layers]  # [H, T, T] each
    if choice.combine == "rollout":
        rolled = rollout(weights)
        records = [LayerRecord(layer, [HeadRecord("rollout", rolled[layer].tolist())]) for layer in layers]
    elif choice.combine == "mean":
        name = f"mean of heads {', '.join(map(str, heads))}" if choice.heads else "mean"
        records = [
            LayerRecord(layer, [HeadRecord(name, weights[layer][heads].mean(0).tolist())]) for layer in layers
        ]
    else:
        records = []
        for layer in layers:
            places = computed_places(model, layer, inputs, trace)
            maps = [
                HeadRecord(head, weights[layer][head].tolist(), **{model.positions.computes: places[head]})
                if places
                else HeadRecord(head, weights[layer][head].tolist())
                for head in heads
            ]
            records.append(LayerRecord(layer, maps))
    return AttentionRecord(
        run=run,
        input=shown.input,
        tokens=model.layout.labels(shown.input),
        first_answer=model.layout.first_answer(len(inputs)),
        prediction=shown.prediction,
        target=shown.target,
        layers=records,
    )


def traced(model: Encoder, inputs: Tensor) -> tuple[ForwardTrace, Tensor]:
    """What the model computed for `inputs` [T], as a batch of one, and its answer [M].

    Raises:
        ValueError: the sequence is too long for the model, or to show.
    """
    L = model.layout.length(len(inputs))
    if L > MAX_TOKENS:
        raise ValueError(f"attention is shown for up to {MAX_TOKENS} tokens, not {L}")
    trace = ForwardTrace()
    model.eval()
    with torch.inference_mode():
        predictions = model(inputs[None], trace=trace).argmax(-1)[0]
    return trace, predictions


def computed_places(
    model: Encoder, layer: int, inputs: Tensor, trace: ForwardTrace
) -> list[list[float]] | None:
    """Where each head of a layer finds the tokens of `inputs` [T], if its positions are computed."""
    at = model.positions.place(model.layout.coordinates(inputs[None], None))
    with torch.inference_mode():
        found = model.positions.places(layer, trace.layers[layer].attention_in, at)
    places: list[list[float]] | None = None if found is None else found[0].tolist()
    return places


def symbol_orders(model: Encoder, task: Task) -> list[OrderReport]:
    """The order of symbols that each `rank` head has learned, none where it ranks by place alone.

    Read off its ranks of a sequence with every symbol once, and of the same backwards: what the place does to
    a rank cancels out in their sum. Empty where positions aren't ranks, or symbols are too many to show.
    """
    if not isinstance(model.positions, RankPositions) or not 1 < task.vocab_size <= MAX_SYMBOLS:
        return []
    symbols = torch.arange(task.vocab_size, device=model.embedding.weight.device)
    traces = [(row, traced(model, row)[0]) for row in (symbols, symbols.flip(0))]
    part = slice(int(model.layout.begin), int(model.layout.begin) + task.vocab_size)
    orders = []
    for layer in range(len(model.blocks)):
        ranks = [computed_places(model, layer, row, trace) or [] for row, trace in traces]
        for head, (forwards, backwards) in enumerate(zip(*ranks, strict=True)):
            pairs = zip(forwards[part], backwards[part][::-1], strict=True)
            both = [there + back for there, back in pairs]
            by_symbol = max(both) - min(both) > 1
            placed = sorted(range(task.vocab_size), key=both.__getitem__) if by_symbol else []
            ties = "in their order" if model.positions.tau[layer, head].item() > 0 else "in reverse"
            orders.append(OrderReport(layer, head, task.decode(placed), ties))
    return orders


def rollout(weights: list[Tensor]) -> list[Tensor]:
    """How much of each input token has come to each position by the end of each layer, [T, T] a layer.

    The heads' mean stands for a layer, and half of each token stays where it is, by the residual connection:
    the product of (mean + 1) / 2 over the layers so far (Abnar & Zuidema 2020, 2005.00928, section 3).
    """
    stays = torch.eye(weights[0].shape[-1], device=weights[0].device)
    rolled, so_far = [], stays
    for layer in weights:
        so_far = (layer.mean(0) + stays) / 2 @ so_far
        rolled.append(so_far)
    return rolled


def chosen(numbers: Sequence[int], count: int, kind: str) -> list[int]:
    """The chosen layers or heads, or all `count` of them."""
    for number in numbers:
        if not 0 <= number < count:
            there_are = f"'s {kind}s are 0 to {count - 1}" if count > 1 else f" has only {kind} 0"
            raise ValueError(f"there is no {kind} {number}; this model{there_are}")
    return sorted(set(numbers)) or list(range(count))

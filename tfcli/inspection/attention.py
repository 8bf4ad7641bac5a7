"""What every head attended to, from the same forward pass that gave the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tfcli.evaluation import make_answer
from tfcli.inspection.matrices import make_matrix
from tfcli.inspection.shares import measure_variances, share_scores, split_scores
from tfcli.model.encoder import Encoder
from tfcli.model.positions.rank import RankPositions
from tfcli.model.trace import ForwardTrace, LayerTrace
from tfcli.records.inspection import AttentionRecord, Choice, HeadRecord, LayerRecord, OrderReport, Places

if TYPE_CHECKING:
    from tasks.base import Task

COMBINE = ("each", "mean", "rollout")
MAX_SYMBOLS = 256  # in an order that is shown
MAX_TOKENS = 2048  # a trace keeps several [H, T, T] tensors a layer


def record_attention(
    model: Encoder, task: Task, inputs: Tensor, run: str, choice: Choice, *, task_name: str = ""
) -> AttentionRecord:
    """Record the attention weights of `inputs` [T] and the answer they led to.

    Raises:
        ValueError: a layer or head that isn't there, or a sequence that is too long for the model or to show.
    """
    if choice.combine not in COMBINE:
        raise ValueError(f"maps are combined as {', '.join(COMBINE)}, not {choice.combine!r}")
    if choice.combine == "rollout" and choice.heads:
        raise ValueError("a rollout is over all heads; leave the heads out")
    loops = choose(choice.loops, model.loops, "loop")
    layers = choose(choice.layers, model.n_layers, "layer")
    heads = choose(choice.heads, model.n_heads, "head")
    trace, predictions = run_with_trace(model, inputs)
    answer = make_answer(task, inputs, predictions, task.target(inputs[None].clone())[0], each=True)
    maps = combine_heads(model, trace, heads, choice)
    return AttentionRecord(
        run=run,
        input=answer.input,
        tokens=model.layout.labels(answer.input),
        first_answer=model.layout.first_answer(len(inputs)),
        prediction=answer.prediction,
        target=answer.target,
        layers=[
            LayerRecord(layer.layer, records, model.shown_loop(layer.loop))
            for layer, records in zip(trace.layers, maps, strict=True)
            if layer.loop in loops and layer.layer in layers
        ],
        picture=answer.picture,
        task=task_name,
    )


def combine_heads(
    model: Encoder, trace: ForwardTrace, heads: list[int], choice: Choice
) -> list[list[HeadRecord]]:
    """Return the maps of each layer: of each head, their mean, or the rollout so far."""
    weights = [layer.attn_weights[0] for layer in trace.layers]  # [H, T, T] each
    if choice.combine == "rollout":
        return [[HeadRecord("rollout", make_matrix(rolled))] for rolled in rollout(weights)]
    if choice.combine == "mean":
        name = f"mean of heads {', '.join(map(str, heads))}" if choice.heads else "mean"
        return [[HeadRecord(name, make_matrix(layer[heads].mean(0)))] for layer in weights]
    return [
        [
            HeadRecord(
                head,
                make_matrix(layer.attn_weights[0, head]),
                compute_places(model, trace, layer, head),
                share_scores(model, layer.layer, head, variances),
                split_scores(model, layer, head) if choice.scores else None,
            )
            for head in heads
        ]
        for layer in trace.layers
        for variances in [measure_variances(layer, trace.at)]
    ]


def run_with_trace(model: Encoder, inputs: Tensor) -> tuple[ForwardTrace, Tensor]:
    """Run the model on `inputs` [T], as a batch of one: what it computed, and its answer [M].

    Raises:
        ValueError: the sequence is too long for the model, or to show.
    """
    L = model.layout.sequence_length(len(inputs))
    if L > MAX_TOKENS:
        raise ValueError(f"attention is shown for up to {MAX_TOKENS} tokens, not {L}")
    trace = ForwardTrace()
    model.eval()
    with torch.inference_mode():
        predictions = model(inputs[None], trace=trace).argmax(-1)[0]
    return trace, predictions


def compute_places(model: Encoder, trace: ForwardTrace, layer: LayerTrace, head: int) -> Places | None:
    """Where a head finds the tokens that were traced, if its positions are computed."""
    encoding, number = model.layers[layer.layer].attention.positions.of_head(head)
    with torch.inference_mode():
        places = encoding.places(layer.attention.read, trace.at)
    return None if places is None else Places(encoding.kind_of_places, places[0, number, -1].tolist())


def find_symbol_orders(model: Encoder, task: Task) -> list[OrderReport]:
    """Find the order of symbols that each `rank` head has learned, none where it ranks by place alone.

    Read off its ranks of a sequence with every symbol once, and of the same backwards: what the place does to
    a rank cancels out in their sum. Empty where positions aren't ranks, or symbols are too many to show.
    """
    rank_heads = [
        (layer, head)
        for layer, block in enumerate(model.layers)
        for head in range(model.n_heads)
        if isinstance(block.attention.positions.of_head(head)[0], RankPositions)
    ]
    if not rank_heads or not 1 < task.vocab_size <= MAX_SYMBOLS:
        return []
    symbols = torch.arange(task.vocab_size, device=model.embedding.weight.device)
    forwards, backwards = (run_with_trace(model, row)[0] for row in (symbols, symbols.flip(0)))
    return [
        find_symbol_order(model, task, (forwards, backwards), loop, layer, head)
        for loop in range(model.loops)
        for layer, head in rank_heads
    ]


def find_symbol_order(
    model: Encoder, task: Task, traces: tuple[ForwardTrace, ForwardTrace], loop: int, layer: int, head: int
) -> OrderReport:
    """Return the order of one head, from the traces of all symbols and of the same backwards."""
    encoding, number = model.layers[layer].attention.positions.of_head(head)
    assert isinstance(encoding, RankPositions)
    first = int(model.layout.begin)
    there, back = (
        places.values[first : first + task.vocab_size]
        for trace in traces
        if (places := compute_places(model, trace, trace.layer(loop, layer), head)) is not None
    )
    both = [one + other for one, other in zip(there, back[::-1], strict=True)]
    by_symbol = max(both) - min(both) > 1
    placed = sorted(range(task.vocab_size), key=both.__getitem__) if by_symbol else []
    ties = "in their order" if encoding.tau[number].item() > 0 else "in reverse"
    return OrderReport(model.shown_loop(loop), layer, head, task.decode(placed), ties)


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


def choose(numbers: Sequence[int], count: int, kind: str) -> list[int]:
    """Hold chosen layers or heads against how many there are; all `count` of them if none is chosen.

    Raises:
        ValueError: there is none of that number.
    """
    for number in numbers:
        if not 0 <= number < count:
            there_are = f"'s {kind}s are 0 to {count - 1}" if count > 1 else f" has only {kind} 0"
            raise ValueError(f"there is no {kind} {number}; this model{there_are}")
    return sorted(set(numbers)) or list(range(count))

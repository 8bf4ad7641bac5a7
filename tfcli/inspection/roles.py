"""What role a head plays: on which patterns its weight lies, over many sequences, beside chance.

Axes: B batch, T position, H head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tfcli.internals import HeadRoles, PatternScore
from tfcli.model import Encoder
from tfcli.traces import ForwardTrace

if TYPE_CHECKING:
    from tasks.base import Batch, Task

CLEAR = 0.5  # a role is named for this much of the way from chance to all of the weight
FEW = 10  # ... in at least so many sequences
UNIFORM = 0.98  # ... and "uniform" for this much overlap with a uniform row: an untrained head has less


def at_offset(offset: int) -> Callable[[Tensor], Tensor]:
    """The pattern of the key that many positions after the query."""
    return lambda inputs: positions_match(inputs, lambda query, key: key - query == offset)


def mirrored(inputs: Tensor) -> Tensor:
    """The key at the query's mirror image; the middle of an odd length is its own and has none."""
    last = inputs.shape[1] - 1
    return positions_match(inputs, lambda query, key: (query + key == last) & (query != key))


def positions_match(inputs: Tensor, rule: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A rule on the positions of query and key as a pattern, bool [B, T, T]."""
    B, T = inputs.shape
    at = torch.arange(T, device=inputs.device)
    return rule(at[:, None], at[None, :]).expand(B, T, T)


def same_symbol(inputs: Tensor) -> Tensor:
    """The other keys with the query's symbol."""
    return (inputs[:, :, None] == inputs[:, None, :]) & ~at_offset(0)(inputs)


# name -> the keys that a query of `inputs` [B, T] looks at in that role, bool [B, T, T]
PATTERNS: dict[str, Callable[[Tensor], Tensor]] = {
    "same position": at_offset(0),
    "previous": at_offset(-1),
    "next": at_offset(1),
    "mirrored": mirrored,
    "first": lambda inputs: positions_match(inputs, lambda query, key: key == 0),
    "last": lambda inputs: positions_match(inputs, lambda query, key: key == key.max()),
    "same symbol": same_symbol,
    "larger symbol": lambda inputs: inputs[:, None, :] > inputs[:, :, None],
    "smaller symbol": lambda inputs: inputs[:, None, :] < inputs[:, :, None],
}


class Tally(NamedTuple):
    """A sum over queries, over how many of them, and of how many sequences."""

    weight: Tensor  # [n_layers, H]
    chance: Tensor  # []
    queries: Tensor  # []
    sequences: Tensor  # []


def head_roles(model: Encoder, task: Task, batches: Sequence[Batch]) -> list[HeadRoles]:
    """What each head looks at in `batches`, over all queries of sequences of two and more.

    A query counts for a pattern only if it could look elsewhere: where all keys or none belong to the
    pattern, there is nothing to see.
    """
    tallies: dict[str, list[Tally]] = {}
    for batch in batches:
        if batch.inputs.shape[1] > 1:
            for name, tally in tally_batch(model, task, batch.inputs).items():
                tallies.setdefault(name, []).append(tally)
    means = {name: mean_of(parts) for name, parts in tallies.items()}
    return [
        roles_of(means, layer, head) for layer in range(len(model.blocks)) for head in range(model.n_heads)
    ]


def tally_batch(model: Encoder, task: Task, inputs: Tensor) -> dict[str, Tally]:
    """The weight of every head on every pattern, summed over the queries of `inputs` [B, T]."""
    trace = ForwardTrace()
    model.eval()
    with torch.inference_mode():
        model(inputs, trace=trace)
        weights = torch.stack([layer.attn_weights for layer in trace.layers])  # [n_layers, B, H, T, T]
        T = inputs.shape[1]
        found = {}
        for name, pattern in patterns_of(task, inputs).items():
            keys = pattern.sum(-1)  # [B, T]
            counts = (keys > 0) & (keys < T)
            kept = (pattern & counts[..., None]).float()
            weight = torch.einsum("lbhqk,bqk->lh", weights, kept)
            found[name] = Tally(weight, (keys * counts).sum() / T, counts.sum(), counts.any(-1).sum())
        queries, sequences = torch.tensor(inputs.numel()), torch.tensor(len(inputs))
        overlap = weights.clamp(max=1 / T).sum((1, 3, 4))
        found["uniform"] = Tally(overlap, queries.float(), queries, sequences)
        entropy = -torch.xlogy(weights, weights).sum((1, 3, 4))
        found["entropy"] = Tally(entropy, queries * math.log(T), queries, sequences)
    return found


def patterns_of(task: Task, inputs: Tensor) -> dict[str, Tensor]:
    """Every pattern for `inputs` [B, T], the task's own included: the key that the answer is read from."""
    found = {name: pattern(inputs) for name, pattern in PATTERNS.items()}
    source = task.source(inputs)
    if source is not None:
        at = torch.arange(inputs.shape[1], device=inputs.device)
        found["source"] = source[..., None] == at
    return found


def mean_of(parts: Sequence[Tally]) -> Tally:
    """The mean over the queries of all parts."""
    weight, chance, queries, sequences = (torch.stack(column).sum(0) for column in zip(*parts, strict=True))
    return Tally(weight / queries, chance / queries, queries, sequences)


def roles_of(means: dict[str, Tally], layer: int, head: int) -> HeadRoles:
    """One head's scores, and the roles that they name."""
    scores = {
        name: PatternScore(float(tally.weight[layer, head]), float(tally.chance))
        for name, tally in means.items()
        if tally.queries > 0
    }
    entropy = scores.pop("entropy", PatternScore(0.0, 0.0))
    clarity = {name: clearness(name, scores[name]) for name in scores if means[name].sequences >= FEW}
    # Rounded, so that of two names for the same keys the more general one comes first.
    roles = sorted((name for name in clarity if clarity[name] > 0), key=lambda name: -round(clarity[name], 1))
    return HeadRoles(layer, head, roles, scores, entropy.weight, entropy.chance)


def clearness(name: str, score: PatternScore) -> float:
    """How clearly a head has a pattern: its share of the way from chance to all; 0 if not clearly."""
    if name == "uniform":
        return score.weight if score.weight >= UNIFORM else 0.0
    gained = (score.weight - score.chance) / (1 - score.chance)
    return gained if gained >= CLEAR else 0.0

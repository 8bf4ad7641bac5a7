"""What a head's scores come from: what tokens hold and where they stand, number by number and in shares.

Axes: B batch, T position, H head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tfcli.inspection.matrices import make_matrix
from tfcli.model.coordinates import Coordinates
from tfcli.model.encoder import Encoder
from tfcli.model.trace import LayerTrace
from tfcli.records.inspection import ScoreParts, ScoreShares

ALIKE = 1e-8  # scores that vary less than by a ten-thousandth say nothing that rounding doesn't


def split_scores(model: Encoder, layer: LayerTrace, head: int) -> ScoreParts:
    """Return what the scores of one head are the sum of, of the first sequence of a batch.

    Both parts are as the weights get them, with the attention scale.
    """
    scores = layer.scores[0, head]
    bias = None if layer.bias is None else layer.bias.expand(layer.scores.shape)[0, head].to(scores)
    encoding, _ = model.layers[layer.layer].attention.positions.of_head(head)
    content = scores if bias is None else scores - bias
    masked = ~scores.isfinite()
    content_map, position_map = (
        None if part is None else make_matrix(part.masked_fill(masked, -torch.inf), gaps=True)
        for part in (content if encoding.uses_content else None, bias)
    )
    return ScoreParts(content_map, position_map, find_mixture(model, layer.layer, head))


class ScoreVariances(NamedTuple):
    """How much the two parts of scores vary over the keys of a query, summed over queries."""

    content: Tensor  # [..., H], of q k^T / sqrt(d_head)
    position: Tensor  # [..., H], of the position bias
    queries: Tensor  # [], how many


def measure_variances(layer: LayerTrace, at: Coordinates) -> ScoreVariances:
    """Return the variances [H] in one layer, over the keys that each query may attend to.

    A constant for all keys of a query changes no weight, and no variance. Both parts are as the weights get
    them, with the attention scale. Padding neither asks nor is asked.
    """
    B, H, T, _ = layer.scores.shape
    real = layer.scores.new_ones((B, T), dtype=torch.bool) if at.may_attend is None else at.may_attend
    parts = []
    for head in range(H):  # one at a time: in double precision they take much memory
        scores = layer.scores[:, head].double()
        counted = scores.isfinite() & real[:, :, None]
        bias = torch.zeros_like(scores)
        if layer.bias is not None:
            bias = layer.bias.expand(B, H, T, T)[:, head].to(bias).where(counted, 0)
        content = scores.where(counted, 0) - bias
        parts.append(torch.stack([variance_over_keys(part, counted) for part in (content, bias)]))
    content_of_heads, position_of_heads = torch.stack(parts, dim=1)
    return ScoreVariances(content_of_heads, position_of_heads, real.sum())


def pool_variances(lots: Sequence[ScoreVariances], n_heads: int) -> ScoreVariances:
    """Return the variances over the queries of all lots of sequences, of which there may be none."""
    if not lots:
        return ScoreVariances(torch.zeros(n_heads), torch.zeros(n_heads), torch.zeros(()))
    return ScoreVariances(*(torch.stack(column).sum(0) for column in zip(*lots, strict=True)))


def variance_over_keys(values: Tensor, counted: Tensor) -> Tensor:
    """Return the variance of each row of `values` [B, T, T] over the keys that count, summed over rows."""
    n = counted.sum(-1, keepdim=True).clamp(min=1)
    mean = (values * counted).sum(-1, keepdim=True) / n
    return ((values - mean).square() * counted / n).sum()


def share_scores(model: Encoder, layer: int, head: int, variances: ScoreVariances) -> ScoreShares:
    """Return the shares of one head, from the `variances` [H] of its layer.

    The variance of scores is that of content, that of position, and twice their covariance. This is shared
    out in the proportion of the two, so a share is var(content) / (var(content) + var(position)): never below
    0 where they work against each other, and unlike halves of the covariance never above 1.
    """
    if reason := find_mixture(model, layer, head):
        return ScoreShares(None, None, reason)
    content, position = variances.content[head].item(), variances.position[head].item()
    if content + position <= ALIKE * float(variances.queries):
        return ScoreShares(None, None, "its scores are all alike")
    return ScoreShares(content / (content + position), position / (content + position), None)


def find_mixture(model: Encoder, layer: int, head: int) -> str | None:
    """Return what puts positions into queries and keys, where they can't be told from content, if any."""
    encoding, _ = model.layers[layer].attention.positions.of_head(head)
    if not encoding.uses_content:
        return None
    if model.positions.in_embedding is not None:
        return "position is in the embedding"
    return None if encoding.in_queries is None else "position is in queries and keys"

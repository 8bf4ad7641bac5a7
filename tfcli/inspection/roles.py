"""What role a head plays: on which patterns its weight lies, over many sequences, beside chance.

Axes: B batch, T position, H head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tfcli.evaluation import IGNORE, SCORES_A_PASS
from tfcli.inspection.shares import ScoreVariances, measure_variances, pool_variances, share_scores
from tfcli.model.coordinates import Coordinates
from tfcli.model.encoder import Encoder
from tfcli.model.trace import ForwardTrace
from tfcli.records.inspection import HeadRoles, PatternScore, ScoreShares

if TYPE_CHECKING:
    from tasks.base import Batch, Task

CLEAR = 0.5  # a role is named for this much of the way from chance to all of the weight
CLEAR_ORDER = 0.75  # ... or this much for larger and smaller: a head that likes one symbol comes half-way
FEW = 10  # ... in at least so many sequences
UNIFORM = 0.998  # ... and "uniform" for this much overlap with a uniform row: an untrained head has less

Pattern = Callable[[Tensor], Tensor]  # inputs [B, T] -> the keys that belong to it for each query, [B, T, T]


def at_offset(offset: int) -> Pattern:
    """Return the pattern of the key that many positions after the query."""
    return lambda inputs: match_positions(inputs, lambda query, key: key - query == offset)


def mirrored(inputs: Tensor) -> Tensor:
    """Return the key at the query's mirror image; the middle of an odd length is its own and has none."""
    last = inputs.shape[1] - 1
    return match_positions(inputs, lambda query, key: (query + key == last) & (query != key))


def match_positions(inputs: Tensor, rule: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return a rule on the positions of query and key as a pattern, bool [B, T, T]."""
    B, T = inputs.shape[:2]
    at = torch.arange(T, device=inputs.device)
    return rule(at[:, None], at[None, :]).expand(B, T, T)


def same_symbol(inputs: Tensor) -> Tensor:
    """Return the other keys with the query's symbol."""
    return (inputs[:, :, None] == inputs[:, None, :]) & ~at_offset(0)(inputs)


def after_the_same(inputs: Tensor) -> Tensor:
    """Return the keys that come right after an earlier token with the query's symbol."""
    earlier = same_symbol(inputs).tril(-1)
    return torch.nn.functional.pad(earlier, (1, 0))[..., :-1]


# Of names for the same keys the earlier one is shown first.
PATTERNS: dict[str, Pattern] = {
    "mirrored": mirrored,
    "same position": at_offset(0),
    "previous": at_offset(-1),
    "next": at_offset(1),
    "first": lambda inputs: match_positions(inputs, lambda query, key: key == 0),
    "last": lambda inputs: match_positions(inputs, lambda query, key: key == key.max()),
    "same symbol": same_symbol,
    "larger symbol": lambda inputs: inputs[:, None, :] > inputs[:, :, None],
    "smaller symbol": lambda inputs: inputs[:, None, :] < inputs[:, :, None],
}
# Of models whose queries see what came before alone.
CAUSAL_PATTERNS: dict[str, Pattern] = {
    "induction": lambda inputs: after_the_same(inputs),
    "duplicate": lambda inputs: same_symbol(inputs).tril(-1),
}
BY_PLACE = ("mirrored", "same position", "previous", "next", "first", "last")
ORDERED = ("larger symbol", "smaller symbol")
TWINS = "same position, where another token has the same symbol"
FEWEST_ORDERED = 4  # symbols; of fewer, a head that happens to like one passes for one that compares


def patterns_of(
    task: Task, inputs: Tensor, *, causal: bool = False, of_each_token: bool = False
) -> dict[str, Tensor]:
    """Every pattern for `inputs` [B, T], and the keys that the answer is read from, where the task can say.

    Where answers are more than tokens, or fewer, the latter alone are patterns. `source symbol` are all keys
    with the symbol of the source: any of them would do for a head that goes by content. Where queries are
    `of_each_token`, wherever answers are read, nothing is said of sources.
    """
    T = inputs.shape[1]
    own = {} if of_each_token else source_patterns(task, inputs, causal=causal)
    lengths = (T, task.nearest_length(T + 2))  # one may be as long by chance
    if not of_each_token and any(task.answer_length(n) != n for n in lengths):
        return own
    known = {**CAUSAL_PATTERNS, **PATTERNS} if causal else PATTERNS
    if task.N_FEATURES is not None:  # tokens made of numbers are no symbols, to be the same or larger
        known = {name: pattern for name, pattern in known.items() if name in BY_PLACE}
    patterns = {name: pattern(inputs) for name, pattern in known.items()}
    if task.vocab_size < FEWEST_ORDERED or not task.DRAWS:  # the pieces of a text have no order
        patterns = {name: pattern for name, pattern in patterns.items() if name not in ORDERED}
    return {"mirrored": patterns.pop("mirrored"), **own, **patterns} if own else patterns


def source_patterns(task: Task, inputs: Tensor, *, causal: bool = False) -> dict[str, Tensor]:
    """Return the keys that each answer to `inputs` [B, T] is read from, bool [B, M, T]; none for some."""
    source = task.source(inputs)
    if source is None:
        return {}
    counts = source != IGNORE
    if causal:
        counts = counts & (task.target(inputs.clone()) != IGNORE)
    at = torch.arange(inputs.shape[1], device=inputs.device)
    found = {"source": (source[..., None] == at) & counts[..., None]}
    if task.N_FEATURES is None:
        symbols = inputs.gather(1, source.clamp(min=0))
        found["source symbol"] = (symbols[..., None] == inputs[:, None, :]) & counts[..., None]
    return found


class Tally(NamedTuple):
    """A sum over queries, over how many of them, and of how many sequences."""

    weight: Tensor  # [depth, H]
    chance: Tensor  # []
    queries: Tensor  # []
    sequences: Tensor  # []


def find_roles(model: Encoder, task: Task, batches: Sequence[Batch]) -> list[HeadRoles]:
    """Find what each head looks at in `batches`, over all queries of sequences of two and more.

    Patterns are of the queries at the answers and the keys of the input; where there aren't as many of both,
    the source alone is looked for, and where the answer is read at the first token, all queries count.

    A query counts for a pattern only if it could look elsewhere: where all keys or none belong to the
    pattern, there is nothing to see.
    """
    tallies: dict[str, list[Tally]] = {}
    entropies: list[Tally] = []
    variances: list[list[ScoreVariances]] = [[] for _ in range(model.loops * model.n_layers)]
    for inputs, trace in trace_batches(model, [batch for batch in batches if batch.inputs.shape[1] > 1]):
        weights = torch.stack([layer.attn_weights for layer in trace.layers])  # [depth, B, H, L, L]
        T, L = inputs.shape[1], weights.shape[-1]
        n_keys = trace.at.keys_of_each_query.float()  # [B or 1, L or 1]
        begin, reads_first = int(model.layout.begin), model.layout.reads_first
        first_query = begin if reads_first else model.layout.first_answer(T)
        reading = weights[..., first_query:, begin:][..., :T]
        patterns = patterns_of(task, inputs, causal=model.layout.open_ended, of_each_token=reads_first)
        reachable = within_reach(patterns, trace.at, begin)
        n_of_reading = n_keys.expand(-1, L)[:, first_query:]
        found = {name: tally_pattern(reading, keys, n_of_reading) for name, keys in reachable.items()}
        if "same position" in patterns and task.N_FEATURES is None:
            has_twin = same_symbol(inputs).any(-1, keepdim=True)
            found[TWINS] = tally_pattern(reading, patterns["same position"] & has_twin, n_of_reading)
        even = 1 / n_keys[:, None, :, None]
        found["uniform"] = tally_queries(weights.clamp(max=even), torch.ones(()))
        entropies.append(tally_queries(-torch.xlogy(weights, weights), n_keys.log().mean()))
        for lots, layer in zip(variances, trace.layers, strict=True):
            lots.append(measure_variances(layer, trace.at))
        for name, tally in found.items():
            tallies.setdefault(name, []).append(tally)
    means = {name: mean_of(parts) for name, parts in tallies.items()}
    entropy = mean_of(entropies) if entropies else None
    pooled = [pool_variances(lots, model.n_heads) for lots in variances]
    return [
        name_roles(
            means,
            entropy,
            share_scores(model, depth % model.n_layers, head, pooled[depth]),
            model.shown_loop(depth // model.n_layers),
            depth % model.n_layers,
            head,
            depth,
        )
        for depth in range(model.loops * model.n_layers)
        for head in range(model.n_heads)
    ]


def within_reach(patterns: dict[str, Tensor], at: Coordinates, begin: int) -> dict[str, Tensor]:
    """Return patterns without the keys that a causal model's queries can't see; others may see all."""
    if not at.mask.is_causal or at.allowed is None:
        return patterns
    allowed = at.allowed[:, 0, begin:, begin:]
    if any(pattern.shape[1:] != allowed.shape[1:] for pattern in patterns.values()):
        return patterns  # of blanks, which see all of the input
    return {name: pattern & allowed for name, pattern in patterns.items()}


def trace_batches(model: Encoder, batches: Sequence[Batch]) -> Iterator[tuple[Tensor, ForwardTrace]]:
    """Trace `batches`, as many sequences [B, T] at a time as there is memory for."""
    model.eval()
    for batch in batches:
        T = batch.inputs.shape[1]
        L = model.layout.sequence_length(T)
        rows = max(1, SCORES_A_PASS // (4 * model.loops * model.n_layers * model.n_heads * L * L))
        for inputs in torch.split(batch.inputs, rows):
            trace = ForwardTrace()
            with torch.inference_mode():
                model(inputs, trace=trace)
            yield inputs, trace


def tally_pattern(weights: Tensor, pattern: Tensor, n_keys: Tensor) -> Tally:
    """Return the weight [depth, B, H, T, T] on a pattern [B, T, T], over the queries that could do otherwise.

    `n_keys` [B or 1, T] is how many keys each query has in all.
    """
    keys = pattern.sum(-1)  # [B, T]
    counts = (keys > 0) & (keys < n_keys)
    weight = torch.einsum("lbhqk,bqk->lh", weights, (pattern & counts[..., None]).float())
    return Tally(weight, (keys * counts / n_keys).sum(), counts.sum(), counts.any(-1).sum())


def tally_queries(values: Tensor, of_uniform: Tensor) -> Tally:
    """Values [depth, B, H, T, T] summed over keys and queries, beside those of a uniform head."""
    _, B, _, T, _ = values.shape
    queries = torch.tensor(B * T)
    return Tally(values.sum((1, 3, 4)), queries * of_uniform, queries, torch.tensor(B))


def mean_of(parts: Sequence[Tally]) -> Tally:
    """Return the mean over the queries of all parts."""
    weight, chance, queries, sequences = (torch.stack(column).sum(0) for column in zip(*parts, strict=True))
    return Tally(weight / queries, chance / queries, queries, sequences)


def name_roles(
    means: dict[str, Tally],
    entropy: Tally | None,
    shares: ScoreShares,
    loop: int | None,
    layer: int,
    head: int,
    depth: int,
) -> HeadRoles:
    """One head's scores, and the roles that they name; its layer is the one at that depth of the pass."""
    scores = {
        name: PatternScore(float(tally.weight[depth, head]), float(tally.chance))
        for name, tally in means.items()
        if tally.queries > 0
    }
    twins = scores.pop(TWINS, None)
    clarity = {name: clearness(name, scores[name]) for name in scores if means[name].sequences >= FEW}
    roles = sorted((name for name in clarity if clarity[name] > 0), key=lambda name: -round(clarity[name], 1))
    if "source" in roles and "source symbol" in roles:
        roles.remove("source symbol")  # which goes without saying
    if twins and means[TWINS].sequences >= FEW and not clearness(TWINS, twins) and "same position" in roles:
        roles.remove("same position")  # it goes by the symbol, and so looks at its equals as well
    return HeadRoles(
        loop=loop,
        layer=layer,
        head=head,
        roles=roles,
        patterns=scores,
        entropy=0.0 if entropy is None else float(entropy.weight[depth, head]),
        entropy_uniform=0.0 if entropy is None else float(entropy.chance),
        shares=shares,
    )


def clearness(name: str, score: PatternScore) -> float:
    """How clearly a head has a pattern: its share of the way from chance to all; 0 if not clearly."""
    if name == "uniform":
        return score.weight if score.weight >= UNIFORM else 0.0
    gained = (score.weight - score.chance) / (1 - score.chance)
    return gained if gained >= (CLEAR_ORDER if name in ORDERED else CLEAR) else 0.0


def pick_clearest(heads: Sequence[HeadRoles]) -> HeadRoles:
    """Pick the head that looks somewhere most clearly; the first if none does."""

    def clarity(head: HeadRoles) -> float:
        return max(
            (clearness(name, head.patterns[name]) for name in head.roles if name != "uniform"), default=0.0
        )

    return max(heads, key=clarity)

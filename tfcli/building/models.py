"""From a configuration to a task and a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from tfcli import registry
from tfcli.building import parts
from tfcli.building.own_data import build_own
from tfcli.building.sample_counts import check_count
from tfcli.building.texts import build_text
from tfcli.config.labels import find_ambiguity
from tfcli.config.model_section import ModelConfig
from tfcli.config.parts import Part
from tfcli.config.schema import RunConfig
from tfcli.config.task_section import TaskConfig
from tfcli.errors import ConfigError, UsageError
from tfcli.model.attention import Attention
from tfcli.model.blocks import PLACEMENTS, Block, Norms
from tfcli.model.counters import Counters
from tfcli.model.embedding import Embedding, make_embedding
from tfcli.model.encoder import Encoder
from tfcli.model.feed_forward import FeedForward
from tfcli.model.indices import INDICES
from tfcli.model.layout import Layout
from tfcli.model.norms import Norm
from tfcli.model.positions.base import Positions
from tfcli.model.positions.shares import SharedHeads
from tfcli.model.sizes import Sizes

if TYPE_CHECKING:
    from tasks.base import Task


def build_task(config: TaskConfig, run: Path | None = None) -> Task:
    """Return the task of a configuration; that of a text is read with a file of its `run`.

    Raises:
        UsageError: it can't be loaded, or doesn't take these options.
    """
    if config.tokenizer is not None:
        return build_text(config, run or Path())
    if config.data is not None:
        task = build_own(config)
    else:
        task = registry.load_task(
            config.name,
            config.layout if config.objective == "answer" else "next",
            vocab_size=config.vocab_size,
            min_length=config.min_length,
            max_length=config.max_length,
            symbols=config.symbols,
        )
    return registry.derive_task(task, config.objective, config.hidden_share)


def build_layout(config: RunConfig, task: Task) -> Layout:
    """How a configuration lays its task out."""
    return Layout(
        task.vocab_size,
        len(task.answer_symbols),
        task.answer_length,
        appended=config.task.layout == "appended",
        begin=config.model.begin_token,
        open_ended=config.task.layout == "next",
        reads_first=config.task.layout == "first",
        n_features=task.N_FEATURES,
    )


def build_model(config: RunConfig, task: Task) -> Encoder:
    """Return a model with fresh weights, drawn from torch's global random numbers.

    Raises:
        UsageError: a part can't be loaded, or doesn't suit the others.
    """
    if config.model.tie_embeddings and task.answer_symbols != task.symbols[: len(task.answer_symbols)]:
        raise UsageError(
            f"model.tie_embeddings: the answers of {config.task.name} have symbols of their own; leave it out"
        )
    if config.model.input != (reads := input_of(task)):
        raise UsageError(
            f"model.input: {config.task.name} is made of {reads}, not of {config.model.input};"
            f" set model.input={reads}"
        )
    return build_encoder(config.model, build_layout(config, task), task.max_length)


def input_of(task: Task) -> str:
    """Return what the tokens of a task are made of, as `model.input` calls it."""
    return "symbols" if task.N_FEATURES is None else "patches"


def build_for_training(config: RunConfig, lengths: Sequence[int] = ()) -> tuple[Task, Encoder]:
    """Return the task of a configuration, and a model that can read what it trains on and `lengths`.

    Raises:
        UsageError: the task or a part can't be loaded, the model can't read so long an input, or the task
            breaks a promise at one of the lengths.
    """
    task = build_task(config.task)
    if ambiguity := find_ambiguity(
        config, task.symbols
    ):  # of runs that were trained before, nobody asks this
        raise ConfigError([f"task {config.task.name}: {ambiguity}"])
    model = build_model(config, task)
    if config.task.layout == "next":
        check_causality(model)
    setting = "task.max_length"
    try:
        model.check(task.nearest_length(task.max_length))
        setting = "--lengths"
        for length in lengths:
            model.check(task.nearest_length(length))
    except ValueError as error:
        raise UsageError(f"{setting}: {error}") from error
    registry.check_task(task, config.task.name, [n for n in lengths if n > task.max_length])
    check_count(task, config)
    return task, model


def check_causality(model: Encoder) -> None:
    """See to it that no token of a model sees what comes after it, as far as that can be tried.

    Raises:
        UsageError: one does.
    """
    inputs = torch.zeros(1, 4, dtype=torch.int64)
    allowed = model.layout.coordinates(inputs, None, model.mask).allowed
    if allowed is None or bool(allowed.triu(1).any()):
        raise UsageError(
            "model.mask: it lets a token see what comes next, which task.layout=next has it predict"
        )
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model(inputs)
    except ValueError as error:
        raise UsageError(f"model.positions: {error}; choose one that counts from the start") from error


def build_encoder(config: ModelConfig, layout: Layout, max_length: int) -> Encoder:
    """Return an encoder for inputs of up to `max_length` symbols in training.

    Raises:
        UsageError: a part can't be loaded, or isn't what its base class asks for.
    """
    indices = INDICES[config.indices]()
    longest = layout.longest(max_length)
    sizes = Sizes(
        config.d_model,
        config.n_heads,
        config.d_head,
        config.d_ff,
        longest,
        indices.RANGE or longest,
        layout.n_segments,
        config.bias,
        config.dropout,
    )
    # Weights are drawn in this order, on which it depends what a seed means.
    embedding = build_embedding(config, layout)
    counters = Counters(config.counters, layout.n_tokens, sizes.d_model) if config.counters else None
    token_types = parts.make(registry.TOKEN_TYPES, config.token_types, sizes, layout.n_tokens)
    embedding_positions = build_positions(config.positions, sizes, for_input=True)[0]
    in_layers = build_positions(config.positions, sizes, n_layers=config.n_layers)
    blocks = [build_block(config, sizes, positions) for positions in in_layers]
    norm = build_norm(config, sizes, there=not PLACEMENTS[config.norm_placement].after)
    head_norm = build_norm(config, sizes, there=True)
    return Encoder(
        layout,
        embedding,
        embedding_positions,
        indices,
        parts.make(registry.MASKS, config.mask),
        counters,
        token_types,
        build_norm(config, sizes, there=config.embedding_norm),
        blocks,
        norm,
        parts.make(registry.OUTPUT_HEADS, config.output_head, sizes, head_norm),
        loops=config.loops,
        dropout=config.dropout,
        bias=config.bias,
        tie_embeddings=config.tie_embeddings,
        logit_bias=config.logit_bias,
    )


def build_embedding(config: ModelConfig, layout: Layout) -> Embedding:
    """Return a vector for each token; small ones where they are multiplied afterwards, or give the logits."""
    embedding = make_embedding(
        layout.n_tokens, config.d_model, layout.n_features, scaled=config.scale_embeddings
    )
    if config.scale_embeddings or config.tie_embeddings:
        nn.init.normal_(embedding.weight, std=config.d_model**-0.5)
    return embedding


def build_block(config: ModelConfig, sizes: Sizes, positions: Positions) -> Block:
    """One layer, which owns its parts."""
    placement = PLACEMENTS[config.norm_placement]
    attention: Attention = parts.make(
        registry.ATTENTIONS,
        config.attention,
        sizes,
        positions,
        parts.make(registry.ATTENTION_SCALES, config.attention_scale, sizes),
        parts.make(registry.ATTENTION_WEIGHTS, config.attention_weights),
    )
    feed_forward: FeedForward | None = parts.make(registry.FEED_FORWARDS, config.feed_forward, sizes)
    if type(feed_forward) is FeedForward:
        feed_forward = None

    def norms() -> Norms:
        return Norms(
            *(
                build_norm(config, sizes, there)
                for there in (placement.before, placement.inside, placement.after)
            )
        )

    around_attention, around_feed_forward = norms(), None
    if feed_forward is not None:
        around_feed_forward = Norms(*3 * [Norm(sizes)]) if placement.shares_norm else norms()
    return placement.block(attention, feed_forward, around_attention, around_feed_forward, config.dropout)


def build_norm(config: ModelConfig, sizes: Sizes, there: bool) -> Norm:
    """Return the norm of a configuration, or none where it doesn't stand."""
    norm: Norm = parts.make(registry.NORMS, config.norm, sizes) if there else Norm(sizes)
    return norm


def build_positions(
    part: Part, sizes: Sizes, *, n_layers: int = 1, for_input: bool = False
) -> list[Positions]:
    """Return the encoding of each layer, or the one for the input."""
    made = []
    for share in part.named():
        cls = parts.load(registry.POSITIONS, share)
        group = sizes._replace(n_heads=share.heads or sizes.n_heads)
        build = cls.for_input if for_input else cls.for_layers
        words = (group,) if for_input else (n_layers, group)
        found = parts.call(registry.POSITIONS, share, build, *words, **share.settings)
        made.append([found] if for_input else found)
    if not part.shares:
        return made[0]
    names, heads = [share.name for share in part.shares], [share.heads or 0 for share in part.shares]
    return [SharedHeads(sizes, encodings, heads, names) for encodings in zip(*made, strict=True)]

"""A run as a model of an architecture that `import` knows, by the same tables read backwards.

What the tables make of an architecture's settings is held against the run: where both are the same
configuration, the architecture computes what the run does, and its tensors are the run's own, taken apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from tfcli.config.model_section import ModelConfig
from tfcli.config.parts import Part
from tfcli.errors import UsageError
from tfcli.exporting.describing import describe
from tfcli.model.encoder import Encoder
from tfcli.pretrained.conversion import make_config
from tfcli.pretrained.names import CLASSES, NAMES, Head
from tfcli.pretrained.settings import ACTIVATIONS, SETTINGS, BertSettings, RobertaSettings, Settings
from tfcli.pretrained.sources import Target, list_sources
from tfcli.pretrained.tensors import twins_of

TRAINING_ONLY = {"dropout"}  # settings that change no answer
TITLES = {"bert": "BERT", "roberta": "RoBERTa", "distilbert": "DistilBERT", "gpt2": "GPT-2"}


class Candidate(NamedTuple):
    """An architecture with a head that a run may be a model of, and what stands against it."""

    architecture: str
    head: Head
    target: Target
    misfits: list[str]

    @property
    def class_name(self) -> str:
        """What its class is called."""
        return self.target.names.classes + next(end for end, kind in CLASSES.items() if kind == self.head)


def find_candidate(
    config: ModelConfig, model: Encoder, labels: Sequence[str], architecture: str | None, padding: int
) -> Candidate:
    """Return the architecture that computes what a model does, by its own name if it was imported.

    Args:
        labels: of the answers, where one is given to the whole input.
        architecture: that it was imported as.
        padding: the id of the padding, from which RoBERTa counts.

    Raises:
        UsageError: there is none.
    """
    order = sorted(NAMES, key=lambda name: name != architecture)
    found = [one for name in order for one in list_candidates(name, config, model, labels, padding)]
    best = min(found, key=lambda candidate: len(candidate.misfits))
    if best.misfits:
        title = TITLES[best.architecture]
        raise UsageError(
            f"none of {', '.join(TITLES.values())} computes what it does; {title}, the nearest, doesn't have "
            f"{', '.join(best.misfits)}; --to onnx takes nearly any"
        )
    return best


def list_candidates(
    name: str, config: ModelConfig, model: Encoder, labels: Sequence[str], padding: int
) -> Iterator[Candidate]:
    """Yield an architecture with each of the heads that it can have."""
    names = NAMES[name]
    for head in (*names.heads, "none"):
        if head == "classifier" and not labels:
            continue
        settings = make_settings(name, config, model, labels if head == "classifier" else (), padding)
        has_types = names.types is not None and config.token_types.name == "separated"
        target = Target(
            names,
            settings,
            names.heads.get(head),
            head == "none" or (head != "classifier" and config.tie_embeddings),
            len(labels) if head == "classifier" else 0,
            has_types,
        )
        if target.head is not None and target.head.bias is not None and not target.is_tied:
            own = target.head._replace(bias=f"{target.head.logits}.bias")  # as `import` reads it
            target = target._replace(head=own)
        yield Candidate(name, head, target, list(list_misfits(target, config, model)))


def make_settings(
    name: str, config: ModelConfig, model: Encoder, labels: Sequence[str], padding: int
) -> Settings:
    """Return what the config.json of an architecture would say of a run."""
    of = SETTINGS[name]
    offset = padding + 1 if issubclass(of, RobertaSettings) else 0
    activation = config.feed_forward.settings.get("activation")
    ours: dict[str, Any] = {
        "tie_word_embeddings": config.tie_embeddings or bool(labels),
        "id2label": {str(number): label for number, label in enumerate(labels)} or None,
        "vocab_size": model.layout.n_symbols,
        "d_model": config.d_model,
        "n_heads": config.n_heads,
        "n_layers": config.n_layers,
        "d_ff": config.d_ff,
        "longest": (model.positions.longest or 1) + offset,
        "activation": next((theirs for theirs, its in ACTIVATIONS.items() if its == activation), "gelu"),
        "epsilon": config.norm.settings.get("epsilon", 1e-5),
        "n_types": config.token_types.settings.get("count", 1) if of is BertSettings else 1,
        "offset": offset,
        "pad_token_id": padding,
    }
    return of.model_construct(**{key: value for key, value in ours.items() if key in of.model_fields})


def list_misfits(target: Target, config: ModelConfig, model: Encoder) -> Iterator[str]:
    """Yield what a run has that a model of theirs can't have, by the settings that say so."""
    layout = model.layout
    if layout.appended:
        yield "task.layout appended"
    elif layout.reads_first and not target.n_classes:
        yield "task.layout first"
    elif not target.n_classes and layout.n_answers != layout.n_symbols:
        yield "answers with other symbols than its inputs"
    separator = config.token_types.settings.get("separator") if target.has_types else None
    theirs = make_config(Path(), target, separator)
    for key in ModelConfig.model_fields:
        ours, its = getattr(config, key), getattr(theirs, key)
        if key not in TRAINING_ONLY and ours != its:
            same_name = isinstance(ours, Part) and ours.name == its.name
            yield f"model.{key} {describe(ours, settings=same_name)}"
    names_a_bias = any(ours == "unembedding.bias" and source.parts for ours, source in list_sources(target))
    bias = model.unembedding.bias if model.unembedding is not None else None
    if bias is not None and not names_a_bias and not target.is_tied and bool(bias.any()):
        yield "biases of its logits"


def make_tensors(candidate: Candidate, model: Encoder) -> dict[str, Tensor]:
    """Return the tensors of a model as its architecture names them."""
    target, own = candidate.target, model.state_dict()
    found: dict[str, Tensor] = {}
    for ours, source in list_sources(target):
        parts = source.split(own[ours], list(source.parts.values()))
        found |= dict(zip(source.parts, parts, strict=True))
    original = target._replace(head=target.names.heads.get(candidate.head))
    if not target.is_tied:  # what others tie is written twice where it isn't tied
        found |= {bias: found[twin].clone() for twin, bias in twins_of(original) if twin in found}
    return {target.names.full(name, original.head): tensor.contiguous() for name, tensor in found.items()}


def describe_settings(candidate: Candidate) -> dict[str, Any]:
    """Return what config.json says of a model."""
    settings = candidate.target.settings
    of = type(settings)
    left_out = {"offset", "architectures"} | (
        {"n_types"} if of.model_fields["n_types"].alias is None else set()
    )
    said = settings.model_dump(by_alias=True, exclude=left_out)
    if labels := settings.id2label:
        said["label2id"] = {label: int(number) for number, label in labels.items()}
    else:
        del said["id2label"]
    ends = {"bos_token_id": None, "eos_token_id": None} if candidate.architecture == "gpt2" else {}
    return {
        "model_type": candidate.architecture,
        "architectures": [candidate.class_name],
        "dtype": "float32",
        **said,
        **ends,
    }

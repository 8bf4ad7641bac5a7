"""From a folder as Hugging Face saves it to an encoder of this house, with the same logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from tfcli.building.models import build_encoder
from tfcli.building.without_numbers import WithoutDraws
from tfcli.config.messages import explain
from tfcli.config.model_section import ModelConfig
from tfcli.errors import UsageError
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.pretrained.folder import CONFIG, check_folder
from tfcli.pretrained.names import CLASSES, NAMES, Head, Names
from tfcli.pretrained.settings import RobertaSettings, Settings, read_settings
from tfcli.pretrained.sources import Target
from tfcli.pretrained.tensors import Tensors
from tfcli.registry import find_problem_of_symbols


class Converted(NamedTuple):
    """A model of somebody else as one of ours."""

    architecture: str  # as config.json calls it
    head: Head
    config: ModelConfig
    model: Encoder
    longest: int  # tokens that it can read
    labels: list[str]  # of a classifier
    notes: list[str]  # what a person should know


def convert(folder: Path, separator: int | None = None) -> Converted:
    """Return the model of a folder, in evaluation mode.

    Args:
        separator: the id of the symbol that ends a segment; without it all tokens are of the first type.

    Raises:
        UsageError: the folder holds no model, one that can't be imported, or one that contradicts itself.
    """
    check_folder(folder)
    architecture, settings = read_settings(folder)
    if isinstance(settings, RobertaSettings):
        settings = settings.model_copy(update={"offset": settings.pad_token_id + 1})
        if settings.offset >= settings.longest:
            raise UsageError(
                f"{folder / CONFIG}: pad_token_id leaves no position; its model can read nothing"
            )
    names = NAMES[architecture]
    found = Tensors(folder, names)
    head = find_head(folder, names, settings, found)
    target = aim(names, settings, head, found, separator)
    config = make_config(folder / CONFIG, target, separator)
    made = found.make(target)
    longest = settings.longest - settings.offset
    answers = target.n_classes or None
    is_first = bool(target.n_classes)
    layout = Layout(
        settings.vocab_size,
        answers,
        (lambda length: 1) if is_first else (lambda length: length),
        reads_first=is_first,
    )
    with WithoutDraws():
        model = build_encoder(config, layout, longest)
    model.load_state_dict(made)
    labels = name_classes(settings, target.n_classes)
    return Converted(
        architecture, head, config, model.eval(), longest, labels, list_notes(target, head, found)
    )


def find_head(folder: Path, names: Names, settings: Settings, found: Tensors) -> Head:
    """Return the head that a model has, by the class that config.json names, or by its tensors.

    Raises:
        UsageError: it is none that can be imported.
    """
    if settings.architectures:
        said = settings.architectures[0]
        head = CLASSES.get(said.removeprefix(names.classes)) if said.startswith(names.classes) else None
        if head is None or not (head == "none" or head in names.heads):
            known = [
                f"{names.classes}{end}" for end, kind in CLASSES.items() if kind in ("none", *names.heads)
            ]
            raise UsageError(
                f"{folder / CONFIG}: the class {said[:60]!r} can't be imported; save the model as one of "
                f"{', '.join(known)}"
            )
        return head
    for head, its in names.heads.items():
        if found.has(its.bias or f"{its.logits}.weight"):
            return head
    return "none"


def aim(names: Names, settings: Settings, head: Head, found: Tensors, separator: int | None) -> Target:
    """Return what a model becomes."""
    its = names.heads.get(head)
    n_classes = 0
    if head == "classifier" and its is not None:
        logits = f"{its.logits}.weight"
        n_classes = found.shape(logits)[0] if found.has(logits) and found.shape(logits) else 2
    is_tied = head in ("none", "causal", "masked") and (head == "none" or settings.tie_word_embeddings)
    own_bias = f"{its.logits}.bias" if its is not None else ""
    if its is not None and its.bias is not None and not is_tied and found.has(own_bias):
        its = its._replace(bias=own_bias)  # the other one is no longer the same, and nothing reads it
    has_types = names.types is not None and settings.n_types > 1 and separator is not None
    return Target(names, settings, its, is_tied, n_classes, has_types)


def make_config(path: Path, target: Target, separator: int | None) -> ModelConfig:
    """Return the configuration of an encoder that computes what a model of theirs does.

    Raises:
        UsageError: it doesn't fit together.
    """
    settings, head, is_causal = target.settings, target.head, target.names.last_norm is not None
    activation = settings.our_activation(path)
    output_head: Any = "linear"
    if head is not None and head.dense is not None:
        chosen = head.activation or activation
        output_head = {"name": "dense", "activation": chosen, "norm_after": head.norm is not None}
    token_types: Any = "none"
    if target.has_types:
        token_types = {"name": "separated", "separator": separator, "count": settings.n_types}
    try:
        return ModelConfig.model_validate(
            {
                "d_model": settings.d_model,
                "n_heads": settings.n_heads,
                "n_layers": settings.n_layers,
                "d_ff": settings.d_ff,
                "positions": "learned",
                "mask": "causal" if is_causal else "none",
                "token_types": token_types,
                "embedding_norm": target.names.embedding_norm is not None,
                "feed_forward": {"name": "mlp", "activation": activation},
                "norm": {"name": "layer", "epsilon": settings.epsilon},
                "norm_placement": "pre" if is_causal else "post",
                "output_head": output_head,
                "tie_embeddings": target.is_tied,
                "logit_bias": target.is_tied and head is not None and head.bias is not None,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        problem = explain({**first, "loc": ("model", *first["loc"])})
        raise UsageError(f"{path}: {problem}") from error


def name_classes(settings: Settings, count: int) -> list[str]:
    """Return what classes are called; by their numbers where their names don't tell them apart."""
    named = settings.id2label or {}
    labels = ["_".join(named.get(str(number), "").split()) for number in range(count)]
    if not count or find_problem_of_symbols(labels, at_least=1) is None:
        return labels
    return [f"LABEL_{number}" for number in range(count)]


def list_notes(target: Target, head: Head, found: Tensors) -> list[str]:
    """Return what a person should know of a model that was imported."""
    notes = []
    if head == "none":
        notes.append(
            "it has no head: its logits are products with the embeddings, for which it wasn't trained"
        )
    if target.settings.n_types > 1 and target.names.types is not None and not target.has_types:
        notes.append("without a tokenizer that has a separator, every text is one segment")
    if found.has("pooler.dense.weight") and head != "classifier":
        notes.append("its pooler is left out: nothing here reads it")
    return notes

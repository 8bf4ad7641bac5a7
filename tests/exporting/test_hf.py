"""Folders as Hugging Face saves them: `import` reads them back, and transformers answers alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.pretrained import foreign
from tfcli.building.models import build_encoder
from tfcli.config.model_section import ModelConfig
from tfcli.errors import UsageError
from tfcli.exporting.hf import Candidate, describe_settings, find_candidate, make_tensors
from tfcli.model.encoder import Encoder
from tfcli.model.layout import Layout
from tfcli.pretrained.conversion import convert

CLOSE = 1e-5  # of the largest logit
CASES = [(name, head) for name, heads in foreign.HEADS.items() for head in heads]
SYMBOLS, LONGEST = 9, 12
LABELS = ["bad", "good", "so_so"]
GPT2 = {
    "positions": "learned",
    "mask": "causal",
    "feed_forward": {"name": "mlp", "activation": "gelu_tanh"},
    "tie_embeddings": True,
}
BERT = {"positions": "learned", "norm_placement": "post", "embedding_norm": True, "tie_embeddings": True}
MASKED = {**BERT, "output_head": "dense", "logit_bias": True}
POOLED = {
    **BERT,
    "tie_embeddings": False,
    "output_head": {"name": "dense", "activation": "tanh", "norm_after": False},
}
OWN: dict[str, tuple[Layout, dict[str, Any], str]] = {
    "causal": (Layout(SYMBOLS, open_ended=True), GPT2, "GPT2LMHeadModel"),
    "causal, relu": (
        Layout(SYMBOLS),
        {**GPT2, "feed_forward": {"name": "mlp", "activation": "relu"}},
        "GPT2LMHeadModel",
    ),
    "no head": (Layout(SYMBOLS), BERT, "BertModel"),
    "masked": (Layout(SYMBOLS), MASKED, "BertForMaskedLM"),
    "masked, untied": (
        Layout(SYMBOLS),
        {**MASKED, "tie_embeddings": False, "logit_bias": False, "dropout": 0.1},
        "BertForMaskedLM",
    ),
    "classifier": (
        Layout(SYMBOLS, 3, lambda length: 1, reads_first=True),
        POOLED,
        "BertForSequenceClassification",
    ),
    "classifier, relu": (
        Layout(SYMBOLS, 3, lambda length: 1, reads_first=True),
        {**POOLED, "output_head": {"name": "dense", "activation": "relu", "norm_after": False}},
        "DistilBertForSequenceClassification",
    ),
}


def make_own(layout: Layout, options: dict[str, Any]) -> tuple[ModelConfig, Encoder]:
    torch.manual_seed(0)
    config = ModelConfig.model_validate({"d_model": 16, "n_heads": 2, "n_layers": 2, "d_ff": 20, **options})
    model = build_encoder(config, layout, LONGEST)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return config, model.eval()


def write(folder: Path, candidate: Candidate, model: Encoder) -> dict[str, Tensor]:
    tensors = make_tensors(candidate, model)
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(describe_settings(candidate)), encoding="utf-8")
    return tensors


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < CLOSE


def logits_of(folder: Path, candidate: Candidate, ids: Tensor, **words: Tensor) -> Tensor:
    """Return the logits of transformers, whose weights are all in the folder."""
    cls = getattr(foreign.transformers, candidate.class_name)
    model, loaded = cls.from_pretrained(folder, output_loading_info=True)
    assert {name.split(".")[0] for name in loaded["missing_keys"]} <= {"pooler"}
    assert not loaded["unexpected_keys"]
    with torch.no_grad():
        said = model.eval()(ids, **words)
    if "logits" in said:
        logits: Tensor = said.logits
        return logits
    products: Tensor = said.last_hidden_state @ model.get_input_embeddings().weight.detach().T
    return products


@pytest.mark.parametrize("is_tied", [True, False])
@pytest.mark.parametrize(("architecture", "head"), CASES)
def test_what_was_imported_is_exported_as_it_was(
    architecture: str, head: str, is_tied: bool, tmp_path: Path
) -> None:
    theirs = foreign.save(tmp_path / "theirs", architecture, head, tie_word_embeddings=is_tied)
    imported = convert(tmp_path / "theirs", foreign.SEPARATOR)
    found = find_candidate(
        imported.config, imported.model, imported.labels, imported.architecture, foreign.PAD
    )
    assert found.architecture == architecture
    tensors, original = (
        write(tmp_path / "ours", found, imported.model),
        load_file(tmp_path / "theirs" / "model.safetensors"),
    )
    prefix = found.target.names.prefix
    bare = {name.removeprefix(prefix): tensor for name, tensor in original.items()}
    for name, tensor in tensors.items():
        name = name.removeprefix(prefix)
        if architecture == "roberta" and "position_embeddings" in name:  # has the one type in it
            rows = bare[name] + bare["embeddings.token_type_embeddings.weight"][0]
            assert torch.equal(tensor[foreign.PAD + 1 :], rows[foreign.PAD + 1 :])
        elif not (architecture == "roberta" and "token_type" in name) and name not in (
            "cls.predictions.bias",
            "lm_head.bias",
        ):
            assert torch.equal(tensor, bare[name]), name
    again = convert(tmp_path / "ours", foreign.SEPARATOR)
    assert (again.config, again.labels, again.longest) == (imported.config, imported.labels, imported.longest)
    for ours, tensor in imported.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[ours]), ours
    of = foreign.sequences(0)
    types = {"token_type_ids": of.types} if architecture == "bert" else {}
    logits = logits_of(tmp_path / "ours", found, of.ids, attention_mask=of.may_attend.long(), **types)
    with torch.no_grad():
        said = theirs(of.ids, attention_mask=of.may_attend.long(), **types)
    expected = said[0] if head != "Model" else said[0] @ theirs.get_input_embeddings().weight.detach().T
    real = of.may_attend if expected.dim() == 3 else ...
    assert_close(logits[real], expected[real])


@pytest.mark.parametrize("name", OWN)
def test_an_own_run_with_the_same_parts_becomes_one_of_theirs(name: str, tmp_path: Path) -> None:
    layout, options, class_name = OWN[name]
    config, model = make_own(layout, options)
    labels = LABELS if layout.reads_first else []
    found = find_candidate(config, model, labels, None, 1)
    assert found.class_name == class_name
    write(tmp_path / "ours", found, model)
    again = convert(tmp_path / "ours")
    assert again.config == config.model_copy(update={"dropout": 0.0})
    assert again.labels == labels
    for ours, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[ours]), ours
    ids = torch.randint(SYMBOLS, (3, LONGEST), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(ids)
    logits = logits_of(tmp_path / "ours", found, ids)
    assert_close(logits, expected[:, 0] if layout.reads_first else expected)


REFUSED = [
    (
        Layout(SYMBOLS),
        {"positions": "rotary", **{k: v for k, v in GPT2.items() if k != "positions"}},
        "GPT-2, the nearest, doesn't have model.positions rotary;",
    ),
    (
        Layout(SYMBOLS),
        {**GPT2, "norm": "rms", "loops": 2},
        "doesn't have model.loops 2, model.norm rms;",
    ),
    (Layout(SYMBOLS), {**GPT2, "bias": False}, "doesn't have model.bias false;"),
    (Layout(SYMBOLS), {**GPT2, "tie_embeddings": False}, "doesn't have biases of its logits;"),
    (Layout(SYMBOLS), {**GPT2, "begin_token": True}, "doesn't have model.begin_token true;"),
    (
        Layout(SYMBOLS),
        {**GPT2, "positions": {"learned": 1, "rank": 1}},
        "model.positions {learned: 1, rank: {heads: 1, gate: [0.1, 10.0], slope: [0.1, 3.0]}};",
    ),
    (Layout(SYMBOLS, appended=True), MASKED, "BERT, the nearest, doesn't have task.layout appended;"),
    (
        Layout(SYMBOLS, 4),
        MASKED,
        "BERT, the nearest, doesn't have answers with other symbols than its inputs;",
    ),
    (
        Layout(SYMBOLS, 3, lambda length: 1, reads_first=True),
        GPT2,
        "GPT-2, the nearest, doesn't have task.layout first;",
    ),
    (Layout(SYMBOLS), POOLED, "norm_after: false};"),
]


@pytest.mark.parametrize(("layout", "options", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_what_no_architecture_has_is_named(layout: Layout, options: dict[str, Any], message: str) -> None:
    config, model = make_own(layout, options)
    with pytest.raises(UsageError) as caught:
        find_candidate(config, model, LABELS if layout.reads_first else [], None, 1)
    assert message in str(caught.value)
    assert str(caught.value).startswith("none of BERT, RoBERTa, DistilBERT, GPT-2 computes what it does; ")
    assert "\n" not in str(caught.value)


def test_logits_with_biases_of_zero_are_those_of_gpt2() -> None:
    config, model = make_own(Layout(SYMBOLS), {**GPT2, "tie_embeddings": False})
    assert model.unembedding is not None
    nn.init.zeros_(model.unembedding.bias)
    found = find_candidate(config, model, [], None, 1)
    assert not found.target.is_tied
    assert torch.equal(make_tensors(found, model)["lm_head.weight"], model.unembedding.weight)

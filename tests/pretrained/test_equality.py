"""Imported models against transformers: the same logits, and the same weights in every head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.pretrained import foreign
from tfcli.inspection.tracing import measure_deviation, tolerance
from tfcli.model.decoding import CachedModel, can_cache
from tfcli.model.trace import ForwardTrace
from tfcli.pretrained.conversion import Converted, convert

CLOSE = 1e-5  # of the largest number: what two orders of the same float32 sums differ by
CASES = [(name, head) for name, heads in foreign.HEADS.items() for head in heads]


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < CLOSE


def ask(model: Any, of: foreign.Sequences, *, has_types: bool) -> Any:
    types = {"token_type_ids": of.types} if has_types else {}
    with torch.no_grad():
        return model(of.ids, attention_mask=of.may_attend.long(), output_attentions=True, **types)


def expected_logits(model: Any, architecture: str, said: Any) -> Tensor:
    """Their logits; of a bare model the products of what it says with its embeddings."""
    logits: Tensor
    if "prediction_logits" in said:
        logits = said.prediction_logits
    elif "logits" in said:
        logits = said.logits
    else:
        logits = said.last_hidden_state @ model.get_input_embeddings().weight.detach().T
    return logits


def compare(theirs: Any, ours: Converted, of: foreign.Sequences, *, has_types: bool) -> None:
    said = ask(theirs, of, has_types=has_types)
    trace = ForwardTrace()
    with torch.no_grad():
        fused = ours.model(of.ids, of.may_attend)
        traced = ours.model(of.ids, of.may_attend, trace=trace)
    expected = expected_logits(theirs, ours.architecture, said)
    if ours.labels:
        expected = expected[:, None]
    for row, real in enumerate(of.may_attend):
        at = real if not ours.labels else torch.tensor([True])
        for logits in (fused, traced):
            assert_close(logits[row, at], expected[row, at])
        for layer, weights in zip(trace.layers, said.attentions, strict=True):
            found = layer.attn_weights[row][:, real]
            assert_close(found, weights[row][:, real])
            assert (found[:, :, ~real] == 0).all()


@pytest.mark.parametrize("n_segments", [1, 2])
@pytest.mark.parametrize(("architecture", "head"), CASES)
def test_an_imported_model_computes_what_the_original_does(
    architecture: str, head: str, n_segments: int, tmp_path: Path
) -> None:
    theirs = foreign.save(tmp_path, architecture, head)
    ours = convert(tmp_path, foreign.SEPARATOR)
    for seed in range(3):
        compare(theirs, ours, foreign.sequences(seed, n_segments), has_types=architecture == "bert")


@pytest.mark.parametrize(("architecture", "head"), CASES)
def test_every_stage_of_an_imported_model_comes_out_the_same_again(
    architecture: str, head: str, tmp_path: Path
) -> None:
    foreign.save(tmp_path, architecture, head)
    model, inputs, trace = (
        convert(tmp_path, foreign.SEPARATOR).model,
        foreign.sequences(0).ids[0],
        ForwardTrace(),
    )
    with torch.inference_mode():
        model(inputs[None], trace=trace)
        stages = [stage for _, stage in model.stages(inputs, trace)]
    assert all(measure_deviation(stage) <= tolerance(stage) for stage in stages)
    names = [stage.name for stage in stages]
    assert ("output head" in names) == (head not in ("Model", "LMHeadModel"))


@pytest.mark.parametrize(
    ("architecture", "head", "options"),
    [
        ("bert", "ForMaskedLM", {"tie_word_embeddings": False}),
        ("gpt2", "LMHeadModel", {"tie_word_embeddings": False}),
        ("bert", "ForMaskedLM", {"hidden_act": "gelu_new", "layer_norm_eps": 0.1}),
        ("roberta", "ForMaskedLM", {"hidden_act": "relu"}),
        ("distilbert", "ForMaskedLM", {"activation": "relu"}),
        ("gpt2", "LMHeadModel", {"activation_function": "gelu", "n_inner": 30}),
        ("bert", "Model", {"type_vocab_size": 3}),
        ("bert", "ForSequenceClassification", {"num_labels": 2}),
    ],
)
def test_so_it_does_with_other_settings(
    architecture: str, head: str, options: dict[str, Any], tmp_path: Path
) -> None:
    theirs = foreign.save(tmp_path, architecture, head, **options)
    compare(
        theirs, convert(tmp_path, foreign.SEPARATOR), foreign.sequences(0), has_types=architecture == "bert"
    )


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_weights_may_lie_in_several_files_or_be_halves(architecture: str, tmp_path: Path) -> None:
    theirs = foreign.make(architecture, "Model")
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="10KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    compare(theirs, convert(tmp_path / "shards", 5), foreign.sequences(0), has_types=architecture == "bert")
    theirs.to(torch.bfloat16).save_pretrained(tmp_path / "halves")
    halves = convert(tmp_path / "halves", 5)
    compare(theirs.float(), halves, foreign.sequences(0), has_types=architecture == "bert")


def test_without_a_separator_a_text_is_one_segment(tmp_path: Path) -> None:
    theirs = foreign.save(tmp_path, "bert", "ForMaskedLM")
    ours = convert(tmp_path)
    assert ours.notes == ["without a tokenizer that has a separator, every text is one segment"]
    one = foreign.sequences(0)._replace(types=torch.zeros(3, 11, dtype=torch.int64))
    compare(theirs, ours, one, has_types=True)


def test_what_has_no_head_says_so(tmp_path: Path) -> None:
    foreign.save(tmp_path, "bert", "Model")
    assert convert(tmp_path, 5).notes == [
        "it has no head: its logits are products with the embeddings, for which it wasn't trained",
        "its pooler is left out: nothing here reads it",
    ]


def test_positions_of_roberta_begin_after_its_padding(tmp_path: Path) -> None:
    foreign.save(tmp_path, "roberta", "ForMaskedLM")
    assert convert(tmp_path).longest == foreign.LONGEST


def test_an_imported_model_is_cached_to_the_same_logits(tmp_path: Path) -> None:
    foreign.save(tmp_path, "gpt2", "LMHeadModel")
    model = convert(tmp_path).model
    inputs = torch.randint(model.layout.n_symbols, (2, 12), generator=torch.Generator().manual_seed(0))
    assert can_cache(model)
    with torch.inference_mode():
        whole, cache = model(inputs), CachedModel(model)
        for length in range(3, 13):
            assert_close(cache.read(inputs[:, :length]), whole[:, length - 1])


def test_to_import_changes_no_random_numbers(tmp_path: Path) -> None:
    foreign.save(tmp_path, "gpt2", "LMHeadModel")
    before = torch.random.get_rng_state()
    convert(tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)

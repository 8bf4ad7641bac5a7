"""Folders that can't be imported: each is refused in a line that says what, where and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.pretrained import foreign
from tfcli.errors import UsageError
from tfcli.pretrained.conversion import convert

Change = Callable[[Path], None]


def config(**changes: Any) -> Change:
    """Return what changes settings; those that become `...` are taken out."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        values = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({key: value for key, value in values.items() if value is not ...}))

    return change


def tensors(**changes: Any) -> Change:
    """Return what changes tensors; `__` stands for a dot."""

    def change(folder: Path) -> None:
        path = folder / "model.safetensors"
        found = {**load_file(path), **{name.replace("__", "."): value for name, value in changes.items()}}
        save_file({name: value for name, value in found.items() if isinstance(value, Tensor)}, path)

    return change


def text(name: str, content: str | bytes) -> Change:
    """Return what writes a file."""
    data = content.encode() if isinstance(content, str) else content

    def change(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return change


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def several(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


QUERY = "bert__encoder__layer__0__attention__self__query__weight"
TOKENS = "bert__embeddings__word_embeddings__weight"
NO_WEIGHTS = without("model.safetensors")
INDEX = "model.safetensors.index.json"
REFUSED: list[tuple[Change, str]] = [
    (without("config.json"), "no model, for it has no config.json"),
    (text("config.json", "{"), "config.json: no JSON"),
    (text("config.json", "[1]"), "config.json: must hold keys and values"),
    (text("config.json", b"\xff\xfe\x00"), "config.json: no JSON"),
    (
        text("config.json", '{"model_type": "bert", "hidden_size": NaN}'),
        "config.json: no JSON (NaN is no number)",
    ),
    (text("config.json", '{"model_type":' * 100_000), "config.json: "),
    (config(model_type="t5"), "model_type 't5' can't be imported; known are bert, roberta, distilbert, gpt2"),
    (config(model_type=...), "no model_type can't be imported"),
    (config(model_type=["bert"]), "no model_type can't be imported"),
    (config(is_decoder=True), "is_decoder is True, and models are imported with False alone"),
    (config(add_cross_attention=True), "add_cross_attention is True"),
    (config(position_embedding_type="relative_key"), "position_embedding_type is relative_key, and models"),
    (
        config(quantization_config={"bits": 4}),
        "quantization_config is {'bits': 4}, and models are imported with left out",
    ),
    (config(hidden_act="mish"), "the activation 'mish' can't be imported; known are gelu,"),
    (config(hidden_size="24"), 'hidden_size = "24": must be a whole number'),
    (config(hidden_size=...), "hidden_size is missing"),
    (config(num_hidden_layers=10**12), "n_layers = 1000000000000: must be less than or equal to 1000"),
    (config(hidden_size=10**9), "d_model = 1000000000: must be less"),
    (config(num_attention_heads=5), "n_heads = 5: must divide d_model = 24"),
    (config(vocab_size=70_000), "vocab_size = 70000: must be less than or equal to 65536"),
    (config(vocab_size=True), "vocab_size = true: must be a whole number"),
    (config(layer_norm_eps=-1.0), "norm.epsilon = -1.0: must be greater than 0"),
    (
        config(architectures=["BertForQuestionAnswering"]),
        "the class 'BertForQuestionAnswering' can't be imported",
    ),
    (config(architectures=["RobertaForMaskedLM"]), "the class 'RobertaForMaskedLM' can't be imported"),
    (config(architectures="Bert"), 'architectures = "Bert"'),
    (config(architectures=["BertForSequenceClassification"]), "has no tensor"),
    (config(architectures=["BertModel"]), "has no place in the model that config.json describes"),
    (config(num_hidden_layers=4), "has no tensor encoder.layer.3.attention.self.query.weight"),
    (config(num_hidden_layers=2), "the tensor encoder.layer.2"),
    (
        config(vocab_size=60),
        "embeddings.word_embeddings.weight is [61, 24], and config.json makes it [60, 24]",
    ),
    (
        config(intermediate_size=41),
        "intermediate.dense.weight is [40, 24], and config.json makes it [41, 24]",
    ),
    (tensors(**{QUERY: None}), "has no tensor encoder.layer.0.attention.self.query.weight"),
    (tensors(**{QUERY: torch.zeros(24, 23)}), "query.weight is [24, 23]"),
    (tensors(**{QUERY: torch.zeros(24, 24, dtype=torch.int8)}), "is I8; save the model in float32"),
    (tensors(**{QUERY: torch.full((24, 24), torch.nan)}), "some numbers of bert.encoder.layer.0"),
    (tensors(adapter__weight=torch.zeros(2)), "the tensor adapter.weight has no place"),
    (
        tensors(embeddings__word_embeddings__weight=torch.zeros(61, 24)),
        "has tensors with and without 'bert.'",
    ),
    (tensors(cls__predictions__decoder__weight=torch.zeros(61, 24)), "and config.json ties them"),
    (text("model.safetensors", b"\x80\x04rubbish"), "no safetensors file"),
    (NO_WEIGHTS, "no weights; it needs model.safetensors"),
    (several(NO_WEIGHTS, text("pytorch_model.bin", b"\x80")), "pytorch_model.bin: a pickle"),
    (
        several(NO_WEIGHTS, text(INDEX, '{"weight_map": {"a": "b.safetensors"}}')),
        "names the file 'b.safetensors'",
    ),
    (several(NO_WEIGHTS, text(INDEX, '{"weight_map": {"a": "../x/config.json"}}')), "names the file '../x/"),
    (several(NO_WEIGHTS, text(INDEX, '{"weight_map": {"a": 1}}')), "its weight_map must say"),
    (several(NO_WEIGHTS, text(INDEX, "{}")), "its weight_map must say"),
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    foreign.save(folder, "bert", "ForMaskedLM")
    return folder


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[message[:50] for _, message in REFUSED])
def test_what_is_wrong_is_said_in_a_line(change: Change, message: str, saved: Path, tmp_path: Path) -> None:
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    change(tmp_path)
    with pytest.raises(UsageError) as caught:
        convert(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder; name one that"):
        convert(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no such folder"):
        convert(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "head"), [("bert", "ForMaskedLM"), ("bert", "Model"), ("bert", "ForSequenceClassification")]
)
def test_the_head_is_told_by_the_tensors_where_config_json_says_nothing(
    name: str, head: str, tmp_path: Path
) -> None:
    foreign.save(tmp_path, name, head)
    said = convert(tmp_path).head
    config(architectures=...)(tmp_path)
    assert convert(tmp_path).head == said


def test_roberta_needs_a_position_after_its_padding(tmp_path: Path) -> None:
    foreign.save(tmp_path, "roberta", "Model")
    config(pad_token_id=foreign.LONGEST + 1)(tmp_path)
    with pytest.raises(UsageError, match="pad_token_id leaves no position"):
        convert(tmp_path)
    config(pad_token_id=None)(tmp_path)
    with pytest.raises(UsageError, match="pad_token_id = null: must be a whole number"):
        convert(tmp_path)


@pytest.mark.parametrize(
    "labels", [{"0": "a", "1": "a"}, {"0": "a"}, {"0": "\x1b[2J", "1": "b"}, {"0": "", "1": "b"}]
)
def test_classes_whose_names_cannot_be_shown_are_called_by_their_numbers(
    labels: dict[str, str], tmp_path: Path
) -> None:
    foreign.save(tmp_path, "bert", "ForSequenceClassification", num_labels=2)
    config(id2label=labels)(tmp_path)
    assert convert(tmp_path).labels == ["LABEL_0", "LABEL_1"]


def test_norms_by_their_old_names_are_read(tmp_path: Path) -> None:
    foreign.save(tmp_path, "bert", "Model")
    before = convert(tmp_path).model.state_dict()
    path = tmp_path / "model.safetensors"
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, value in load_file(path).items():
        stem = ".".join(name.split(".")[-2:])
        renamed[name.replace(stem, old.get(stem, stem))] = value
    save_file(renamed, path)
    after = convert(tmp_path).model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
